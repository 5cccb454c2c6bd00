"""Idempotency keys by their age: they are deleted after 72 hours."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that the step waits for a table which others use; whoever comes behind waits as long."""


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_idempotency_keys_created_at", "idempotency_keys")
