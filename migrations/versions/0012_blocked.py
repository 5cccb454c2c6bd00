"""Subscriptions of which a step waits for the outside, to be listed and counted."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that a step waits for a table which others use; whoever comes behind waits as long."""


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    # Empty for all there are: no workflow has shown until now that it waits.
    op.add_column("subscriptions", sa.Column("blocked_since", sa.DateTime(timezone=True)))
    op.create_index(
        "ix_subscriptions_blocked",
        "subscriptions",
        ["tenant", "created_at", "id"],
        postgresql_where=sa.text("blocked_since is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_subscriptions_blocked", "subscriptions")
    op.drop_column("subscriptions", "blocked_since")
