"""Outcomes in the audit by their target: an export and an erasure look for all entries about one customer."""

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

INDEX = "ix_audit_settled_target"
ON = "(tenant, target) WHERE settles IS NOT NULL"
WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""
SHORT = "5s"
PARTITIONS = sa.text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'audit'::regclass ORDER BY relname"
)
IS_THERE = sa.text(
    "SELECT EXISTS (SELECT FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid"
    " WHERE inhparent = CAST(:index AS regclass) AND indrelid = CAST(:partition AS regclass))"
)
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{SHORT}'")
        # First, so that every month that is made from here on has one.
        op.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON ONLY audit {ON}")
        for partition in op.get_bind().scalars(PARTITIONS).all():
            if op.get_bind().scalar(IS_THERE, {"index": INDEX, "partition": partition}):
                continue
            name = f"{partition}_settled_target"
            op.execute(f"SET lock_timeout = '{WAITS}'")
            # An earlier attempt may have built it, or have left an index behind that is of no use.
            if op.get_bind().scalar(IS_UNFINISHED, {"name": name}):
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {partition} {ON}")
            op.execute(f"SET lock_timeout = '{SHORT}'")
            op.execute(f"ALTER INDEX {INDEX} ATTACH PARTITION {name}")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{SHORT}'")
    op.execute(f"DROP INDEX {INDEX}")
