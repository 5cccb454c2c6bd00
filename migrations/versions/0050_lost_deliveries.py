"""Deliveries that nobody came back to are found by when they were due."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

INDEX = "ix_event_deliveries_claimed_until"


def upgrade() -> None:
    op.create_index(INDEX, "event_deliveries", ["claimed_until"], postgresql_where=sa.text("state = 'pending'"))


def downgrade() -> None:
    op.drop_index(INDEX, table_name="event_deliveries")
