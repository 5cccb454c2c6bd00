"""Bulk runs: a command for every subscription that a filter finds, and what came of each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

TABLES = ("bulk_runs", "bulk_rows")


def upgrade() -> None:
    _create_runs()
    _create_rows()
    for table in TABLES:
        op.execute(f"SELECT tenure_protect('{table}')")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_tenant")


def _create_runs() -> None:
    op.create_table(
        "bulk_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("filter", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inverse_of", sa.Uuid(), nullable=True),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_role", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default="starting", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_bulk_runs_tenant")),
        sa.CheckConstraint(
            "state in ('starting', 'running', 'paused', 'stopped', 'finished')", name=op.f("ck_bulk_runs_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_runs")),
    )
    op.create_index("ix_bulk_runs_tenant_created_at_id", "bulk_runs", ["tenant", "created_at", "id"])


def _create_rows() -> None:
    op.create_table(
        "bulk_rows",
        sa.Column("run", sa.Uuid(), nullable=False),
        sa.Column("subscription", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_bulk_rows_tenant")),
        sa.CheckConstraint("outcome in ('done', 'refused', 'unknown', 'skipped')", name=op.f("ck_bulk_rows_outcome")),
        sa.ForeignKeyConstraint(["run"], ["bulk_runs.id"], name=op.f("fk_bulk_rows_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run", "subscription", name=op.f("pk_bulk_rows")),
    )
    op.create_index("ix_bulk_rows_position", "bulk_rows", ["run", "position"], unique=True)
    waiting = sa.text("outcome IS NULL")
    op.create_index("ix_bulk_rows_waiting", "bulk_rows", ["run", "position"], postgresql_where=waiting)
    op.create_index("ix_bulk_rows_subscription", "bulk_rows", ["subscription"])


def downgrade() -> None:
    op.drop_table("bulk_rows")
    op.drop_table("bulk_runs")
