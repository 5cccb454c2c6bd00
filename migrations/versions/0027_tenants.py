"""Tenants by row-level security: who may see what, and functions that say for whom before they look.

`tenure migrate` makes the roles first. Each table is locked by itself, and for a moment: the step may be interrupted,
and begins again.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

FUNCTIONS = Path(__file__).parents[1] / "functions"
SHARED = ("tenure_protect", "tenure_change")
WRITTEN = ("tenure_count_use", "tenure_count_uses", "tenure_revert_use", "tenure_read_usage")
TABLES = """
    SELECT c.relname, EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant' AND NOT a.attisdropped
    ) AS has_tenant
    FROM pg_class c
    WHERE c.relnamespace = current_schema::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    ORDER BY c.relname
"""
MAY_ENTER = """
    DO $$ BEGIN
        IF NOT has_schema_privilege('tenure_app', current_schema, 'USAGE')
            OR NOT has_schema_privilege('tenure_system', current_schema, 'USAGE')
        THEN EXECUTE format('GRANT USAGE ON SCHEMA %I TO tenure_app, tenure_system', current_schema); END IF;
    END $$
"""
KNOWN = """
    INSERT INTO tenants (id, name)
    SELECT id, id FROM (
        SELECT 'default' AS id UNION SELECT tenant FROM api_keys UNION SELECT tenant FROM customers
    ) known
    ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    _create_tenants()
    for name in SHARED:
        _run(name)
    for name in WRITTEN:
        _run(name)
    op.execute(MAY_ENTER)
    with op.get_context().autocommit_block():
        tables = op.get_bind().execute(sa.text(TABLES)).all()
        for table in tables:
            op.execute(f"SELECT tenure_protect('{table.relname}')")
        for table in tables:
            if table.has_tenant:
                op.execute(f"ALTER TABLE {table.relname} VALIDATE CONSTRAINT ck_{table.relname}_tenant")


def _create_tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("id <> ''", name=op.f("ck_tenants_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
        if_not_exists=True,
    )
    # Whoever has a key or a customer is a tenant.
    op.execute(KNOWN)


def _run(name: str) -> None:
    op.get_bind().exec_driver_sql((FUNCTIONS / f"{revision}_{name}.sql").read_text())


def downgrade() -> None:
    for table, has_tenant in op.get_bind().execute(sa.text(TABLES)).all():
        if not has_tenant:
            continue
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        for policy in ("own_tenant", "every_tenant"):
            op.execute(f"DROP POLICY {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_tenant")
    for name in (*WRITTEN, *SHARED):
        op.execute(f"DROP FUNCTION {name}")
    op.drop_table("tenants")
