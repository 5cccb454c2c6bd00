"""Checks that the database is usable."""

from alembic.runtime.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.errors import GatewayForbidden, GatewayUnavailable
from storage.db.engine import Scope, transaction
from storage.db.migrations import head, is_known
from storage.db.roles import UnfitLogin


async def check(engine: AsyncEngine) -> str | None:
    """None if the database is reachable and up to date; otherwise what is wrong and what to do.

    An unknown version belongs to a newer release, and newer ones keep what this release needs.
    """
    try:
        async with transaction(engine, Scope.INSTALLATION) as connection:
            at = await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    except GatewayForbidden as error:
        return error.message
    except GatewayUnavailable as error:
        return f"{error.message}: check TENURE_DATABASE_URL and that PostgreSQL is running"
    if at is None or (at != head() and is_known(at)):
        return f"the database is at version {at or 'none'}, this release needs {head()}: run `tenure migrate`"
    return None


async def refuse_unfit_login(engine: AsyncEngine) -> None:
    """Finds out whether row-level security holds for the login, unless the database cannot be reached yet.

    Raises:
        UnfitLogin: it does not; the message says what to do.
    """
    try:
        async with transaction(engine, Scope.INSTALLATION):
            pass
    except UnfitLogin:
        raise
    except GatewayUnavailable:
        return
