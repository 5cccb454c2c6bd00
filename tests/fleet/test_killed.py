"""Processes that are killed while lives go on: others take over, nothing is lost, and nothing is done twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from sqlalchemy import text

from domain.names import sweep_schedule_id
from tests.chaos.invariants import Inspector
from tests.chaos.random_lives import play_batch
from tests.fleet.fleet import Fleet
from tests.fleet.histories import left_to_sweep, told
from tests.fleet.patient_product import PatientProduct
from tests.harness.site import Tell

KILLS, EVERY = 3, 5.0
"""Of one of each kind, so many seconds apart."""
BATCH, FIRST_SEED = 7, 400
MAILS_AT_ONCE = 10
"""That a worker may have handed over and not recorded yet as it is killed."""
_SUBSCRIPTIONS = text("SELECT id FROM subscriptions")
_PAYMENTS = text("SELECT count(*) FROM invoices WHERE status = 'paid' AND amount > 0 AND subscription = any(:ids)")


async def kills(fleet: Fleet) -> None:
    """Kill one of each kind and start another, again and again."""
    for _ in range(KILLS):
        await asyncio.sleep(EVERY)
        await asyncio.gather(fleet.kill_worker(), fleet.kill_api())
        await asyncio.gather(fleet.add_worker(), fleet.add_api())


@asynccontextmanager
async def swept(fleet: Fleet) -> AsyncIterator[None]:
    """While the block runs, what killed APIs have left is swept up without a minute's wait for the next sweep."""

    async def sweep() -> None:
        while True:
            await asyncio.sleep(3)
            await fleet.servers.client.get_schedule_handle(sweep_schedule_id()).trigger()

    sweeping = asyncio.create_task(sweep())
    try:
        yield
    finally:
        sweeping.cancel()


async def subscriptions(fleet: Fleet) -> set[str]:
    async with fleet.servers.engine.connect() as connection:
        return {str(each) for each in await connection.scalars(_SUBSCRIPTIONS)}


async def test_one_of_each_kind_is_killed_again_and_again_and_nothing_is_lost_or_done_twice(
    fleet: Fleet, customers: PatientProduct, examiner: Inspector, tell: Tell
) -> None:
    before, wrong, killing = await subscriptions(fleet), [], asyncio.create_task(kills(fleet))
    async with swept(fleet):
        for first in count(FIRST_SEED, BATCH):
            wrong += await play_batch(customers, examiner, range(first, first + BATCH), {})
            if killing.done():
                break
        await killing

    ids = sorted(await subscriptions(fleet) - before)
    heard = await told(fleet.servers.client, ids)
    twice = {event for event, times in heard.items() if times > 1}
    async with fleet.servers.engine.connect() as connection:
        payments = (await connection.execute(_PAYMENTS, {"ids": ids})).scalar_one()
    overlaps = [line for each in wrong for line in each.splitlines() if "paid for until" in line]
    tell(
        f"{KILLS} of each kind killed during {len(ids)} lives: {payments} payments, {len(overlaps)} of them doubled;"
        f" {customers.copies.total()} mails that SMTP had taken as their worker died came again;"
        f" {len(heard)} events told, {len(twice)} of them twice, as the API had died with them"
    )
    assert not wrong, "\n".join(wrong)
    assert customers.copies.total() <= KILLS * MAILS_AT_ONCE
    assert twice <= await left_to_sweep(fleet.servers.engine)
