"""The tables of published catalogs and policies, which belong to the whole installation, and of usage."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.sql import func

from storage.schema.columns import tenant
from storage.schema.tables import METADATA

_MOMENT = DateTime(timezone=True)


def _key(*names: str) -> "list[Column[str]]":
    return [Column(name, Text, primary_key=True) for name in names]


def _now(name: str) -> "Column[object]":
    return Column(name, _MOMENT, nullable=False, server_default=func.now())


def _of_a_use() -> "list[Column[Any]]":
    """What was used, by whom and when, and where it was counted."""
    return [
        Column("customer", Text, nullable=False),
        Column("meter", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("quantity", BigInteger, nullable=False),
        Column("at", _MOMENT, nullable=False),
        _now("recorded_at"),
        Column("catalog", Text, nullable=False, server_default=""),
        Column("reason", Text, nullable=False, server_default="", doc="why an operator had it count from 0"),
        Column("actor", Text, nullable=False, server_default="", doc="who it was"),
        Column("features", ARRAY(Text), doc="the counters it went to; none: of an earlier release"),
        Column("starts", ARRAY(_MOMENT), doc="the beginning of each one's period"),
        Column("given_back", JSONB, doc="what was taken off again, and how much was used then"),
    ]


catalog_versions = Table(
    "catalog_versions",
    METADATA,
    *_key("name"),
    Column("revision", BigInteger, nullable=False, server_default="1", doc="grows when it is changed in place"),
    Column("content", JSON, nullable=False, doc="not binary: plans and features stay in the order of the file"),
    _now("published_at"),
    Column("in_force_since", _MOMENT, doc="when it was put in force: by the first API that used it, or again manually"),
)

policy_versions = Table(
    "policy_versions",
    METADATA,
    *_key("version"),
    Column("content", JSONB, nullable=False),
    _now("published_at"),
)

plan_limits = Table(
    "plan_limits",
    METADATA,
    *_key("catalog", "plan", "meter", "feature"),
    Column(
        "per",
        Text,
        CheckConstraint("per in ('day', 'week', 'month', 'billing_period', 'gauge')", name="per"),
        nullable=False,
    ),
    Column("included", BigInteger, doc="none: unlimited"),
    Column("per_unit", Boolean, nullable=False),
    Column("adds", JSONB, nullable=False, doc="what a unit of each add-on adds"),
    Column("mails", ARRAY(Integer), nullable=False),
    Column("hard", Integer),
    Column("grace_days", Integer, nullable=False),
    Column("overage_price", Text, doc="its name, without interval and version; none: there is no overage"),
    Column("overage_at_most", BigInteger),
    Column("is_one_of_several", Boolean, nullable=False, doc="which use of the meter uses up together"),
    Column("revision", BigInteger, nullable=False, doc="of the catalog"),
)

usage = Table(
    "usage",
    METADATA,
    tenant(primary_key=True),
    *_key("customer", "feature"),
    Column("period_start", _MOMENT, primary_key=True, doc="of a gauge the epoch"),
    Column("period_end", _MOMENT),
    # The only check: each is evaluated with every write, and all other writes go through `tenure_use`.
    Column("used", BigInteger, CheckConstraint("used >= 0", name="used"), nullable=False, server_default="0"),
    Column("over_since", _MOMENT, doc="since when it has been at its limit or beyond: grace counts from here"),
    Column(
        "noticed",
        Integer,
        nullable=False,
        server_default="0",
        doc="the highest threshold with a mail that is reached now",
    ),
    Column("noticed_of", BigInteger, doc="the limit that share was of"),
    _now("updated_at"),
    Column("overage", BigInteger, nullable=False, server_default="0", doc="units beyond the limit that are billed"),
    Column(
        "overage_back",
        BigInteger,
        nullable=False,
        server_default="0",
        doc="this many of these were given back when a bill had them: not billed again",
    ),
    Column("reset_at", _MOMENT, doc="when an operator last had it count from 0"),
    Index("ix_usage_gauges", "tenant", "customer", "feature", postgresql_where=sql("period_end is null")),
    # By age: days and weeks are deleted sooner than months and billing periods.
    Index("ix_usage_short", "period_end", postgresql_where=sql("period_end - period_start <= interval '7 days'")),
    Index("ix_usage_long", "period_end", postgresql_where=sql("period_end - period_start > interval '7 days'")),
)

usage_log = Table(
    "usage_log",
    METADATA,
    # Once: a repeated key is reported as such, and nothing is counted again. Each month's partition has a unique index
    # of the key; what is recorded meanwhile at the border of two months is in `usage_border_keys` as well.
    tenant(),
    Column("key", Text, nullable=False),
    *_of_a_use(),
    postgresql_partition_by="RANGE (recorded_at)",
)

usage_border_keys = Table(
    "usage_border_keys",
    METADATA,
    tenant(primary_key=True),
    Column("border", _MOMENT, primary_key=True, doc="when one month of the log ends and the next begins"),
    Column("digest", LargeBinary, primary_key=True, doc="of the key"),
)

usage_events = Table(
    "usage_events",
    METADATA,
    # What is billed beyond a limit, which is in the log as well; and all that was counted before there was one.
    tenant(primary_key=True),
    *_key("key"),
    *_of_a_use(),
    Column("overage_of", Text, nullable=False, server_default="", doc="the feature whose limit it went beyond"),
    Column("overage", BigInteger, nullable=False, server_default="0", doc="units beyond the limit, to be billed"),
    Column("report_began_at", _MOMENT),
    Column("reported_at", _MOMENT),
    Column("report_trouble", Text, doc="why it is not reported and waits for an operator"),
    Column("report_why", Text, nullable=False, server_default=""),
    Index("ix_usage_events_recorded_at", "recorded_at"),
    Index("ix_usage_events_to_report", "recorded_at", postgresql_where=sql("overage > 0 and reported_at is null")),
    Index(
        "ix_usage_events_begun",
        "report_began_at",
        postgresql_where=sql("overage > 0 and reported_at is null and report_began_at is not null"),
    ),
)

usage_notices = Table(
    "usage_notices",
    METADATA,
    # One notice per threshold and period, and another one for a new limit, as after an upgrade.
    tenant(primary_key=True),
    *_key("customer", "feature"),
    Column("period_start", _MOMENT, primary_key=True, doc="of a gauge the month's"),
    Column("threshold", Integer, primary_key=True),
    Column("included", BigInteger, primary_key=True),
    Column("used", BigInteger, nullable=False),
    Column("plan", Text, nullable=False),
    Column("catalog", Text, nullable=False),
    Column("resets_at", _MOMENT),
    Column("is_billed", Boolean, nullable=False, doc="use beyond the limit goes on, and costs"),
    Column("grace_ends_at", _MOMENT),
    _now("at"),
    Column("told_at", _MOMENT, doc="when its mail was written down, or it was found that nobody can be written to"),
    Index("ix_usage_notices_to_tell", "at", postgresql_where=sql("told_at is null")),
    Index("ix_usage_notices_told", "at", postgresql_where=sql("told_at is not null")),
)

usage_samples = Table(
    "usage_samples",
    METADATA,
    tenant(primary_key=True),
    *_key("customer", "feature"),
    Column("day", Date, primary_key=True),
    Column("lowest", BigInteger, nullable=False),
    Column("highest", BigInteger, nullable=False),
    Column("latest", BigInteger, nullable=False),
    Column("holds", Boolean, nullable=False, server_default=sql("false"), doc="also on the days until the next one"),
    Index("ix_usage_samples_day", "day"),
)

usage_statistics = Table(
    "usage_statistics",
    METADATA,
    tenant(primary_key=True),
    Column("taken_at", _MOMENT, primary_key=True),
    Column("plan", Text, primary_key=True),
    Column("feature", Text, primary_key=True),
    Column("customers", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False, doc="by all of them together"),
    Column("highest", BigInteger, nullable=False, doc="by one of them"),
    Column("near_limit", BigInteger, nullable=False, doc="customers at 80 % or more"),
    Column("at_limit", BigInteger, nullable=False, doc="customers at 100 % or more"),
    Column("active", BigInteger, doc="customers who have used some; none, as the next ones: not kept then"),
    Column("limited", BigInteger, doc="customers who have a limit"),
    Column("at_90", BigInteger, doc="customers at 90 % or more"),
    Column("median", BigInteger, doc="half of the customers use this much or less"),
    Column("p90", BigInteger, doc="nine of ten customers use this much or less"),
    Index("ix_usage_statistics_taken_at", "taken_at"),
)

usage_statistics_pages = Table(
    "usage_statistics_pages",
    METADATA,
    Column("moment", _MOMENT, primary_key=True, doc="of the computation they are part of"),
    tenant(primary_key=True),
    *_key("plan", "feature"),
    Column("page", Integer, primary_key=True),
    Column("uses", ARRAY(BigInteger), nullable=False, doc="what each customer has used"),
    Column("limited", BigInteger, nullable=False, doc="this and the next ones as in the statistics"),
    Column("near_limit", BigInteger, nullable=False),
    Column("at_90", BigInteger, nullable=False),
    Column("at_limit", BigInteger, nullable=False),
)
