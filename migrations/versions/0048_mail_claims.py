"""Who is sending a mail, so that two deliveries of one mail do not send it both."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

TABLES = ("mails", "operator_mails")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("claimed_by", sa.Text()))
        op.add_column(table, sa.Column("claimed_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "claimed_until")
        op.drop_column(table, "claimed_by")
