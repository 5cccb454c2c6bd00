"""How many customers moved how in each month: unlike amounts, they cannot be summed up from days."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mrr_movers",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("end_kind", sa.Text(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "month", "currency", "plan", "kind", "end_kind", name=op.f("pk_mrr_movers")),
    )
    # Everything is summed up again, with the customers of all months.
    op.execute("DELETE FROM mrr_roll_up")


def downgrade() -> None:
    op.drop_table("mrr_movers")
