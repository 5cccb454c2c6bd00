"""Statistics of usage are summed up page by page, so that another attempt goes on where one has stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "usage_statistics_pages",
        sa.Column("moment", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("feature", sa.Text(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("uses", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("limited", sa.BigInteger(), nullable=False),
        sa.Column("near_limit", sa.BigInteger(), nullable=False),
        sa.Column("at_90", sa.BigInteger(), nullable=False),
        sa.Column("at_limit", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("moment", "tenant", "plan", "feature", "page", name=op.f("pk_usage_statistics_pages")),
    )
    op.execute("SELECT tenure_protect('usage_statistics_pages')")
    op.execute("ALTER TABLE usage_statistics_pages VALIDATE CONSTRAINT ck_usage_statistics_pages_tenant")


def downgrade() -> None:
    op.drop_table("usage_statistics_pages")
