"""Every request to cancel, also one that was undone and made again; and which plan was tried, and owed for.

What is there already is taken up as far as it is known: of a subscription, its latest request (sequence 0).
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that a step waits for a table which others use; whoever comes behind waits as long."""

# What a plan was before the free one is in no column.
TRIALS = """
    update subscription_outcomes as o set trial_plan = s.plan from subscriptions s
    where s.id = o.subscription and o.trial_outcome <> 'free'
"""
RECOVERIES = "update recoveries as r set plan = s.plan from subscriptions s where s.id = r.subscription"
CANCELLATIONS = """
    insert into cancellations (subscription, sequence, tenant, asked_at, by, plan, status, reason_code, comment,
                               retained_by, ended_at)
    select o.subscription, 0, o.tenant, o.canceled_asked_at,
           case when coalesce(o.end_kind, s.state ->> 'end_kind') = 'operator' then 'operator' else 'customer' end,
           s.plan, '', o.reason_code, o.comment, o.retained_by, o.ended_at
    from subscription_outcomes o join subscriptions s on s.id = o.subscription
    where o.canceled_asked_at is not null
"""


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.add_column("subscription_outcomes", sa.Column("trial_plan", sa.Text(), server_default="", nullable=False))
    op.add_column("subscription_outcomes", sa.Column("trial_with_card", sa.Boolean(), nullable=True))
    op.add_column("recoveries", sa.Column("plan", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_subscription_outcomes_tenant_trial_started_at", "subscription_outcomes", ["tenant", "trial_started_at"]
    )
    _create_cancellations()
    op.execute(TRIALS)
    op.execute(RECOVERIES)
    op.execute(CANCELLATIONS)
    op.execute("SELECT tenure_protect('cancellations')")
    op.execute("ALTER TABLE cancellations VALIDATE CONSTRAINT ck_cancellations_tenant")


def _create_cancellations() -> None:
    op.create_table(
        "cancellations",
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("retained_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("\"by\" in ('customer', 'operator')", name=op.f("ck_cancellations_by")),
        sa.CheckConstraint("retained_by in ('uncancel', 'pause', 'change')", name=op.f("ck_cancellations_retained_by")),
        sa.ForeignKeyConstraint(["subscription"], ["subscriptions.id"], name=op.f("fk_cancellations_subscription")),
        sa.PrimaryKeyConstraint("subscription", "sequence", name=op.f("pk_cancellations")),
    )
    op.create_index("ix_cancellations_tenant_asked_at", "cancellations", ["tenant", "asked_at", "subscription"])


def downgrade() -> None:
    op.drop_table("cancellations")
    op.drop_index("ix_subscription_outcomes_tenant_trial_started_at", "subscription_outcomes")
    op.drop_column("recoveries", "plan")
    op.drop_column("subscription_outcomes", "trial_with_card")
    op.drop_column("subscription_outcomes", "trial_plan")
