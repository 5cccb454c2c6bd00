"""A message about a dispute names a charge and no customer: the inbox keeps it, to find out whose it is."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook_inbox", sa.Column("charge_ref", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("webhook_inbox", "charge_ref")
