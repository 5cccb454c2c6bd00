"""Events that were found to be nobody's, for exports and erasures of customers of every tenant."""

from pathlib import Path

from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None

FUNCTIONS = Path(__file__).parents[1] / "functions"
ADDED = ("tenure_received", "tenure_erase_received")


def upgrade() -> None:
    for name in ADDED:
        op.get_bind().exec_driver_sql((FUNCTIONS / f"{revision}_{name}.sql").read_text())
        op.execute(f"REVOKE ALL ON FUNCTION {name}(text[], text[]) FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name}(text[], text[]) TO tenure_app, tenure_system")


def downgrade() -> None:
    for name in reversed(ADDED):
        op.execute(f"drop function {name}(text[], text[])")
