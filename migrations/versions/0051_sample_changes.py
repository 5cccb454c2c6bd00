"""Samples of gauges hold until the next one: those of the previous release say nothing of days that have none."""

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

WAITS = "2s"


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    # With a default that is no expression the rows stay as they are.
    op.execute("ALTER TABLE usage_samples ADD COLUMN holds boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE usage_samples DROP COLUMN holds")
