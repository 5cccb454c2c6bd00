"""When a subscription's next action is due, in a column with an index: what is late is counted by it."""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that the first part waits for the table; whoever comes behind waits as long."""
BUILD_WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""
BATCH = 1000
NOBODYS = "00000000-0000-0000-0000-000000000000"

# The provider renews: there is nothing for us to be late with.
NEXT = """
CREATE OR REPLACE FUNCTION tenure_next_action_at(next_actions jsonb) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT min((due ->> 'at')::timestamptz) FROM jsonb_array_elements(next_actions) AS due
    WHERE due ->> 'action' <> 'renew'
$$
"""
KEEP = """
CREATE OR REPLACE FUNCTION tenure_keep_next_action_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.next_action_at := tenure_next_action_at(NEW.next_actions);
    RETURN NEW;
END $$
"""
# A trigger, because workers of the previous release write steps too while this one is rolled out.
WATCH = """
CREATE OR REPLACE TRIGGER subscriptions_next_action_at BEFORE INSERT OR UPDATE OF next_actions ON subscriptions
    FOR EACH ROW EXECUTE FUNCTION tenure_keep_next_action_at()
"""
NEXT_IDS = sa.text("SELECT id FROM subscriptions WHERE id > CAST(:after AS uuid) ORDER BY id LIMIT :batch")
FILL = sa.text(
    "UPDATE subscriptions SET next_action_at = tenure_next_action_at(next_actions)"
    " WHERE id > CAST(:after AS uuid) AND id <= CAST(:last AS uuid)"
    " AND next_action_at IS DISTINCT FROM tenure_next_action_at(next_actions)"
)
INDEX = "ix_subscriptions_next_action_at"
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    # An earlier attempt may have come as far as the rows.
    op.execute("ALTER TABLE subscriptions ADD COLUMN IF NOT EXISTS next_action_at timestamptz")
    for statement in (NEXT, KEEP, WATCH):
        op.execute(statement)
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{BUILD_WAITS}'")
        _fill()
        if op.get_bind().scalar(IS_UNFINISHED, {"name": INDEX}):
            op.execute(f"DROP INDEX CONCURRENTLY {INDEX}")
        op.execute(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON subscriptions (next_action_at)"
            " WHERE next_action_at IS NOT NULL"
        )
        op.execute("RESET lock_timeout")


def _fill() -> None:
    """In batches, each committed by itself: a step waits for no more than one of them."""
    bind, after = op.get_bind(), NOBODYS
    while ids := list(bind.scalars(NEXT_IDS, {"after": after, "batch": BATCH})):
        bind.execute(FILL, {"after": after, "last": str(ids[-1])})
        after = str(ids[-1])


def downgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.execute("DROP TRIGGER subscriptions_next_action_at ON subscriptions")
    op.execute(f"DROP INDEX {INDEX}")
    op.execute("ALTER TABLE subscriptions DROP COLUMN next_action_at")
    op.execute("DROP FUNCTION tenure_keep_next_action_at()")
    op.execute("DROP FUNCTION tenure_next_action_at(jsonb)")
