"""What steps have moved of the revenue, and how trials, recoveries and subscriptions have come out.

What is there already is taken up as far as it is known: subscriptions that count open with what they are worth, at
their first payment if their plan has never changed, else now. Their rows have the sequence 0.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that a step waits for a table which others use; whoever comes behind waits as long."""

OPENINGS = """
    with lines as (
        select subscription,
               coalesce(min(at) filter (where kind = 'converted'), min(at) filter (where kind = 'adopted'),
                        min(at) filter (where kind = 'payment_failed')) as began_at,
               bool_or(kind in ('plan_changed', 'moved_to_free')) as has_changed,
               max(at) as latest
        from journal group by subscription
    )
    insert into mrr_movements (subscription, sequence, position, tenant, customer, at, kind, delta, before, after,
                               currency, plan, interval, quantity, add_ons, catalog, from_plan, status_before,
                               status_after, reason_code)
    select s.id, 0, 0, s.tenant, s.customer,
           -- A subscription's own time may be ahead of ours.
           case when l.began_at is null or l.has_changed then greatest(now(), l.latest) else l.began_at end,
           'opening', s.annual, 0, s.annual, s.currency, s.plan, s.interval, s.quantity, s.add_ons, s.catalog, '', '',
           s.status, ''
    from (
        select *, amount * case interval when 'month' then 12 else 1 end as annual from subscriptions
        where status in ('active', 'past_due') and amount > 0
          and jsonb_array_length(coalesce(state -> 'items', '[]')) > 0
    ) s
    left join lines l on l.subscription = s.id
"""

OUTCOMES = """
    with lines as (
        select j.subscription,
               min(at) filter (where kind = 'trial_started') as trial_started_at,
               min(at) filter (where kind = 'adopted') as adopted_at,
               min(at) filter (where kind = 'converted') as converted_at,
               min(at) filter (where kind in ('converted', 'trial_expired', 'moved_to_free', 'payment_failed',
                                              'canceled')) as trial_ended_at,
               bool_or(kind = 'trial_expired') as has_expired,
               bool_or(kind = 'moved_to_free') as is_free,
               bool_or(kind = 'payment_failed') as was_declined,
               max(at) filter (where kind = 'cancel_scheduled') as asked_at,
               max(at) filter (where kind = 'canceled') as ended_at
        from journal j group by subscription
    ), found as (
        select s.*, l.*,
               coalesce(l.trial_started_at,
                        case when s.trial_ends_at is not null and l.converted_at is null then l.adopted_at end)
                   as trial_since,
               s.status = 'trialing' and s.trial_ends_at is not null as is_on_trial
        from subscriptions s join lines l on l.subscription = s.id
    )
    insert into subscription_outcomes (subscription, tenant, customer, trial_started_at, trial_ended_at, trial_outcome,
                                       first_paid_at, canceled_asked_at, reason_code, comment, ended_at, end_kind)
    select id, tenant, customer, trial_since,
           case when trial_since is not null and not is_on_trial then trial_ended_at end,
           case when trial_since is null then null
                when is_on_trial then 'running'
                when converted_at is not null then 'converted'
                when is_free then 'free'
                when was_declined then 'declined'
                when has_expired then 'expired'
                when ended_at is not null then 'canceled'
                else 'running' end,
           coalesce(converted_at, case when trial_ends_at is null then adopted_at end),
           case when state ->> 'end_kind' in ('customer', 'operator') then coalesce(asked_at, ended_at) end,
           coalesce(state ->> 'reason_code', ''),
           case when state ->> 'end_kind' in ('customer', 'operator') then coalesce(state ->> 'cancel_reason', '')
                else '' end,
           case when status = 'canceled' then ended_at end,
           case when status = 'canceled' then state ->> 'end_kind' end
    from found
"""

RECOVERIES = """
    insert into recoveries (subscription, sequence, tenant, began_at, invoice, amount, currency, is_first_payment,
                            decline_code, tries, outcome)
    select id, 0, tenant, (r ->> 'since')::timestamptz, coalesce(r ->> 'invoice_ref', ''),
           coalesce((r ->> 'amount_due')::bigint, amount), coalesce(nullif(r ->> 'currency', ''), currency),
           coalesce(state ->> 'agreement_ref', '') = '' and coalesce(state ->> 'lost_agreement', '') = '',
           coalesce(r #>> '{decline,code}', ''), (r ->> 'tries')::integer, 'open'
    from subscriptions, lateral (select state -> 'recovery' as r) recovery
    where status <> 'canceled' and jsonb_typeof(r) = 'object'
"""


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    _create_movements()
    _create_outcomes()
    _create_recoveries()
    op.execute(OPENINGS)
    op.execute(OUTCOMES)
    op.execute(RECOVERIES)


