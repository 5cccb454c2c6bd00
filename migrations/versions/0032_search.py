"""Search of customers by a trigram index, which is asked by a function: row-level security would keep it from ILIKE."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

WAITS = "60s"
"""The longest that a build waits for a transaction of others. Nobody waits behind it, and ours end within 30 s."""

FUNCTION = Path(__file__).parents[1] / "functions" / "0032_tenure_find_customers.sql"
SIGNATURE = "tenure_find_customers(text, text, text[], int)"
INDEX = "ix_customers_search"
# An array of one: GIN has no operators for a text as such, unless by another extension.
COLUMNS = (
    "(ARRAY[tenant]), (external_id || chr(10) || email || chr(10) || coalesce(name, '') || chr(10) "
    "|| coalesce(customer_ref, '')) gin_trgm_ops"
)
IS_UNFINISHED = sa.text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
SEARCH_PATH = """
    SELECT 'pg_catalog, ' || string_agg(quote_ident(name), ', ') || ', pg_temp'
    FROM (
        SELECT current_schema AS name
        UNION SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_trgm'
    ) named
"""
NEEDED = (
    "search needs PostgreSQL's extension pg_trgm, of postgresql-contrib, and this login may not create it: as an "
    "administrator of PostgreSQL, run `CREATE EXTENSION pg_trgm` in this database, or `GRANT CREATE ON DATABASE` it to "
    "the login, then `tenure migrate` again"
)


def upgrade() -> None:
    try:
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except sa.exc.DBAPIError as error:
        error.add_note(NEEDED)
        raise
    op.execute(f"DROP FUNCTION IF EXISTS {SIGNATURE}")  # of an attempt that was aborted below
    op.get_bind().exec_driver_sql(FUNCTION.read_text())
    op.execute(f"REVOKE ALL ON FUNCTION {SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {SIGNATURE} TO tenure_app, tenure_system")
    # The schemas of the tables and of the extension, wherever they are, and never one that others may write to.
    op.execute(f"ALTER FUNCTION {SIGNATURE} SET search_path = {op.get_bind().scalar(sa.text(SEARCH_PATH))}")
    with op.get_context().autocommit_block():
        op.execute(f"SET lock_timeout = '{WAITS}'")
        if op.get_bind().scalar(IS_UNFINISHED, {"name": INDEX}):
            op.execute(f"DROP INDEX CONCURRENTLY {INDEX}")
        # Without a list of what is pending, through which every search would have to go.
        op.execute(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {INDEX} ON customers USING gin ({COLUMNS}) "
            "WITH (fastupdate = off)"
        )
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute(f"DROP INDEX {INDEX}")
    op.execute(f"DROP FUNCTION {SIGNATURE}")
    # The extension stays: others may use it.
