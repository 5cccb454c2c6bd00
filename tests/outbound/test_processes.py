"""Production processes: what a killed worker leaves behind is delivered, and none starts without a key in use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client

from domain.names import sweep_schedule_id
from gateways.encryption import AesGcmEncryption
from storage.db.engine import create_engine_from_url
from storage.db.roles import DatabaseRole
from tests.gateways.webhooks.receiver import receiving
from tests.harness.callers import Caller
from tests.harness.folders import migrated_folder
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.harness.site import Site
from tests.harness.typed import Forker

MANY = 5
WRITTEN = text("SELECT count(*) FROM event_deliveries")
TRIED = text("SELECT count(*) FROM event_deliveries WHERE handed_over_at IS NOT NULL AND attempts > 0")
LEFT_FOR_A_WHILE = text("UPDATE event_deliveries SET created_at = created_at - interval '1 minute'")
NEW = "Zt4mB8qLx2vN6sHd9kRw3yJf7pCg5aUe"


@pytest.fixture(scope="module")
async def site(forker: Forker) -> AsyncIterator[Site]:
    """The servers, and a proxy that lets nothing out: no request of a test leaves this machine."""
    with migrated_folder() as folder:
        async with Site.laid_out(folder, forker) as site, receiving() as proxy:
            proxy.answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
            site.settings["TENURE_EGRESS_PROXY"] = f"http://127.0.0.1:{proxy.port}"
            yield site


@pytest.fixture
async def engine(site: Site) -> AsyncIterator[AsyncEngine]:
    engine = create_engine_from_url(site.postgres.url, role=DatabaseRole.SYSTEM)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def an_endpoint(site: Site) -> AsyncIterator[Caller]:
    """An API that sends events to an endpoint."""
    async with site.api() as (_, caller):
        made = await caller.post("/v1/webhook-endpoints", {"url": "https://hooks.example.com/"})
        assert made.status_code == 201, made.text
        yield caller
        await caller.http.delete(f"/v1/webhook-endpoints/{made.json()['id']}")


async def count(engine: AsyncEngine, query: TextClause) -> int:
    async with engine.connect() as connection:
        found: int = (await connection.execute(query)).scalar_one()
        return found


async def sweep(site: Site) -> None:
    client = await Client.connect(site.temporal.address)
    await client.get_schedule_handle(sweep_schedule_id()).trigger()


async def test_what_a_worker_committed_before_it_was_killed_is_delivered_by_another(
    site: Site, engine: AsyncEngine
) -> None:
    async with site.worker() as doomed, an_endpoint(site) as caller:
        asked = [asyncio.create_task(caller.signed_up(a_name(f"left-{number}"))) for number in range(MANY)]
        await until(lambda: count(engine, WRITTEN))
        await doomed.kill()

        async with site.worker():
            await asyncio.gather(*asked)
            written = await count(engine, WRITTEN)
            async with engine.begin() as connection:
                await connection.execute(LEFT_FOR_A_WHILE)
            await sweep(site)

            async def all_tried() -> bool:
                return await count(engine, TRIED) == written

            await until(all_tried)
    assert written >= MANY


async def test_a_process_that_lacks_a_key_in_use_does_not_start_and_says_which(site: Site) -> None:
    missing = AesGcmEncryption([site.settings["TENURE_SECRET_KEY"]]).key_ids[0]
    async with (
        an_endpoint(site),
        site.process("worker", TENURE_SECRET_KEY=NEW) as worker,
        site.process("api", TENURE_SECRET_KEY=NEW) as api,
    ):
        for process in (worker, api):
            assert await process.running.wait() == 1
            said = process.log.read_text()
            assert (
                f"TENURE_SECRET_KEY lacks what secrets of webhook endpoints are encrypted with: key {missing}" in said
            )
            assert "TENURE_SECRET_KEY=new,earlier" in said
