"""Who delivers an event, so that two runs of one delivery do not send it both."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event_deliveries", sa.Column("claimed_by", sa.Text()))
    op.add_column("event_deliveries", sa.Column("claimed_until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("event_deliveries", "claimed_until")
    op.drop_column("event_deliveries", "claimed_by")
