"""Events for products, the endpoints that receive them, and each delivery of one to the other."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import func

from storage.schema.columns import claims, tenant
from storage.schema.tables import METADATA

_MOMENT = DateTime(timezone=True)

events = Table(
    "events",
    METADATA,
    Column("id", Uuid, primary_key=True, doc="made of what happened: told twice, it is one event"),
    tenant(),
    Column("type", Text, nullable=False),
    Column("version", Integer, nullable=False, doc="of the payload's schema"),
    Column("subscription", Uuid, doc="null: it is about the customer alone"),
    Column("customer", Uuid, nullable=False),
    Column("sequence", BigInteger, doc="of the subscription, after the event"),
    Column("at", _MOMENT, nullable=False, doc="when it happened"),
    Column("payload", JSONB, nullable=False, doc="ids, states, amounts and times: nothing that names anybody"),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column(
        "txid",
        BigInteger,
        nullable=False,
        server_default=text("((pg_current_xact_id())::text)::bigint"),
        doc="the transaction; readers wait for it and for all before it",
    ),
    Column("position", BigInteger, Identity(always=True), nullable=False, doc="order within a transaction"),
    Index("ix_events_tenant_txid_position", "tenant", "txid", "position"),
    Index("ix_events_subscription_txid_position", "subscription", "txid", "position"),
    Index("ix_events_customer", "customer"),
    Index("ix_events_created_at", "created_at"),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("types", ARRAY(Text), nullable=False, doc="of the events that it receives; empty: all"),
    Column(
        "state",
        Text,
        CheckConstraint("state in ('enabled', 'disabled')", name="state"),
        nullable=False,
        server_default="enabled",
    ),
    Column(
        "disabled_reason",
        Text,
        CheckConstraint("disabled_reason in ('', 'gone', 'failing', 'operator')", name="disabled_reason"),
        nullable=False,
        server_default="",
        doc="empty: it is enabled",
    ),
    Column("failing_since", _MOMENT, doc="null: its last attempt succeeded, or it has had none at its URL"),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("created_by", Text, nullable=False, server_default="", doc="the actor"),
    Column("deleted_at", _MOMENT, doc="null: it exists"),
    Index("ix_webhook_endpoints_tenant_created_at_id", "tenant", "created_at", "id"),
)

webhook_secrets = Table(
    "webhook_secrets",
    METADATA,
    Column("id", Uuid, primary_key=True),
    tenant(),
    Column("endpoint", Uuid, ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False, doc="which of the installation's keys encrypted it"),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    Column("expires_at", _MOMENT, doc="null: it is the current one"),
    Index("ix_webhook_secrets_endpoint", "endpoint"),
)

event_deliveries = Table(
    "event_deliveries",
    METADATA,
    Column("id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    tenant(),
    Column("event", Uuid, ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
    Column("endpoint", Uuid, ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint("state in ('pending', 'delivered', 'failed', 'canceled')", name="state"),
        nullable=False,
        server_default="pending",
    ),
    Column("round", Integer, nullable=False, server_default="0", doc="how often it was sent again on request"),
    Column("attempts", Integer, nullable=False, server_default="0", doc="of all rounds"),
    Column("next_attempt_at", _MOMENT),
    Column("handed_over_at", _MOMENT, doc="null: nobody is delivering it yet"),
    *claims(),
    Column("delivered_at", _MOMENT),
    Column("last_status", Integer, doc="HTTP status of the last answer; null: there was none"),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("created_at", _MOMENT, nullable=False, server_default=func.now()),
    UniqueConstraint("event", "endpoint"),
    Index("ix_event_deliveries_claimed_until", "claimed_until", postgresql_where=text("state = 'pending'")),
    Index("ix_event_deliveries_endpoint_created_at_id", "endpoint", "created_at", "id"),
    Index(
        "ix_event_deliveries_not_handed_over",
        "created_at",
        postgresql_where=text("state = 'pending' AND handed_over_at IS NULL"),
    ),
)

delivery_attempts = Table(
    "delivery_attempts",
    METADATA,
    Column("delivery", Uuid, ForeignKey("event_deliveries.id", ondelete="CASCADE"), primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("number", Integer, primary_key=True, doc="within the round, from 1"),
    tenant(),
    Column("at", _MOMENT, nullable=False),
    Column("duration_ms", Integer, nullable=False),
    Column("status", Integer, doc="HTTP status of the answer; null: there was none"),
    Column("error", Text, nullable=False, server_default=""),
    Column("answer", Text, nullable=False, server_default="", doc="the beginning of the answer's body"),
)
