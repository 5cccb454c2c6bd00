"""The tables of revenue: what each step has moved, and how trials, recoveries and subscriptions have come out.

Amounts are annual, in minor units of the currency: MRR is a twelfth.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func

from storage.schema.columns import tenant
from storage.schema.tables import METADATA, subscriptions

_MOMENT = DateTime(timezone=True)
_KINDS = "'new', 'expansion', 'contraction', 'churn', 'reactivation', 'pause', 'resume', 'opening', 'switch'"


def _subscription() -> "Column[object]":
    return Column("subscription", Uuid, ForeignKey(subscriptions.c.id), primary_key=True)


mrr_movements = Table(
    "mrr_movements",
    METADATA,
    _subscription(),
    Column("sequence", Integer, primary_key=True, doc="of the step; 0: from before movements were recorded"),
    Column("position", Integer, primary_key=True),
    tenant(),
    Column("customer", Uuid, nullable=False),
    Column("at", _MOMENT, nullable=False, doc="when it took effect, in the subscription's own time"),
    Column("recorded_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("kind", Text, CheckConstraint(f"kind in ({_KINDS})", name="kind"), nullable=False),
    Column("delta", BigInteger, nullable=False),
    Column("before", BigInteger, nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("plan", Text, nullable=False, doc="with the next columns: what it is about, or what was left"),
    Column("interval", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("add_ons", JSONB, nullable=False),
    Column("catalog", Text, nullable=False),
    Column("from_plan", Text, nullable=False, doc="that `before` was paid for; empty: none was"),
    Column(
        "from_interval",
        Text,
        nullable=False,
        server_default="",
        doc="how often that was billed; empty: none was, or as `interval`, if an earlier release has written it",
    ),
    Column("status_before", Text, nullable=False, doc="empty: there was no subscription"),
    Column("status_after", Text, nullable=False),
    Column("end_kind", Text, doc="of a churn; none: not known"),
    Column("reason_code", Text, nullable=False, doc="of a churn: the customer's own reason"),
    CheckConstraint('"delta" = "after" - "before"', name="delta"),
    Index("ix_mrr_movements_tenant_at", "tenant", "at"),
    Index("ix_mrr_movements_tenant_recorded_at", "tenant", "recorded_at"),
    Index("ix_mrr_movements_customer", "customer"),
)

subscription_outcomes = Table(
    "subscription_outcomes",
    METADATA,
    _subscription(),
    tenant(),
    Column("customer", Uuid, nullable=False),
    Column("trial_started_at", _MOMENT),
    Column("trial_ended_at", _MOMENT),
    Column(
        "trial_outcome",
        Text,
        CheckConstraint(
            "trial_outcome in ('running', 'converted', 'expired', 'canceled', 'free', 'declined')",
            name="trial_outcome",
        ),
        doc="none: there was no trial",
    ),
    Column("trial_plan", Text, nullable=False, server_default="", doc="that is or was tried; empty: not known"),
    Column("trial_with_card", Boolean, doc="whether there was a card when it began; none: not known"),
    Column("extended_days", Integer, nullable=False, server_default="0"),
    Column("first_paid_at", _MOMENT),
    Column("canceled_asked_at", _MOMENT, doc="when the latest cancellation was asked for"),
    Column("reason_code", Text, nullable=False, server_default="", doc="of the latest cancellation"),
    Column("comment", Text, nullable=False, server_default="", doc="of the latest cancellation, as it was given"),
    Column("retained_by", Text, CheckConstraint("retained_by in ('uncancel', 'pause', 'change')", name="retained_by")),
    Column("ended_at", _MOMENT),
    Column("end_kind", Text, doc="none: not ended, or ended before kinds were kept"),
    Index("ix_subscription_outcomes_customer", "customer"),
    Index("ix_subscription_outcomes_tenant_trial_started_at", "tenant", "trial_started_at"),
    Index("ix_subscription_outcomes_tenant_trial_ended_at", "tenant", "trial_ended_at"),
    Index("ix_subscription_outcomes_tenant_canceled_asked_at", "tenant", "canceled_asked_at"),
)

cancellations = Table(
    "cancellations",
    METADATA,
    _subscription(),
    Column("sequence", Integer, primary_key=True, doc="of the step that asked; 0: from before requests were kept"),
    tenant(),
    Column("asked_at", _MOMENT, nullable=False),
    Column("by", Text, CheckConstraint("\"by\" in ('customer', 'operator')", name="by"), nullable=False),
    Column("plan", Text, nullable=False, doc="held at the time"),
    Column("status", Text, nullable=False, doc="at the time; empty: not known"),
    Column("reason_code", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column(
        "retained_by",
        Text,
        CheckConstraint("retained_by in ('uncancel', 'pause', 'change')", name="retained_by"),
        doc="none: not undone",
    ),
    Column("ended_at", _MOMENT, doc="when the subscription ended; none: undone, or still to come"),
    Index("ix_cancellations_tenant_asked_at", "tenant", "asked_at", "subscription"),
)

recoveries = Table(
    "recoveries",
    METADATA,
    _subscription(),
    Column("sequence", Integer, primary_key=True, doc="of the step that began it"),
    tenant(),
    Column("began_at", _MOMENT, nullable=False),
    Column("invoice", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, doc="what was owed, in minor units: not a yearly amount"),
    Column("currency", Text, nullable=False),
    Column("is_first_payment", Boolean, nullable=False),
    Column("decline_code", Text, nullable=False, doc="of the latest attempt"),
    Column("tries", Integer, nullable=False),
    Column("ended_at", _MOMENT),
    Column(
        "outcome",
        Text,
        CheckConstraint("outcome in ('open', 'recovered', 'lost', 'waived')", name="outcome"),
        nullable=False,
    ),
    Column(
        "by",
        Text,
        CheckConstraint("\"by\" in ('retry', 'new_card', 'customer', 'provider', 'operator')", name="by"),
        doc="what brought the payment",
    ),
    Column("plan", Text, nullable=False, server_default="", doc="held when it began"),
    Index("ix_recoveries_tenant_began_at", "tenant", "began_at"),
    # A subscription has one at a time.
    Index("uq_recoveries_open", "subscription", unique=True, postgresql_where=text("outcome = 'open'")),
)

mrr_daily = Table(
    "mrr_daily",
    METADATA,
    tenant(primary_key=True),
    Column("day", Date, primary_key=True, doc="in the zone of `mrr_roll_up`"),
    Column("currency", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("end_kind", Text, primary_key=True, doc="empty: none"),
    Column("plan", Text, primary_key=True),
    Column("interval", Text, primary_key=True),
    Column("from_plan", Text, primary_key=True),
    Column("from_interval", Text, primary_key=True),
    Column("before", BigInteger, nullable=False, doc="the sum of all movements of the day"),
    Column("after", BigInteger, nullable=False),
    Column("payers_before", Integer, nullable=False, doc="movements with an amount before"),
    Column("payers_after", Integer, nullable=False, doc="movements with an amount after"),
)

mrr_roll_up = Table(
    "mrr_roll_up",
    METADATA,
    Column("timezone", Text, primary_key=True, doc="whose days the sums are of; there is one row"),
    Column("recorded_until", _MOMENT, nullable=False, doc="every movement recorded before is in `mrr_daily`"),
    Column("cohorts_until", _MOMENT, doc="every movement recorded before is in `mrr_cohorts`; none: they are not made"),
)

mrr_standing = Table(
    "mrr_standing",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    tenant(),
    Column("currency", Text, nullable=False),
    Column("plan", Text, nullable=False),
    Column("interval", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("annual", BigInteger, nullable=False, doc="a change of it, as the next ones; a trigger writes each"),
    *(
        Column(name, BigInteger, nullable=False)
        for name in (
            *("committed", "at_risk", "paused", "trialing"),
            *("paying_customers", "free_customers", "trialing_customers"),
        )
    ),
)

outcome_changes = Table(
    "outcome_changes",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    tenant(),
    Column("fact", Text, nullable=False, doc="trial, recovery or cancellation"),
    Column("at", _MOMENT, nullable=False, doc="what it is counted by: when a trial began or ended, and others began"),
    Column("currency", Text, nullable=False, doc="empty: none"),
    Column("plan", Text, nullable=False),
    Column("parts", ARRAY(Text), nullable=False, doc="what is told apart, as `tenure_facts_of` says"),
    Column("count", BigInteger, nullable=False, doc="by how many there are more; a trigger writes each"),
    Column("amount", BigInteger, nullable=False, doc="by how much more these owe, in minor units"),
)

outcome_daily = Table(
    "outcome_daily",
    METADATA,
    tenant(primary_key=True),
    Column("fact", Text, primary_key=True),
    Column("day", Date, primary_key=True, doc="in the zone that is noted in `installation`"),
    Column("currency", Text, primary_key=True),
    Column("plan", Text, primary_key=True),
    Column("parts", ARRAY(Text), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("amount", BigInteger, nullable=False),
)

mrr_movers = Table(
    "mrr_movers",
    METADATA,
    tenant(primary_key=True),
    Column("length", Text, primary_key=True, server_default="month", doc="of the period: day, month or year"),
    Column("month", Date, primary_key=True, doc="the period's first day, in the zone of `mrr_roll_up`"),
    Column("currency", Text, primary_key=True),
    Column("plan", Text, primary_key=True, doc="empty: all plans"),
    Column("interval", Text, primary_key=True, doc="of billing; empty: all"),
    Column("kind", Text, primary_key=True, doc="of one plan or interval also entering and leaving"),
    Column("end_kind", Text, primary_key=True, doc="empty: none; *: whatever it is"),
    Column("customers", Integer, nullable=False, doc="each counted once"),
)

mrr_cohorts = Table(
    "mrr_cohorts",
    METADATA,
    tenant(primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("cohort", Date, primary_key=True, doc="the month in which customers first paid in this currency"),
    Column("plan", Text, primary_key=True, doc="that they began with"),
    Column("interval", Text, primary_key=True, doc="how often that was billed"),
    Column("month", Date, primary_key=True, doc="in the zone of `mrr_roll_up`"),
    Column("delta", BigInteger, nullable=False, doc="by how much their revenue changed in this month"),
    Column("payers", Integer, nullable=False, doc="by how many more of them pay"),
    Column("began_with", BigInteger, nullable=False, doc="what those paid at first who began in this month"),
    Column("customers", Integer, nullable=False, doc="how many they are"),
)
