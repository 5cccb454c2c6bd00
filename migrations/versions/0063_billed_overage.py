"""Usage beyond a limit is billed up to what the plan sells of it, and late usage by the limit of its own period."""

from pathlib import Path

from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

FUNCTIONS = Path(__file__).parents[1] / "functions"
CHANGED = ("use", "give_back")
BEFORE = "0058"


def upgrade() -> None:
    for name in CHANGED:
        _run(f"{revision}_tenure_{name}")


def downgrade() -> None:
    for name in CHANGED:
        _run(f"{BEFORE}_tenure_{name}")


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((FUNCTIONS / f"{name}.sql").read_text())
