"""Behind a pooler in transaction mode, tenants share a connection of the server and never see each other."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import make_url, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog.plans import Catalog
from domain.entitlements.usage import Outcome, UsageChange
from domain.errors import GatewayForbidden
from storage.access.tenants import Tenants
from storage.catalog.catalogs import Catalogs
from storage.db.engine import create_engine_from_url, transaction
from storage.db.pooling import Pooling
from storage.db.roles import DatabaseRole
from storage.schema.usage_tables import usage
from storage.usage.counting import EntitlementRules, Usage
from tests.harness.pgbouncer import needs_pgbouncer, pooled
from tests.harness.postgres import Databases
from tests.storage.counting import FEATURES, a_plan

TENANTS = ("acme", "zenith")
CONSUMES = 2_000
AT_ONCE = 8
FREE = a_plan("free", 0, images=1_000_000)
CATALOG = Catalog("pooled", 1, "usd", {"free": FREE}, features={one.code: one for one in FEATURES})
RULES = EntitlementRules(CATALOG.name, "free")
LOGINS = """
CREATE ROLE {name}_api LOGIN PASSWORD 'k7Qx2mVb' IN ROLE tenure_app;
CREATE ROLE {name}_crossing LOGIN PASSWORD 'k7Qx2mVb' IN ROLE tenure_system;
"""


@pytest_asyncio.fixture
async def urls(database_url: str, databases: Databases) -> AsyncIterator[tuple[str, str]]:
    """The URLs of a login that inherits the application's role, and of one that inherits the system's."""
    superuser = await asyncpg.connect(databases.superuser_url)
    await superuser.execute(LOGINS.format(name="pooled"))
    given = make_url(database_url).set(password="k7Qx2mVb")
    api, crossing = (
        given.set(username=f"pooled_{kind}").render_as_string(hide_password=False) for kind in ("api", "crossing")
    )
    engine = create_engine_from_url(crossing, role=DatabaseRole.SYSTEM)
    await Catalogs(engine).publish(CATALOG)
    for tenant in TENANTS:
        await Tenants(engine).add(tenant, tenant)
    await engine.dispose()
    yield api, crossing
    await superuser.execute("DROP ROLE pooled_api; DROP ROLE pooled_crossing")
    await superuser.close()


async def seen(engine: AsyncEngine, tenant: str) -> set[str]:
    """Whose counters a tenant sees."""
    async with transaction(engine, tenant) as connection:
        return set((await connection.execute(select(usage.c.tenant))).scalars())


@needs_pgbouncer
async def test_two_tenants_alternate_on_one_connection_and_see_nothing_of_each_other(urls: tuple[str, str]) -> None:
    async with pooled(*urls, connections=1) as (through, _):
        engine = create_engine_from_url(through, Pooling(AT_ONCE, by_transaction=True), role=DatabaseRole.APPLICATION)
        counting = Usage(engine)

        async def consume(first: int) -> None:
            for number in range(first, CONSUMES, AT_ONCE):
                tenant = TENANTS[number % 2]
                use = UsageChange("ada", "images", 1, str(number))
                counted = await counting.use(use, RULES, tenant=tenant)
                assert counted.outcome is Outcome.COUNTED
                if number % 100 < AT_ONCE:
                    assert await seen(engine, tenant) == {tenant}

        await asyncio.gather(*(consume(first) for first in range(AT_ONCE)))

        for tenant in TENANTS:
            _, tallies = await counting.standing("ada", RULES, tenant=tenant)
            assert [tally.used for tally in tallies if tally.feature == "images"] == [CONSUMES // 2]
        connection = await asyncpg.connect(through, statement_cache_size=0)
        assert await connection.fetchval("SELECT count(*) FROM usage") == 0
        await connection.close()
        await engine.dispose()


@needs_pgbouncer
async def test_a_login_that_sees_every_tenant_is_refused_for_the_application(urls: tuple[str, str]) -> None:
    async with pooled(*urls, connections=1) as (_, crossing):
        engine = create_engine_from_url(crossing, Pooling(1, by_transaction=True), role=DatabaseRole.APPLICATION)
        with pytest.raises(GatewayForbidden, match="sees every tenant"):
            await seen(engine, "acme")
        await engine.dispose()
