"""The log of usage: each key once, in a partition for each month, which is dropped as a whole when it is old.

Nothing is moved. What was counted before stays among the events until it is old, and its keys are found there too. From
here on, events are what is billed beyond a limit.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0058"
down_revision = "0057"
branch_labels = None
depends_on = None

WAITS = "2s"
MONTHS = 3
FUNCTIONS = Path(__file__).parents[1] / "functions"
NEW = ("usage_border", "log_event", "usage_partitions", "drop_usage_partitions")
CHANGED = {"use": "0044", "known_use": "0013", "give_back": "0013", "count_use": "0027"}
"""Functions of use, and the migration that last wrote each."""
OF_WORKERS = ("tenure_usage_partitions(integer)", "tenure_drop_usage_partitions(interval)")
KEPT = """
INSERT INTO usage_events (tenant, key, customer, meter, action, quantity, at, recorded_at, catalog, reason, actor,
                          features, starts, given_back)
SELECT * FROM usage_log ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    _create_tables()
    for name in NEW:
        _run(f"{revision}_tenure_{name}")
    for function in OF_WORKERS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO tenure_system")
    op.execute(f"SELECT tenure_usage_partitions({MONTHS})")
    # It waits until what earlier functions are counting is committed. Those that wait for it log what they record.
    op.execute(
        "CREATE TRIGGER usage_events_logged BEFORE INSERT ON usage_events"
        " FOR EACH ROW EXECUTE FUNCTION tenure_log_event()"
    )
    for name in CHANGED:
        _run(f"{revision}_tenure_{name}")


def _create_tables() -> None:
    op.create_table(
        "usage_log",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("catalog", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), server_default="", nullable=False),
        sa.Column("features", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("starts", sa.ARRAY(sa.DateTime(timezone=True)), nullable=True),
        sa.Column("given_back", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_usage_log_tenant")),
        postgresql_partition_by="RANGE (recorded_at)",
    )
    op.create_table(
        "usage_border_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("border", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_usage_border_keys_tenant")),
        sa.PrimaryKeyConstraint("tenant", "border", "digest", name=op.f("pk_usage_border_keys")),
    )
    for table in ("usage_log", "usage_border_keys"):
        op.execute(f"SELECT tenure_protect('{table}')")
    op.execute("CREATE TABLE usage_log_others PARTITION OF usage_log DEFAULT")
    op.execute("CREATE UNIQUE INDEX usage_log_others_key ON usage_log_others (tenant, key)")
    op.execute("ALTER TABLE usage_log_others ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    # Its old rows are deleted by workers: it is not dropped.
    op.execute("GRANT SELECT, DELETE ON usage_log_others TO tenure_system")
    op.execute("CREATE POLICY every_tenant ON usage_log_others TO tenure_system USING (true)")


def downgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    op.execute("DROP TRIGGER usage_events_logged ON usage_events")
    op.execute(KEPT)
    op.execute("DROP FUNCTION tenure_give_back(text, text, text[], text, bigint, text, text, text, text)")
    for name, written in CHANGED.items():
        _run(f"{written}_tenure_{name}")
    op.drop_table("usage_log")
    op.drop_table("usage_border_keys")
    op.execute("DROP FUNCTION tenure_log_event()")
    op.execute("DROP FUNCTION tenure_usage_border(timestamptz)")
    for function in OF_WORKERS:
        op.execute(f"DROP FUNCTION {function}")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((FUNCTIONS / f"{name}.sql").read_text())
