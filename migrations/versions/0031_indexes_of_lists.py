"""Indexes of lists and of the mails that wait, built while the tables are in use."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""

SUBSCRIPTIONS, MAILS, INVOICES = "subscriptions", "mails", "invoices"
BUILT = {
    "ix_subscriptions_tenant_status_created_at_id": (SUBSCRIPTIONS, "(tenant, status, created_at, id)"),
    "ix_subscriptions_tenant_plan_status_created_at_id": (SUBSCRIPTIONS, "(tenant, plan, status, created_at, id)"),
    "ix_subscriptions_tenant_agreement_ref": (
        SUBSCRIPTIONS,
        "(tenant, agreement_ref text_pattern_ops) WHERE agreement_ref <> ''",
    ),
    "ix_invoices_tenant_created_ref": (
        INVOICES,
        "(tenant, (CASE WHEN issued_at IS NULL THEN at ELSE issued_at END), ref)",
    ),
    "ix_mails_queued": (MAILS, "(subscription) WHERE status = 'queued'"),
}
REPLACED = "ix_subscriptions_tenant_status"
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        for name, (table, columns) in BUILT.items():
            _build(name, table, columns)
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {REPLACED}")
        op.execute("RESET lock_timeout")


def _build(name: str, table: str, columns: str) -> None:
    # An earlier attempt may have built it, or have left an index behind that is of no use.
    if op.get_bind().scalar(IS_UNFINISHED, {"name": name}):
        op.execute(f"DROP INDEX CONCURRENTLY {name}")
    op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} {columns}")


def downgrade() -> None:
    op.execute(f"CREATE INDEX {REPLACED} ON subscriptions (tenant, status)")
    for name in BUILT:
        op.execute(f"DROP INDEX {name}")
