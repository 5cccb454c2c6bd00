"""What customers were called at the payment provider before it deleted them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that a step waits for a table which others use; whoever comes behind waits as long."""


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    none = sa.text("'{}'::text[]")
    op.add_column("customers", sa.Column("former_refs", ARRAY(sa.Text()), nullable=False, server_default=none))
    op.create_index("ix_customers_former_refs", "customers", ["former_refs"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_index("ix_customers_former_refs", "customers")
    op.drop_column("customers", "former_refs")
