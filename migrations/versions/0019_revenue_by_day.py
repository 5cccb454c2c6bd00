"""The sums of each day's movements of revenue, and how far they reach."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mrr_daily",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("end_kind", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("from_plan", sa.Text(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("payers_before", sa.Integer(), nullable=False),
        sa.Column("payers_after", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "day", "currency", "kind", "end_kind", "plan", "from_plan", name=op.f("pk_mrr_daily")
        ),
    )
    op.create_table(
        "mrr_roll_up",
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("recorded_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("timezone", name=op.f("pk_mrr_roll_up")),
    )


def downgrade() -> None:
    op.drop_table("mrr_roll_up")
    op.drop_table("mrr_daily")
