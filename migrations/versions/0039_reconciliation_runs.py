"""Which differences are open, with all that healing needs; and the reconciliation runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

WAITS = "5s"
"""The longest that the step waits for a table which others use; whoever comes behind waits as long."""
OPEN = sa.text("closed_at is null")
NEW = ("since", "closed_at", "is_for_operator", "bill_ref", "mails")


def upgrade() -> None:
    op.execute(f"SET LOCAL lock_timeout = '{WAITS}'")
    _add(sa.Column("since", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False))
    _add(sa.Column("closed_at", sa.DateTime(timezone=True)))
    _add(sa.Column("is_for_operator", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    _add(sa.Column("bill_ref", sa.Text(), server_default="", nullable=False))
    _add(sa.Column("mails", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False))
    # Those that are still there are open again once the next run has found them.
    op.execute("UPDATE discrepancies SET since = found_at, closed_at = now()")
    op.create_index("ix_discrepancies_open", "discrepancies", ["tenant", "since", "id"], postgresql_where=OPEN)
    op.create_index(
        "ix_discrepancies_open_subscription", "discrepancies", ["subscription", "agreement_ref"], postgresql_where=OPEN
    )
    op.create_table(
        "reconciliation_runs",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("heals", sa.Boolean(), nullable=False),
        sa.Column("report", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_reconciliation_runs")),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_reconciliation_runs_tenant")),
    )
    op.create_index("ix_reconciliation_runs_tenant_began_at_run", "reconciliation_runs", ["tenant", "began_at", "run"])
    op.execute("SELECT tenure_protect('reconciliation_runs')")


def _add(column: "sa.Column[object]") -> None:
    op.add_column("discrepancies", column)


def downgrade() -> None:
    op.drop_table("reconciliation_runs")
    for index in ("ix_discrepancies_open", "ix_discrepancies_open_subscription"):
        op.drop_index(index, "discrepancies")
    for name in NEW:
        op.drop_column("discrepancies", name)
