"""The log of usage by customer: an export and an erasure look for the rows of one, in all of its months."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""
DROP_WAITS = "5s"
FUNCTIONS = Path(__file__).parents[1] / "functions"
PARTITIONS = sa.text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'usage_log'::regclass ORDER BY relname"
)
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    # First, so that every month that is made from here on has one.
    _run(f"{revision}_tenure_usage_partitions")
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        for partition in op.get_bind().scalars(PARTITIONS).all():
            name = f"{partition}_customer"
            # An earlier attempt may have built it, or have left an index behind that is of no use.
            if op.get_bind().scalar(IS_UNFINISHED, {"name": name}):
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {partition} (tenant, customer)")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{DROP_WAITS}'")
    _run("0058_tenure_usage_partitions")
    for partition in op.get_bind().scalars(PARTITIONS).all():
        op.execute(f"DROP INDEX IF EXISTS {partition}_customer")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((FUNCTIONS / f"{name}.sql").read_text())
