"""How we reach PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from domain.errors import GatewayUnavailable


def async_url(url: str) -> str:
    """The URL with asyncpg as its driver."""
    for scheme in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return f"postgresql+asyncpg://{url.removeprefix(scheme)}"
    raise ValueError("a database URL begins with postgresql://")


def create_engine_from_url(url: str) -> AsyncEngine:
    return create_async_engine(async_url(url), pool_size=10, max_overflow=10, pool_pre_ping=True)


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One transaction, committed when the block ends well.

    Raises:
        GatewayUnavailable: the database cannot be reached, or dropped us; nothing was committed that we know of.
    """
    try:
        async with engine.begin() as connection:
            yield connection
    except (OperationalError, InterfaceError, OSError) as error:
        raise GatewayUnavailable(f"the database is out of reach: {error}", code="database_unavailable") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise GatewayUnavailable("the database dropped the connection", code="database_unavailable") from error
        raise
