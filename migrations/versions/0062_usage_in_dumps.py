"""Months of the log of usage are in dumps: a dump reads each by itself, as the owner, who saw no row of them.

The owner has the rights of `tenure_system`. Nobody is granted anything: all others read the log as a whole.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

WAITS = "2s"
FUNCTIONS = Path(__file__).parents[1] / "functions"
POLICY = "every_tenant"
PARTITIONS = sa.text(
    "SELECT relname, EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) AS has_policy"
    " FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
    " WHERE inhparent = 'usage_log'::regclass AND relname <> 'usage_log_others' ORDER BY relname"
)


def upgrade() -> None:
    # First, so that every month that is made from here on has one.
    _run(f"{revision}_tenure_usage_partitions")
    # Each by itself: all usage waits behind the lock of a month.
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        for partition in op.get_bind().execute(PARTITIONS).all():
            # An earlier attempt may have made it.
            if not partition.has_policy:
                op.execute(f"CREATE POLICY {POLICY} ON {partition.relname} FOR SELECT TO tenure_system USING (true)")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    _run("0060_tenure_usage_partitions")
    for partition in op.get_bind().execute(PARTITIONS).all():
        op.execute(f"DROP POLICY IF EXISTS {POLICY} ON {partition.relname}")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((FUNCTIONS / f"{name}.sql").read_text())
