"""Claims of idempotency keys are leases that their process renews: when it dies, a repeat soon takes over."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

WAITS = "2s"
"""The longest that a request waits for the table; neither column rewrites it."""


def upgrade() -> None:
    op.execute(f"set local lock_timeout = '{WAITS}'")
    op.add_column("idempotency_keys", sa.Column("claim", sa.Uuid()))
    # Processes of the previous release claim a key for a minute, and do not renew it.
    until = sa.Column(
        "claimed_until",
        sa.DateTime(timezone=True),
        nullable=False,
        server_default=sa.text("now() + interval '60 seconds'"),
    )
    op.add_column("idempotency_keys", until)


def downgrade() -> None:
    op.drop_column("idempotency_keys", "claimed_until")
    op.drop_column("idempotency_keys", "claim")
