"""Several processes of a kind, of two releases at once, as while a new one is rolled out."""

import re

import httpx
import pytest
from sqlalchemy import text

from sandbox.processes import free_port
from storage.catalog.current import in_force
from storage.db.engine import create_engine_from_url, transaction
from tests.harness.catalogs import CATALOG, POLICY, shipped_catalog
from tests.harness.patience import until
from tests.tenure.conftest import Terminal
from tests.tenure.test_production import STRIPE_KEY, at_work, production_settings

NEXT = shipped_catalog().version + 1
NOWHERE = "127.0.0.1:9"


@pytest.fixture
def database(terminal: Terminal, database_url: str) -> str:
    """A migrated database, to which the settings of an API lead; nothing else is there yet."""
    public_url = f"http://127.0.0.1:{free_port()}"
    nobody = f"http://{NOWHERE}"
    terminal.settings = production_settings(database_url, NOWHERE, nobody, f"smtp://{NOWHERE}", public_url)
    assert STRIPE_KEY in terminal.settings.values()
    return database_url


async def is_in_force(database: str, version: int) -> bool:
    engine = create_engine_from_url(database)
    async with transaction(engine) as connection:
        found = await in_force(connection)
    await engine.dispose()
    return found is not None and found.version == version


async def started(terminal: Terminal) -> None:
    """An API comes up, tells what it sells, and is stopped."""
    async with at_work(terminal, "api"):
        await until(lambda: _answers(terminal))


async def _answers(terminal: Terminal) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            answer = await client.get(f"{terminal.settings['TENURE_PUBLIC_URL']}/readyz")
        except httpx.TransportError:
            return False
    return bool(answer.json()["checks"]["catalog"] == "ok")


async def test_an_api_of_the_previous_release_that_starts_again_takes_no_catalog_back(
    terminal: Terminal, database: str
) -> None:
    earlier = terminal.settings | {"TENURE_CATALOG": str(CATALOG)}
    file = terminal.folder / "next.yaml"
    file.write_text(re.sub(r"(?m)^version: \d+", f"version: {NEXT}", CATALOG.read_text()))
    await started(terminal)
    terminal.settings = earlier | {"TENURE_CATALOG": str(file)}
    await started(terminal)
    assert await is_in_force(database, NEXT)

    terminal.settings = earlier
    await started(terminal)

    assert await is_in_force(database, NEXT)


async def test_an_api_or_a_worker_with_another_policy_of_the_same_version_does_not_start(
    terminal: Terminal, database: str
) -> None:
    await started(terminal)
    file = terminal.folder / "policy.yaml"
    file.write_text(POLICY.read_text().replace("days: 14", "days: 30"))
    terminal.settings["TENURE_POLICY"] = str(file)

    refused, examined = await terminal.run("api"), await terminal.run("doctor")
    pushed, replaced = await terminal.run("policy", "push", str(file)), None
    assert "give the changed policy another version" in refused.err
    assert (refused.status, pushed.status) == (1, 1)
    assert "FIX   policy       policy default was published with other content" in examined.out

    replaced = await terminal.run("policy", "push", str(file), "--in-place")
    assert (replaced.status, replaced.out) == (0, "published: policy default\n")
    await started(terminal)

    engine = create_engine_from_url(database)
    async with transaction(engine) as connection:
        kept = await connection.scalar(text("select content->'trial'->>'days' from policy_versions"))
    await engine.dispose()
    assert kept == "30"
