"""Which shard of a pass meets a subscription's agreement, so that those it has not met are found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that the step waits for the table; whoever comes behind waits as long."""
BUILD_WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""
INDEX = "ix_provider_sightings_shard"
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    # Null until the next pass has met the agreement: until then it is read by itself if it was not met for a day.
    op.execute("ALTER TABLE provider_sightings ADD COLUMN IF NOT EXISTS shard smallint")
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{BUILD_WAITS}'")
        if op.get_bind().scalar(IS_UNFINISHED, {"name": INDEX}):
            op.execute(f"DROP INDEX CONCURRENTLY {INDEX}")
        # Without the time of the sighting, which changes: so a row is updated in place.
        op.execute(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON provider_sightings (shard, subscription)"
            " WHERE shard IS NOT NULL"
        )
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.execute(f"DROP INDEX {INDEX}")
    op.execute("ALTER TABLE provider_sightings DROP COLUMN shard")
