"""What customers who began to pay in one month come to in each month since."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mrr_cohorts",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("cohort", sa.Date(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("interval", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("delta", sa.BigInteger(), nullable=False),
        sa.Column("payers", sa.Integer(), nullable=False),
        sa.Column("began_with", sa.BigInteger(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "currency", "cohort", "plan", "interval", "month", name=op.f("pk_mrr_cohorts")
        ),
    )
    op.execute("SELECT tenure_protect('mrr_cohorts')")
    op.execute("ALTER TABLE mrr_cohorts VALIDATE CONSTRAINT ck_mrr_cohorts_tenant")
    op.add_column("mrr_roll_up", sa.Column("cohorts_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("mrr_roll_up", "cohorts_until")
    op.drop_table("mrr_cohorts")
