"""Use of a counter that is given back by its key: which counters it went to, and what was billed of it."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

WAITS = "2s"
FUNCTIONS = Path(__file__).parents[1] / "functions"
REPLACED = ("tenure_known_use", "tenure_use")


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    # Without a value for the rows that are there, or with one for all: nothing is rewritten.
    op.add_column("usage", sa.Column("overage", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("usage", sa.Column("overage_back", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("usage", sa.Column("reset_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("usage_events", sa.Column("features", sa.ARRAY(sa.Text()), nullable=True))
    op.add_column("usage_events", sa.Column("starts", sa.ARRAY(sa.DateTime(timezone=True)), nullable=True))
    op.add_column("usage_events", sa.Column("given_back", postgresql.JSONB(), nullable=True))
    for name in (*REPLACED, "tenure_give_back"):
        op.get_bind().exec_driver_sql((FUNCTIONS / f"{revision}_{name}.sql").read_text())


def downgrade() -> None:
    op.execute("DROP FUNCTION tenure_give_back")
    for name in REPLACED:
        before = (FUNCTIONS / f"0006_{name}.sql").read_text()
        op.get_bind().exec_driver_sql(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))
    for column in ("given_back", "starts", "features"):
        op.drop_column("usage_events", column)
    for column in ("reset_at", "overage_back", "overage"):
        op.drop_column("usage", column)
