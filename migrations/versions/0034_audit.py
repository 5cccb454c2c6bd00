"""The audit: who has asked for what, and what came of it. Rows are only added."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

FUNCTIONS = Path(__file__).parents[1] / "functions"
MONTHS = 24
APPEND_ONLY = """
create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    -- Erasing a customer's data must be done on purpose: it sets this for its own transaction.
    if current_setting('tenure.erasing', true) = 'yes' then
        return coalesce(new, old);
    end if;
    raise exception 'the audit is append-only';
end $$
"""
TABLES = ("audit", "audit_details")


def upgrade() -> None:
    _create_tables()
    op.execute(APPEND_ONLY)
    for table in TABLES:
        op.execute(f"SELECT tenure_protect('{table}')")
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_tenant")
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM tenure_app, tenure_system")
        op.execute(
            f"create trigger {table}_append_only before update or delete on {table}"
            " for each row execute function audit_is_append_only()"
        )
        op.execute(
            f"create trigger {table}_never_emptied before truncate on {table}"
            " for each statement execute function audit_is_append_only()"
        )
    for name in ("tenure_audit_partitions", "tenure_erase_audit"):
        op.get_bind().exec_driver_sql((FUNCTIONS / f"{revision}_{name}.sql").read_text())
    op.execute("REVOKE ALL ON FUNCTION tenure_erase_audit(text, text[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION tenure_erase_audit(text, text[]) TO tenure_app, tenure_system")
    op.execute("CREATE TABLE audit_others PARTITION OF audit DEFAULT")
    op.execute(f"SELECT tenure_audit_partitions({MONTHS})")


def _create_tables() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_role", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("target_kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("settles", sa.Uuid(), nullable=True),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_audit_tenant")),
        sa.CheckConstraint("outcome in ('asked', 'done', 'refused', 'unknown')", name=op.f("ck_audit_outcome")),
        sa.PrimaryKeyConstraint("id", "at", name=op.f("pk_audit")),
        postgresql_partition_by="RANGE (at)",
    )
    asks, settles = sa.text("settles IS NULL"), sa.text("settles IS NOT NULL")
    op.create_index("ix_audit_tenant_at_id", "audit", ["tenant", "at", "id"], postgresql_where=asks)
    op.create_index("ix_audit_target", "audit", ["tenant", "target", "at", "id"], postgresql_where=asks)
    op.create_index("ix_audit_settles", "audit", ["settles"], postgresql_where=settles)
    op.create_index("ix_audit_asked", "audit", ["at"], postgresql_where=sa.text("outcome = 'asked'"))
    op.create_table(
        "audit_details",
        sa.Column("audit_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("tenant <> ''", name=op.f("ck_audit_details_tenant")),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_details")),
    )


def downgrade() -> None:
    op.drop_table("audit_details")
    op.drop_table("audit")
    op.execute("drop function tenure_erase_audit(text, text[])")
    op.execute("drop function tenure_audit_partitions(integer)")
    op.execute("drop function audit_is_append_only()")
