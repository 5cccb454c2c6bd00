"""Processes that are killed: others go on with their work, nothing is lost, and nothing is done twice."""

import asyncio
import time
from collections import Counter

import httpx

from tests.harness.callers import Caller, a_sign_up
from tests.harness.freezing import frozen
from tests.harness.names import a_name
from tests.harness.patience import until
from tests.harness.site import Site, Tell

PAID = {"trial_days": 0, "payment_method": "pm_card_visa"}
MANY = 20


async def sign_up(caller: Caller, name: str) -> httpx.Response:
    return await caller.settled("/v1/subscriptions", a_sign_up(name, **PAID), key=name)


async def test_what_a_killed_worker_had_begun_is_done_by_another_once(site: Site, tell: Tell) -> None:
    names = [a_name(f"killed-worker-{number}") for number in range(MANY)]
    async with site.worker(), site.worker() as doomed, site.api() as (_, caller):
        asked = [asyncio.create_task(sign_up(caller, name)) for name in names]
        await until(lambda: any(one.done() for one in asked))
        await doomed.kill()
        began = time.monotonic()
        done = await asyncio.gather(*asked)
        seconds = time.monotonic() - began

    assert [answer.status_code for answer in done] == [201] * MANY
    assert await site.payments(names) == Counter(dict.fromkeys(names, 1))
    tell(f"one of two workers killed during {MANY} sign-ups: all done after {seconds:.1f} s more, each paid once")


async def test_who_asked_a_killed_api_is_answered_by_another_once(site: Site, tell: Tell) -> None:
    names = [a_name(f"killed-api-{number}") for number in range(MANY)]
    async with site.worker(), site.api() as (doomed, first), site.api() as (_, second):
        with frozen(site.temporal.pid):  # so that all are in progress
            asked = [asyncio.create_task(sign_up(first, name)) for name in names]
            await asyncio.sleep(0.5)
            await doomed.kill()
        for one in asked:
            one.cancel()
        began = time.monotonic()
        done = await asyncio.gather(*(sign_up(second, name) for name in names))
        seconds = time.monotonic() - began

    assert [answer.status_code for answer in done] == [201] * MANY
    assert await site.payments(names) == Counter(dict.fromkeys(names, 1))
    tell(f"one of two APIs killed with {MANY} sign-ups in progress: the other answered all within {seconds:.1f} s")
