"""Mails about usage keep their figures, which the timeline shows: the index of what is emptied leaves them out."""

import sqlalchemy as sa
from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""

INDEX, BEFORE = "ix_mails_to_empty", "ix_mails_facts"
IS_OLD = "facts <> '{}' AND status <> 'queued'"
BUILT = f"mails (created_at) WHERE {IS_OLD} AND occasion NOT IN ('usage_warning', 'usage_limit')"
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        # An earlier attempt may have built it, or have left an index behind that is of no use.
        if op.get_bind().scalar(IS_UNFINISHED, {"name": INDEX}):
            op.execute(f"DROP INDEX CONCURRENTLY {INDEX}")
        op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON {BUILT}")
        op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {BEFORE}")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute(f"CREATE INDEX {BEFORE} ON mails (created_at) WHERE {IS_OLD}")
    op.execute(f"DROP INDEX {INDEX}")
