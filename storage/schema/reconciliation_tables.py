"""Reconciliation: the differences it has found, and its runs."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func

from storage.schema.columns import tenant
from storage.schema.tables import METADATA

_MOMENT = DateTime(timezone=True)


def _noted_at(name: str) -> "Column[object]":
    return Column(name, _MOMENT, nullable=False, server_default=func.now())


discrepancies = Table(
    "discrepancies",
    METADATA,
    Column("id", BigInteger, Identity(), primary_key=True),
    tenant(),
    Column("run", Text, nullable=False, doc="of which reconciliation"),
    Column("kind", Text, nullable=False),
    Column("subscription", Uuid, doc="none when we know nothing by it"),
    Column("agreement_ref", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column(
        "outcome", Text, CheckConstraint("outcome in ('listed', 'healed', 'failed')", name="outcome"), nullable=False
    ),
    Column("why_not", Text, nullable=False, server_default="", doc="healing failed, or is left to an operator"),
    _noted_at("found_at"),
    _noted_at("since"),
    Column("closed_at", _MOMENT, doc="when it was healed, or found no longer"),
    Column("is_for_operator", Boolean, nullable=False, server_default=text("false")),
    Column("bill_ref", Text, nullable=False, server_default=""),
    Column("mails", ARRAY(Uuid), nullable=False, server_default=text("'{}'")),
    # Reading a page again records the same differences, once.
    UniqueConstraint("run", "kind", "subscription", "agreement_ref", postgresql_nulls_not_distinct=True),
    Index("ix_discrepancies_found_at", "found_at"),
    Index("ix_discrepancies_open", "tenant", "since", "id", postgresql_where=text("closed_at is null")),
    Index(
        "ix_discrepancies_open_subscription",
        *("subscription", "agreement_ref"),
        postgresql_where=text("closed_at is null"),
    ),
)

reconciliation_runs = Table(
    "reconciliation_runs",
    METADATA,
    Column("run", Text, primary_key=True),
    tenant(),
    Column("began_at", _MOMENT, nullable=False),
    _noted_at("ended_at"),
    Column("heals", Boolean, nullable=False),
    Column("report", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("ix_reconciliation_runs_tenant_began_at_run", "tenant", "began_at", "run"),
)
