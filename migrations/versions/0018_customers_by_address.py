"""Customers by their address: to whom a link to the billing pages is mailed."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that the step waits for a table which others use; whoever comes behind waits as long."""


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.create_index("ix_customers_address", "customers", [sa.text("lower(email)")])


def downgrade() -> None:
    op.drop_index("ix_customers_address", "customers")
