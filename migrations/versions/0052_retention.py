"""Indexes of what is deleted or emptied by its age, built while the tables are in use."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""

BUILT = {
    "ix_webhook_inbox_handled": "webhook_inbox (received_at) WHERE handled_at IS NOT NULL",
    "ix_mails_facts": "mails (created_at) WHERE facts <> '{}' AND status <> 'queued'",
    "ix_usage_long": "usage (period_end) WHERE period_end - period_start > interval '7 days'",
}
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        for name, columns in BUILT.items():
            # An earlier attempt may have built it, or have left an index behind that is of no use.
            if op.get_bind().scalar(IS_UNFINISHED, {"name": name}):
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {columns}")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    for name in BUILT:
        op.execute(f"DROP INDEX {name}")
