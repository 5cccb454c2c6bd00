"""Who may call and sign in: API keys and operators."""

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.sql import func

from storage.schema.columns import tenant
from storage.schema.tables import METADATA

_MOMENT = DateTime(timezone=True)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("revoked_at", _MOMENT),
    Column("hint", Text, nullable=False, server_default="", doc="how the key begins and ends; empty: not known"),
    Column("created_by", Text, nullable=False, server_default="", doc="the actor; empty: made by an earlier release"),
    Column("expires_at", _MOMENT, doc="null: never"),
    Column("last_used_at", _MOMENT, doc="about a minute behind"),
    Column("replaced_by", Uuid, doc="the key that its rotation made"),
    Index("ix_api_keys_tenant_created_at_id", "tenant", "created_at", "id"),
)

operators = Table(
    "operators",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("email", Text, nullable=False, doc="in lower case"),
    Column("name", Text, nullable=False, server_default=""),
    Column("role", Text, CheckConstraint("role in ('admin', 'operator', 'read_only')", name="role"), nullable=False),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("disabled_at", _MOMENT, doc="null: may sign in"),
    UniqueConstraint("tenant", "email"),
)
