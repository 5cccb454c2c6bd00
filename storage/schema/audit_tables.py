"""The audit. Rows are only added: none of our roles may change or remove one."""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func

from storage.schema.columns import tenant
from storage.schema.tables import METADATA

_MOMENT = DateTime(timezone=True)

audit = Table(
    "audit",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("at", _MOMENT, primary_key=True, server_default=func.now()),
    tenant(),
    Column("actor_kind", Text, nullable=False),
    Column("actor", Text, nullable=False, doc="our id of the key, operator or customer, or the command's name"),
    Column("actor_role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target_kind", Text, nullable=False),
    Column("target", Text, nullable=False, doc="our own id"),
    Column("request_id", Text, nullable=False),
    Column("key", Text, nullable=False, doc="the command's key, as the journal has it; empty: none"),
    Column(
        "outcome",
        Text,
        CheckConstraint("outcome in ('asked', 'done', 'refused', 'unknown')", name="outcome"),
        nullable=False,
    ),
    Column("code", Text, nullable=False),
    Column("settles", Uuid, doc="the row that asked; null: this one asks, or stands alone"),
    Index("ix_audit_tenant_at_id", "tenant", "at", "id", postgresql_where=text("settles IS NULL")),
    Index("ix_audit_target", "tenant", "target", "at", "id", postgresql_where=text("settles IS NULL")),
    Index("ix_audit_settled_target", "tenant", "target", postgresql_where=text("settles IS NOT NULL")),
    Index("ix_audit_settles", "settles", postgresql_where=text("settles IS NOT NULL")),
    Index("ix_audit_asked", "at", postgresql_where=text("outcome = 'asked'")),
    postgresql_partition_by="RANGE (at)",
)

audit_details = Table(
    "audit_details",
    METADATA,
    Column("audit_id", Uuid, primary_key=True),
    tenant(),
    Column("reason", Text),
    Column("address", Text),
    Column("before", JSONB),
    Column("after", JSONB),
)
