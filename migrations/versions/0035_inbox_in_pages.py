"""Indexes by which the inbox is read in pages, built while it is in use."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""

BUILT = {
    "ix_webhook_inbox_tenant_received_at_event_id": "(tenant, received_at, event_id)",
    "ix_webhook_inbox_tenant_waiting": "(tenant, received_at, event_id) WHERE handled_at IS NULL",
    "ix_webhook_inbox_tenant_set_aside": "(tenant, received_at, event_id) WHERE disposition = 'set_aside'",
    "ix_webhook_inbox_customer_ref_received_at_event_id": "(customer_ref, received_at, event_id)",
}
REPLACED = ("ix_webhook_inbox_customer_ref", "ix_webhook_inbox_set_aside")
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        for name, columns in BUILT.items():
            # An earlier attempt may have built it, or have left an index behind that is of no use.
            if op.get_bind().scalar(IS_UNFINISHED, {"name": name}):
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON webhook_inbox {columns}")
        for name in REPLACED:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.create_index("ix_webhook_inbox_customer_ref", "webhook_inbox", ["customer_ref"])
    op.create_index(
        "ix_webhook_inbox_set_aside",
        "webhook_inbox",
        ["received_at"],
        postgresql_where=sa.text("disposition = 'set_aside'"),
    )
    for name in BUILT:
        op.execute(f"DROP INDEX {name}")
