"""The payment pages that links in mails have opened, and the generation of a subscription's links."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pay_pages",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("sequence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["subscription"], ["subscriptions.id"], name=op.f("fk_pay_pages_subscription")),
        sa.PrimaryKeyConstraint("subscription", name=op.f("pk_pay_pages")),
    )


def downgrade() -> None:
    op.drop_table("pay_pages")
