"""No process runs with a login for which row-level security does not hold."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import make_url, text

from storage.db.engine import create_engine_from_url, transaction
from storage.db.migrations import upgrade
from storage.db.roles import DatabaseRole, UnfitLogin
from tests.harness.postgres import Databases

PASSWORD = "k7Qx2mVb"
KINDS = {"superuser": "SUPERUSER", "one that bypasses row-level security": "BYPASSRLS"}


@pytest_asyncio.fixture(params=KINDS.values(), ids=KINDS)
async def unfit(request: pytest.FixtureRequest, database_url: str, databases: Databases) -> AsyncIterator[str]:
    """The URL of a login that would see every tenant, although it may take both roles."""
    superuser = await asyncpg.connect(databases.superuser_url)
    await superuser.execute(f"CREATE ROLE unfit LOGIN {request.param} PASSWORD '{PASSWORD}'")
    await superuser.execute("GRANT tenure_app, tenure_system TO unfit")
    yield make_url(database_url).set(username="unfit", password=PASSWORD).render_as_string(hide_password=False)
    await superuser.execute("DROP ROLE unfit")
    await superuser.close()


@pytest.mark.parametrize("role", DatabaseRole)
async def test_an_unfit_login_is_refused_whatever_role_it_takes(unfit: str, role: DatabaseRole) -> None:
    engine = create_engine_from_url(unfit, role=role)

    with pytest.raises(UnfitLogin, match="the login unfit is a superuser of PostgreSQL, or has BYPASSRLS"):
        async with transaction(engine, "acme") as connection:
            await connection.execute(text("SELECT 1"))

    await engine.dispose()


async def test_an_unfit_login_migrates_nothing(unfit: str) -> None:
    with pytest.raises(UnfitLogin, match="use a login without either"):
        await upgrade(unfit)
