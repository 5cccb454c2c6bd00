"""What subscriptions are worth, counted as they change; and an index of those who owe, by what happens next.

The first count of all is made by the next roll-up, so that a migration need not read every subscription.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that the triggers wait for the table; whoever comes behind waits as long."""
BUILD_WAITS = "60s"
"""The longest that the build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""
FUNCTIONS = Path(__file__).parents[1] / "functions"
SUMS = (
    *("annual", "committed", "at_risk", "paused", "trialing"),
    *("paying_customers", "free_customers", "trialing_customers"),
)
# Columns of a step's write that change what it is worth; and whether a pause counts stands in the state.
CHANGED = " OR ".join(
    [
        *(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in ("status", "plan", "interval", "amount", "currency")),
        "(OLD.cancel_at IS NULL) <> (NEW.cancel_at IS NULL)",
        "(OLD.trial_ends_at IS NULL) <> (NEW.trial_ends_at IS NULL)",
        "NEW.status = 'paused'",
    ]
)
TRIGGERS = {
    "subscriptions_standing": "AFTER INSERT OR DELETE ON subscriptions FOR EACH ROW",
    "subscriptions_standing_changed": f"AFTER UPDATE ON subscriptions FOR EACH ROW WHEN ({CHANGED})",
}
INDEX = "ix_subscriptions_owing"
COLUMNS = "(tenant, next_action_at) WHERE status IN ('past_due', 'suspended')"
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    # An earlier attempt may have come as far as the index.
    if not sa.inspect(op.get_bind()).has_table("mrr_standing"):
        op.create_table(
            "mrr_standing",
            sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
            *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "currency", "plan")),
            *(sa.Column(name, sa.Text(), nullable=False) for name in ("interval", "status")),
            *(sa.Column(name, sa.BigInteger(), nullable=False) for name in SUMS),
            sa.PrimaryKeyConstraint("id", name=op.f("pk_mrr_standing")),
        )
        op.execute("SELECT tenure_protect('mrr_standing')")
        op.execute("ALTER TABLE mrr_standing VALIDATE CONSTRAINT ck_mrr_standing_tenant")
    for name in ("tenure_standing_of", "tenure_keep_standing"):
        op.get_bind().exec_driver_sql((FUNCTIONS / f"{revision}_{name}.sql").read_text())
    for name, when in TRIGGERS.items():
        op.execute(f"CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION tenure_keep_standing()")
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{BUILD_WAITS}'")
        if op.get_bind().scalar(IS_UNFINISHED, {"name": INDEX}):
            op.execute(f"DROP INDEX CONCURRENTLY {INDEX}")
        op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON subscriptions {COLUMNS}")
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    for name in TRIGGERS:
        op.execute(f"DROP TRIGGER {name} ON subscriptions")
    op.execute("DROP FUNCTION tenure_keep_standing()")
    op.execute("DROP FUNCTION tenure_standing_of(subscriptions)")
    op.execute(f"DROP INDEX {INDEX}")
    op.drop_table("mrr_standing")
    op.execute("DELETE FROM installation WHERE name = 'standing_counted'")
