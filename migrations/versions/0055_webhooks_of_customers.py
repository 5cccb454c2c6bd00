"""Webhooks that name no customer, by what they do name: an export and an erasure look for those of one customer."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""

BUILT = {
    "ix_webhook_inbox_object_id": "(object_id) WHERE customer_ref = ''",
    "ix_webhook_inbox_agreement_ref": "(agreement_ref) WHERE customer_ref = ''",
}
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        for name, columns in BUILT.items():
            # An earlier attempt may have built it, or have left an index behind that is of no use.
            if op.get_bind().scalar(IS_UNFINISHED, {"name": name}):
                op.execute(f"DROP INDEX CONCURRENTLY {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON webhook_inbox {columns}")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    for name in BUILT:
        op.execute(f"DROP INDEX {name}")
