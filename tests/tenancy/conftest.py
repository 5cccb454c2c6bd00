"""A database as docker-compose.yml sets it up, migrated by its login, with rows of two tenants in every table."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest_asyncio
from ruamel.yaml import YAML

from storage.db.migrations import upgrade
from tests.harness.postgres import Databases, serve_databases
from tests.tenancy.rows import TENANTS, fill

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"
PASSWORD = "k7Qx2mVb"
LOGIN = "composed"
"""The compose file calls both its login and its database `tenure`; the server of the tests has these."""


def statements_of_compose() -> list[str]:
    """What the compose file has its server run once."""
    script = YAML(typ="safe").load(COMPOSE)["configs"]["postgres-logins"]["content"]
    found = re.search(r"<<'SQL'\n(.*?)\nSQL", script, re.DOTALL)
    assert found is not None
    return [statement.strip() for statement in found[1].split(";") if statement.strip()]


@pytest_asyncio.fixture(scope="session")
async def fresh() -> AsyncIterator[Databases]:
    """A server on which nothing of Tenure was ever migrated."""
    async with serve_databases() as served:
        yield served


@pytest_asyncio.fixture(scope="session")
async def composed(fresh: Databases) -> AsyncIterator[str]:
    """The URL of that database for its login, without rows."""
    *made, last = statements_of_compose()
    assert last == "ALTER ROLE postgres PASSWORD NULL", "nothing of Tenure may run as the image's superuser"
    superuser = await asyncpg.connect(fresh.superuser_url)
    for statement in made:
        await superuser.execute(re.sub(r"\btenure\b", LOGIN, statement).replace(":'password'", f"'{PASSWORD}'"))
    await superuser.close()
    url = re.sub(r"//.*?@(.*)/.*", rf"//{LOGIN}:{PASSWORD}@\1/{LOGIN}", fresh.superuser_url)
    await upgrade(url)
    yield url


@pytest_asyncio.fixture(scope="session")
async def filled(composed: str, fresh: Databases) -> str:
    """The same with a row of each tenant in every table that has tenants."""
    superuser = await asyncpg.connect(f"{fresh.superuser_url.rpartition('/')[0]}/{LOGIN}")
    for tenant in TENANTS:
        await fill(superuser, tenant)
    await superuser.close()
    return composed
