"""Mails that were queued and never handed to those who send them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mails", sa.Column("handed_over_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_mails_left_behind",
        "mails",
        ["id"],
        unique=False,
        postgresql_where=sa.text("status = 'queued' AND handed_over_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_mails_left_behind", "mails")
    op.drop_column("mails", "handed_over_at")
