"""Resets of counters: to a value that is given, of no gauge, and of none whose overage is billed."""

from pathlib import Path

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

WAITS = "2s"
FUNCTIONS = Path(__file__).parents[1] / "functions"


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.get_bind().exec_driver_sql((FUNCTIONS / f"{revision}_tenure_use.sql").read_text())


def downgrade() -> None:
    op.get_bind().exec_driver_sql((FUNCTIONS / "0013_tenure_use.sql").read_text())
