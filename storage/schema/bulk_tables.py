"""Bulk runs, and the subscriptions that each has chosen."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
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
from storage.schema.tables import METADATA

_MOMENT = DateTime(timezone=True)

bulk_runs = Table(
    "bulk_runs",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("action", Text, nullable=False),
    Column("parameters", JSONB, nullable=False),
    Column("filter", JSONB, nullable=False, doc="without what names a customer"),
    Column("inverse_of", Uuid, doc="the run whose rows it undoes"),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False, doc="our id of the key or the operator"),
    Column("actor_role", Text, nullable=False),
    Column("reference", Text, nullable=False, doc="stands for the reason, which the audit has"),
    Column("rate", Integer, nullable=False, doc="subscriptions a second"),
    Column(
        "state",
        Text,
        CheckConstraint("state in ('starting', 'running', 'paused', 'stopped', 'finished')", name="state"),
        nullable=False,
        server_default="starting",
    ),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("ended_at", _MOMENT),
    Index("ix_bulk_runs_tenant_created_at_id", "tenant", "created_at", "id"),
)

bulk_rows = Table(
    "bulk_rows",
    METADATA,
    Column("run", Uuid, ForeignKey("bulk_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("subscription", Uuid, primary_key=True),
    tenant(),
    Column("position", Integer, nullable=False),
    Column("status", Text, nullable=False, doc="when it was chosen"),
    Column(
        "outcome",
        Text,
        CheckConstraint("outcome in ('done', 'refused', 'unknown', 'skipped')", name="outcome"),
        doc="null: it waits for its turn",
    ),
    Column("code", Text, nullable=False, server_default=""),
    Column("at", _MOMENT, doc="when its outcome was written"),
    Index("ix_bulk_rows_position", "run", "position", unique=True),
    Index("ix_bulk_rows_waiting", "run", "position", postgresql_where=text("outcome IS NULL")),
    Index("ix_bulk_rows_subscription", "subscription"),
)
