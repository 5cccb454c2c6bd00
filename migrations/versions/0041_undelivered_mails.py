"""An index of the mails that wait or were given up, built while the table is in use."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""

INDEX = "ix_mails_undelivered"
COLUMNS = "(tenant, status, created_at, id) WHERE status IN ('queued', 'refused')"
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        # An earlier attempt may have built it, or have left an index behind that is of no use.
        if op.get_bind().scalar(IS_UNFINISHED, {"name": INDEX}):
            op.execute(f"DROP INDEX CONCURRENTLY {INDEX}")
        op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON mails {COLUMNS}")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute(f"DROP INDEX {INDEX}")
