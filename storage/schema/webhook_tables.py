"""The table of the provider's events."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)

from storage.schema.columns import tenant
from storage.schema.tables import METADATA

_MOMENT = DateTime(timezone=True)

webhook_inbox = Table(
    "webhook_inbox",
    METADATA,
    Column("event_id", Text, primary_key=True),
    tenant(),
    Column("type", Text, nullable=False),
    Column("news", Text),
    Column("object_id", Text, nullable=False),
    Column("customer_ref", Text, nullable=False),
    Column("charge_ref", Text, nullable=False, server_default=""),
    Column("agreement_ref", Text, nullable=False, server_default=""),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("handled_at", _MOMENT),
    Column(
        "disposition",
        Text,
        CheckConstraint("disposition in ('delivered', 'passed_over', 'set_aside')", name="disposition"),
        doc="what came of it, once it was handled",
    ),
    Column("outcome", Text),
    Index("ix_webhook_inbox_handled", "received_at", postgresql_where=text("handled_at is not null")),
    Index("ix_webhook_inbox_waiting", "received_at", postgresql_where=text("handled_at is null")),
    Index("ix_webhook_inbox_tenant_received_at_event_id", "tenant", "received_at", "event_id"),
    Index(
        "ix_webhook_inbox_tenant_waiting",
        *("tenant", "received_at", "event_id"),
        postgresql_where=text("handled_at is null"),
    ),
    Index(
        "ix_webhook_inbox_tenant_set_aside",
        *("tenant", "received_at", "event_id"),
        postgresql_where=text("disposition = 'set_aside'"),
    ),
    Index("ix_webhook_inbox_object_id", "object_id", postgresql_where=text("customer_ref = ''")),
    Index("ix_webhook_inbox_agreement_ref", "agreement_ref", postgresql_where=text("customer_ref = ''")),
    Index("ix_webhook_inbox_customer_ref_received_at_event_id", "customer_ref", "received_at", "event_id"),
)
