"""The table of changed customers, kept until everyone concerned has been notified."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.sql import func

from storage.schema.columns import tenant
from storage.schema.tables import METADATA, customers

_MOMENT = DateTime(timezone=True)

customer_changes = Table(
    "customer_changes",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(), nullable=False, doc="in this order they were made"),
    tenant(),
    Column("customer", Uuid, ForeignKey(customers.c.id, ondelete="CASCADE"), nullable=False),
    Column("fields", ARRAY(Text), nullable=False, doc="names of what was changed"),
    Column("email", Text, nullable=False, doc="as it is since then"),
    Column("name", Text),
    Column("locale", Text, nullable=False),
    Column("carries", Boolean, nullable=False, doc="whether the payment provider must be notified"),
    Column("cause_kind", Text, nullable=False),
    Column("cause_ref", Text, nullable=False),
    Column("cause_actor", Text, nullable=False),
    Column("at", _MOMENT, nullable=False, server_default=func.now()),
    Column("told_at", _MOMENT, doc="when the customer's subscription was told; null: it is to be told"),
    Column("carried_at", _MOMENT),
    Column("tried_at", _MOMENT, doc="when the provider refused it"),
    Column("trouble", Text, nullable=False, server_default="", doc="what an operator must see to"),
    Index("ix_customer_changes_customer_number", "customer", "number"),
    Index("ix_customer_changes_trouble", "customer", postgresql_where=text("trouble <> ''")),
)
