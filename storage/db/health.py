"""Whether the database can be worked with."""

from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import GatewayUnavailable
from storage.db.engine import transaction
from storage.db.migrations import head, is_known


async def check(engine: AsyncEngine) -> str | None:
    """None when the database is there and up to date; otherwise what is wrong and what to do.

    A version of which this release knows nothing is of a newer one, and newer ones leave what this one works with.
    """
    try:
        async with transaction(engine) as connection:
            at = await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    except GatewayUnavailable as error:
        return f"{error.message}: check TENURE_DATABASE_URL and that PostgreSQL is running"
    if at is None or (at != head() and is_known(at)):
        return f"the database is at version {at or 'none'}, this release needs {head()}: run `tenure migrate`"
    return None
