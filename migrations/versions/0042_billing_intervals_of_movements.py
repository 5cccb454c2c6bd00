"""How often that was billed which a movement came from, so that figures of each billing interval add up."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that a step waits for a table which others use; whoever comes behind waits as long."""
COUNTED = "SELECT count(*) FROM mrr_movements WHERE from_plan <> ''"
KNOWN = """
    UPDATE mrr_movements AS moved SET from_interval = earlier.interval
    FROM (
        SELECT subscription, sequence, position,
               coalesce(lag(interval) OVER (PARTITION BY subscription ORDER BY sequence, position), interval)
                   AS interval
        FROM mrr_movements
    ) AS earlier
    WHERE moved.subscription = earlier.subscription AND moved.sequence = earlier.sequence
      AND moved.position = earlier.position AND moved.from_plan <> ''
"""
DAILY = ["tenant", "day", "currency", "kind", "end_kind", "plan", "interval", "from_plan", "from_interval"]
MOVERS = ["tenant", "length", "month", "currency", "plan", "interval", "kind", "end_kind"]


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.add_column("mrr_movements", sa.Column("from_interval", sa.Text(), server_default="", nullable=False))
    # Movements are only added to; this adds what their own history says.
    op.execute("SET LOCAL tenure.erasing = 'yes'")
    op.get_bind().execute(sa.text("SELECT tenure_change(:counted, :known)"), {"counted": COUNTED, "known": KNOWN})
    op.execute("SET LOCAL tenure.erasing = ''")
    # Everything is summed up again. Until then figures are read from the movements themselves.
    op.execute("TRUNCATE mrr_daily, mrr_movers, mrr_roll_up")
    for name in ("interval", "from_interval"):
        op.add_column("mrr_daily", sa.Column(name, sa.Text(), nullable=False))
    op.add_column("mrr_movers", sa.Column("interval", sa.Text(), nullable=False))
    _key("mrr_daily", DAILY)
    _key("mrr_movers", MOVERS)


def _key(table: str, columns: list[str]) -> None:
    op.drop_constraint(f"pk_{table}", table, type_="primary")
    op.create_primary_key(f"pk_{table}", table, columns)


def downgrade() -> None:
    op.execute("TRUNCATE mrr_daily, mrr_movers, mrr_roll_up")
    _key("mrr_movers", [name for name in MOVERS if name != "interval"])
    _key("mrr_daily", [name for name in DAILY if name not in ("interval", "from_interval")])
    op.drop_column("mrr_movers", "interval")
    for name in ("from_interval", "interval"):
        op.drop_column("mrr_daily", name)
    op.drop_column("mrr_movements", "from_interval")
