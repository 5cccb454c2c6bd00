"""Purchases on hosted pages."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "purchases",
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("page_ref", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("success_url", sa.Text(), nullable=False),
        sa.Column("customer_ref", sa.Text(), server_default="", nullable=False),
        sa.Column("sign_up", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("code", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("busy_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state in ('open', 'begun', 'refusing', 'refused', 'expired')", name=op.f("ck_purchases_state")
        ),
        sa.PrimaryKeyConstraint("subscription", name=op.f("pk_purchases")),
        sa.UniqueConstraint("page_ref", name=op.f("uq_purchases_page_ref")),
    )
    waits = sa.text("state in ('open', 'refusing')")
    op.create_index("ix_purchases_look_at", "purchases", ["look_at"], postgresql_where=waits)
    op.create_index("ix_purchases_expires_at", "purchases", ["expires_at"])


def downgrade() -> None:
    op.drop_table("purchases")
