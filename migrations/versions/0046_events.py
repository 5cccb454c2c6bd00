"""Events for products, the endpoints that receive them, and each delivery of one to the other."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

TABLES = ("events", "webhook_endpoints", "webhook_secrets", "event_deliveries", "delivery_attempts")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_events()
    _create_endpoints()
    _create_secrets()
    _create_deliveries()
    _create_attempts()
    for table in TABLES:
        op.execute(f"SELECT tenure_protect('{table}')")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_tenant")


def _create_events() -> None:
    transaction = sa.text("((pg_current_xact_id())::text)::bigint")
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subscription", sa.Uuid(), nullable=True),
        sa.Column("customer", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("txid", sa.BigInteger(), server_default=transaction, nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_events_tenant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index("ix_events_tenant_txid_position", "events", ["tenant", "txid", "position"])
    op.create_index("ix_events_subscription_txid_position", "events", ["subscription", "txid", "position"])
    op.create_index("ix_events_customer", "events", ["customer"])
    op.create_index("ix_events_created_at", "events", ["created_at"])


def _create_endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="enabled", nullable=False),
        sa.Column("disabled_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("created_by", sa.Text(), server_default="", nullable=False),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_webhook_endpoints_tenant")),
        sa.CheckConstraint("state in ('enabled', 'disabled')", name=op.f("ck_webhook_endpoints_state")),
        sa.CheckConstraint(
            "disabled_reason in ('', 'gone', 'failing', 'operator')", name=op.f("ck_webhook_endpoints_disabled_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index("ix_webhook_endpoints_tenant_created_at_id", "webhook_endpoints", ["tenant", "created_at", "id"])


def _create_secrets() -> None:
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Uuid(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_webhook_secrets_tenant")),
        sa.ForeignKeyConstraint(
            ["endpoint"], ["webhook_endpoints.id"], name=op.f("fk_webhook_secrets_endpoint"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secrets")),
    )
    op.create_index("ix_webhook_secrets_endpoint", "webhook_secrets", ["endpoint"])


def _create_deliveries() -> None:
    op.create_table(
        "event_deliveries",
        sa.Column("id", sa.Uuid(), server_default=sa.func.gen_random_uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("event", sa.Uuid(), nullable=False),
        sa.Column("endpoint", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("round", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", MOMENT, nullable=True),
        sa.Column("handed_over_at", MOMENT, nullable=True),
        sa.Column("delivered_at", MOMENT, nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_event_deliveries_tenant")),
        sa.CheckConstraint(
            "state in ('pending', 'delivered', 'failed', 'canceled')", name=op.f("ck_event_deliveries_state")
        ),
        sa.ForeignKeyConstraint(["event"], ["events.id"], name=op.f("fk_event_deliveries_event"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["endpoint"], ["webhook_endpoints.id"], name=op.f("fk_event_deliveries_endpoint"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_deliveries")),
        sa.UniqueConstraint("event", "endpoint", name=op.f("uq_event_deliveries_event_endpoint")),
    )
    op.create_index("ix_event_deliveries_endpoint_created_at_id", "event_deliveries", ["endpoint", "created_at", "id"])
    op.create_index(
        "ix_event_deliveries_not_handed_over",
        "event_deliveries",
        ["created_at"],
        postgresql_where=sa.text("state = 'pending' AND handed_over_at IS NULL"),
    )


def _create_attempts() -> None:
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_delivery_attempts_tenant")),
        sa.ForeignKeyConstraint(
            ["delivery"], ["event_deliveries.id"], name=op.f("fk_delivery_attempts_delivery"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery", "round", "number", name=op.f("pk_delivery_attempts")),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
