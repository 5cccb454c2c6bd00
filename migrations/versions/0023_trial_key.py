"""Marks of trials are made with a key; `tenure migrate` gives it to those that were made without one."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_installation")),
    )
    # An earlier release that is still running goes on writing marks without it.
    op.add_column("trials", sa.Column("keyed", sa.Boolean(), nullable=False, server_default=sa.text("false")))


def downgrade() -> None:
    """Marks that have the key keep it: an earlier release does not find them."""
    op.drop_column("trials", "keyed")
    op.drop_table("installation")
