"""What the API itself writes is handed over as soon as it is committed, and is not left to the sweep."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from sandbox.stack import Stack
from storage.schema.event_tables import event_deliveries, events
from tests.harness.callers import Caller
from tests.harness.patience import until

AT_ONCE = timedelta(seconds=25)
"""Less than the age at which the sweep takes a delivery."""


@pytest.fixture
async def endpoint(alone: Caller) -> AsyncIterator[str]:
    """One at which nobody listens."""
    made = await alone.post("/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/hooks"})
    assert made.status_code == 201, made.text
    id_ = made.json()["id"]
    yield id_
    await alone.http.delete(f"/v1/webhook-endpoints/{id_}")


async def waited(stack: Stack, endpoint: str, type_: str) -> timedelta:
    """How long the first delivery of that type was waited for, once it is handed over."""
    it = event_deliveries.c
    wanted = (
        select(it.created_at, it.handed_over_at)
        .join(events, events.c.id == it.event)
        .where(it.endpoint == UUID(endpoint), events.c.type == type_, it.handed_over_at.is_not(None))
        .order_by(it.created_at)
        .limit(1)
    )
    found: list[tuple[datetime, datetime]] = []

    async def is_handed_over() -> bool:
        async with stack.engine.connect() as connection:
            found[:] = [(row.created_at, row.handed_over_at) for row in await connection.execute(wanted)]
        return bool(found)

    await until(is_handed_over)
    return found[0][1] - found[0][0]


async def test_a_changed_and_then_erased_customer(stack: Stack, alone: Caller, endpoint: str, name: str) -> None:
    await alone.signed_up(name)
    assert await waited(stack, endpoint, "subscription.created") < AT_ONCE

    changed = await alone.http.patch(f"/v1/customers/{name}", json={"name": "Somebody Else"})
    assert changed.status_code == 200, changed.text
    assert await waited(stack, endpoint, "customer.updated") < AT_ONCE

    erased = await alone.http.delete(f"/v1/customers/{name}", params={"cancel": "true"})
    assert erased.status_code in (202, 204), erased.text
    assert await waited(stack, endpoint, "customer.erased") < AT_ONCE
