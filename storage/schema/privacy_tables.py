"""The table of erased customers. It names nobody."""

from sqlalchemy import Column, DateTime, ForeignKey, Index, Table, Text, Uuid, text
from sqlalchemy.sql import func

from storage.schema.columns import tenant
from storage.schema.tables import METADATA, customers

_MOMENT = DateTime(timezone=True)

erasures = Table(
    "erasures",
    METADATA,
    Column("customer", Uuid, ForeignKey(customers.c.id), primary_key=True),
    tenant(),
    Column("mark", Text, nullable=False, doc="of their external id, made with the trial key: a repeat finds it"),
    Column("erased_at", _MOMENT, nullable=False, server_default=func.now(), doc="for the first time"),
    Column("at_provider", _MOMENT, doc="when they were deleted at the payment provider; null: they were not"),
    Column("finished_at", _MOMENT, doc="when nothing of theirs was left in Temporal; null: the sweep goes on"),
    Index("ix_erasures_tenant_mark", "tenant", "mark"),
    Index("ix_erasures_unfinished", "erased_at", postgresql_where=text("finished_at is null")),
)
