"""Deliveries are noted as handed over by whoever hands them over: the API, for every tenant, and the sweep."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.db.engine import create_engine_from_url
from storage.db.roles import DatabaseRole
from storage.events.delivery_queue import DeliveryQueue
from tests.storage.events.rows import an_endpoint, an_event, written
from tests.storage.ledger import Ledger


@pytest_asyncio.fixture
async def application(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Connections as the API has them."""
    engine = create_engine_from_url(database_url, role=DatabaseRole.APPLICATION)
    yield engine
    await engine.dispose()


async def test_the_api_notes_deliveries_of_every_tenant(ledger: Ledger, application: AsyncEngine) -> None:
    for tenant in ("default", "acme"):
        await an_endpoint(ledger.engine, tenant=tenant)
    begun = await written(ledger.engine, an_event(), an_event(tenant="acme"), an_event())

    await DeliveryQueue(application).mark_handed_over(begun[:2])

    rows = await ledger.rows("select id from event_deliveries where handed_over_at is null")
    assert [str(row["id"]) for row in rows] == [begun[2].id]


async def test_the_sweep_finds_what_was_left_of_every_tenant(ledger: Ledger) -> None:
    for tenant in ("default", "acme"):
        await an_endpoint(ledger.engine, tenant=tenant)
    taken, *left = await written(ledger.engine, an_event(), an_event(), an_event(tenant="acme"))
    queue = DeliveryQueue(ledger.engine, left_to_writer=timedelta())
    await queue.mark_handed_over([taken])

    assert {each.id for each in await queue.waiting(limit=10)} == {each.id for each in left}


async def test_the_sweep_leaves_what_was_just_written_to_its_writer(ledger: Ledger) -> None:
    await an_endpoint(ledger.engine)
    await written(ledger.engine, an_event())
    assert await DeliveryQueue(ledger.engine).waiting(limit=10) == []
