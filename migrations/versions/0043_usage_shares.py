"""What half and nine of ten customers use, and how many are at 90 % of their limit, of how many that have one."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that the step waits for a table which others use; whoever comes behind waits as long."""
COLUMNS = ("active", "limited", "at_90", "median", "p90")


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    for name in COLUMNS:
        op.add_column("usage_statistics", sa.Column(name, sa.BigInteger(), nullable=True))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("usage_statistics", name)