def _create_movements() -> None:
    op.create_table(
        "mrr_movements",
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("customer", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("interval", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("add_ons", postgresql.JSONB(), nullable=False),
        sa.Column("catalog", sa.Text(), nullable=False),
        sa.Column("from_plan", sa.Text(), nullable=False),
        sa.Column("status_before", sa.Text(), nullable=False),
        sa.Column("status_after", sa.Text(), nullable=False),
        sa.Column("end_kind", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind in ('new', 'expansion', 'contraction', 'churn', 'reactivation', 'pause', 'resume', 'opening', "
            "'switch')",
            name=op.f("ck_mrr_movements_kind"),
        ),
        sa.CheckConstraint('"delta" = "after" - "before"', name=op.f("ck_mrr_movements_delta")),
        sa.ForeignKeyConstraint(["subscription"], ["subscriptions.id"], name=op.f("fk_mrr_movements_subscription")),
        sa.PrimaryKeyConstraint("subscription", "sequence", "position", name=op.f("pk_mrr_movements")),
    )
    op.create_index("ix_mrr_movements_tenant_at", "mrr_movements", ["tenant", "at"])
    op.create_index("ix_mrr_movements_tenant_recorded_at", "mrr_movements", ["tenant", "recorded_at"])
    op.create_index("ix_mrr_movements_customer", "mrr_movements", ["customer"])


def _create_outcomes() -> None:
    op.create_table(
        "subscription_outcomes",
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("customer", sa.Uuid(), nullable=False),
        sa.Column("trial_started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trial_ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trial_outcome", sa.Text(), nullable=True),
        sa.Column("extended_days", sa.Integer(), server_default="0", nullable=False),
        sa.Column("first_paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("canceled_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason_code", sa.Text(), server_default="", nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("retained_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_kind", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "trial_outcome in ('running', 'converted', 'expired', 'canceled', 'free', 'declined')",
            name=op.f("ck_subscription_outcomes_trial_outcome"),
        ),
        sa.CheckConstraint(
            "retained_by in ('uncancel', 'pause', 'change')", name=op.f("ck_subscription_outcomes_retained_by")
        ),
        sa.ForeignKeyConstraint(
            ["subscription"], ["subscriptions.id"], name=op.f("fk_subscription_outcomes_subscription")
        ),
        sa.PrimaryKeyConstraint("subscription", name=op.f("pk_subscription_outcomes")),
    )
    for columns in (["customer"], ["tenant", "trial_ended_at"], ["tenant", "canceled_asked_at"]):
        op.create_index(f"ix_subscription_outcomes_{'_'.join(columns)}", "subscription_outcomes", columns)


def _create_recoveries() -> None:
    op.create_table(
        "recoveries",
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("invoice", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("is_first_payment", sa.Boolean(), nullable=False),
        sa.Column("decline_code", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=True),
        sa.CheckConstraint("outcome in ('open', 'recovered', 'lost', 'waived')", name=op.f("ck_recoveries_outcome")),
        sa.CheckConstraint(
            "\"by\" in ('retry', 'new_card', 'customer', 'provider', 'operator')", name=op.f("ck_recoveries_by")
        ),
        sa.ForeignKeyConstraint(["subscription"], ["subscriptions.id"], name=op.f("fk_recoveries_subscription")),
        sa.PrimaryKeyConstraint("subscription", "sequence", name=op.f("pk_recoveries")),
    )
    op.create_index("ix_recoveries_tenant_began_at", "recoveries", ["tenant", "began_at"])
    op.create_index(
        "uq_recoveries_open", "recoveries", ["subscription"], unique=True, postgresql_where=sa.text("outcome = 'open'")
    )


def downgrade() -> None:
    for table in ("recoveries", "subscription_outcomes", "mrr_movements"):
        op.drop_table(table)
