"""How trials, recoveries and cancellations come out, counted by day as they change.

The first count of all is made by the next roll-up, so that a migration need not read every row.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that a trigger waits for its table; whoever comes behind waits as long."""
FUNCTIONS = Path(__file__).parents[1] / "functions"
# Columns that change what a row counts for.
COUNTED = {
    "subscription_outcomes": (
        *("trial_started_at", "trial_ended_at", "trial_outcome", "trial_plan", "trial_with_card", "first_paid_at"),
    ),
    "recoveries": (
        "began_at",
        "currency",
        "plan",
        "outcome",
        "is_first_payment",
        "decline_code",
        "tries",
        "by",
        "amount",
    ),
    "cancellations": ("asked_at", "plan", "by", "reason_code", "status", "retained_by", "ended_at"),
}


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.create_table(
        "outcome_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "fact")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("currency", "plan")),
        sa.Column("parts", sa.ARRAY(sa.Text()), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("count", "amount")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outcome_changes")),
    )
    key = ("tenant", "fact", "day", "currency", "plan", "parts")
    op.create_table(
        "outcome_daily",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "fact")),
        sa.Column("day", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("currency", "plan")),
        sa.Column("parts", sa.ARRAY(sa.Text()), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("count", "amount")),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_outcome_daily")),
    )
    for table in ("outcome_changes", "outcome_daily"):
        op.execute(f"SELECT tenure_protect('{table}')")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_tenant")
    for name in ("facts_of_trials", "facts_of_recoveries", "facts_of_cancellations", "keep_outcomes"):
        op.get_bind().exec_driver_sql((FUNCTIONS / f"{revision}_tenure_{name}.sql").read_text())
    for table, columns in COUNTED.items():
        changed = " OR ".join(f'OLD."{name}" IS DISTINCT FROM NEW."{name}"' for name in columns)
        kept = "FOR EACH ROW EXECUTE FUNCTION tenure_keep_outcomes()"
        op.execute(f"CREATE TRIGGER {table}_counted AFTER INSERT OR DELETE ON {table} {kept}")
        when = f"FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION tenure_keep_outcomes()"
        op.execute(f"CREATE TRIGGER {table}_count_changed AFTER UPDATE ON {table} {when}")


def downgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    for table in COUNTED:
        op.execute(f"DROP TRIGGER {table}_counted ON {table}")
        op.execute(f"DROP TRIGGER {table}_count_changed ON {table}")
    op.execute("DROP FUNCTION tenure_keep_outcomes()")
    for table in COUNTED:
        op.execute(f"DROP FUNCTION tenure_facts_of({table})")
    op.drop_table("outcome_changes")
    op.drop_table("outcome_daily")
    op.execute("DELETE FROM installation WHERE name = 'outcomes_counted'")
