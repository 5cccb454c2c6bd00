"""Concurrent counting: nothing is allowed beyond a limit, nothing is counted twice, and nobody waits forever."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import asyncpg
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from domain.entitlements.usage import Action, Counted, Outcome, UsageChange
from storage.db.urls import async_url
from tests.harness.patience import PATIENT, until
from tests.harness.postgres import until_one_waits
from tests.storage.counting import RULES, Counting

CLIENTS = 64


@pytest_asyncio.fixture
async def crowd(database_url: str) -> AsyncIterator[Counting]:
    """The shop with a connection for each of many clients."""
    engine: AsyncEngine = create_async_engine(async_url(database_url), pool_size=CLIENTS)
    shop = Counting(engine)
    await shop.publish()
    yield shop
    await engine.dispose()


@pytest_asyncio.fixture
async def patient(database_url: str) -> AsyncIterator[Counting]:
    """The same on a database that breaks up no deadlock: those in one wait forever."""
    settings = {"server_settings": {"deadlock_timeout": "1h"}}
    engine = create_async_engine(async_url(database_url), pool_size=CLIENTS, connect_args=settings)
    shop = Counting(engine)
    await shop.publish()
    yield shop
    await engine.dispose()


async def at_once(act: Callable[[int], Coroutine[Any, Any, Counted]], number: int = CLIENTS) -> Sequence[Counted]:
    return await asyncio.gather(*(act(each) for each in range(number)))


def tally(answers: Sequence[Counted]) -> Counter[str]:
    return Counter(one.outcome.value for one in answers)


async def test_64_clients_on_one_counter_end_exactly_at_its_ceiling(crowd: Counting) -> None:
    await crowd.customer("ada", "pro")

    async def client(_number: int) -> Sequence[Counted]:
        return [await crowd.use("images", 1) for _ in range(3)]

    answers = [one for some in await asyncio.gather(*(client(each) for each in range(CLIENTS))) for one in some]

    assert tally(answers) == {"counted": 110, "limit_reached": CLIENTS * 3 - 110}
    assert sorted(one.counters[0].used for one in answers if one.outcome is Outcome.COUNTED) == list(range(1, 111))
    assert await crowd.used("images") == 110
    assert await crowd.ledger.count("usage_log") == 110
    assert await crowd.notices() == [("images", 90, 100), ("images", 100, 100)]
    assert sum(one.noticed for one in answers) == 2


async def test_several_features_of_a_meter_are_kept_in_step_by_many_at_once(crowd: Counting) -> None:
    await crowd.customer("ada", "pro")
    answers = await at_once(lambda _: crowd.use("posts", 1))
    assert tally(answers) == {"counted": 50, "limit_reached": 14}
    assert (await crowd.used("posts_a_day"), await crowd.used("posts_a_week")) == (50, 50)


async def test_one_key_counts_once_however_many_send_it_at_once(crowd: Counting) -> None:
    await crowd.customer("ada")
    # Only one is left: the second finds the limit reached, and was counted anyway.
    await crowd.use("profiles", 4)
    answers = await at_once(lambda _: crowd.use("profiles", key="k"))
    assert tally(answers) == {"counted": 1, "repeated": CLIENTS - 1}
    assert await crowd.used("profiles") == 5


async def test_a_repeat_that_waited_while_the_limit_was_reached_is_not_refused(
    crowd: Counting, database_url: str
) -> None:
    await crowd.customer("ada")
    await crowd.use("profiles", 4)
    first = await asyncpg.connect(database_url)
    async with first.transaction():
        await first.execute(
            "SELECT tenure_use('default', 'ada', 'profiles', 'consume', 1, 'k', NULL, '', '', $1, 'free', 'nothing',"
            " 'nothing')",
            RULES.catalog,
        )
        again = asyncio.create_task(crowd.use("profiles", key="k"))
        another = asyncio.create_task(crowd.use("profiles", key="another"))
        await until_one_waits(database_url)
    assert ((await again).outcome, (await another).outcome) == (Outcome.REPEATED, Outcome.LIMIT_REACHED)
    await first.close()


async def test_of_one_key_for_different_counters_one_is_counted_and_the_others_leave_nothing(crowd: Counting) -> None:
    await asyncio.gather(*(crowd.customer(f"c{number}", None) for number in range(CLIENTS)))
    answers = await at_once(lambda number: crowd.use("images", key="k", customer=f"c{number}"))
    assert tally(answers) == {"counted": 1, "key_reused": CLIENTS - 1}
    assert await crowd.ledger.count("usage") == 1


async def test_overage_of_many_at_once_adds_up_to_what_is_beyond_the_limit(crowd: Counting) -> None:
    await crowd.customer("ada", "pro")
    await crowd.use("runs", 70)
    answers = await at_once(lambda number: crowd.use("runs", 1 + number % 3))
    counted = sum(one.counters[0].used - one.counters[0].before for one in answers if one.outcome is Outcome.COUNTED)
    [row] = await crowd.ledger.rows("select sum(overage)::int as beyond, max(overage) as most from usage_events")
    assert 70 + counted == await crowd.used("runs") == 150
    assert row == {"beyond": 50, "most": 3}


async def test_what_is_used_and_released_by_many_at_once_adds_up(crowd: Counting) -> None:
    await crowd.customer("ada", "pro")
    await crowd.use("profiles", 20)
    actions = (Action.CONSUME, Action.RELEASE, Action.CONSUME)
    answers = await at_once(lambda number: crowd.use("profiles", action=actions[number % 3]))
    assert tally(answers) == {"counted": CLIENTS}
    assert await crowd.used("profiles") == 20 + 43 - 21


async def test_batches_of_the_same_counters_in_any_order_do_not_stand_in_each_others_way(
    patient: Counting,
) -> None:
    names = [f"c{number}" for number in range(8)]
    await asyncio.gather(*(patient.customer(name) for name in names))

    async def batch(number: int) -> Sequence[Counted]:
        turned = names[number % 8 :] + names[: number % 8]
        order = turned if number % 2 else list(reversed(turned))
        uses = [
            UsageChange(name, meter, 1, f"{number}/{name}/{meter}", Action.RECORD)
            for name in order
            for meter in (("posts", "images") if number % 3 else ("images", "posts"))
        ]
        return await patient.usage.use_all(uses, patient.rules)

    async with asyncio.timeout(PATIENT):
        answers = await asyncio.gather(*(batch(number) for number in range(16)))

    assert tally([one for some in answers for one in some]) == {"counted": 16 * 16}
    assert {await patient.used("images", name) for name in names} == {16}


async def test_the_same_batch_sent_by_many_at_once_counts_once(crowd: Counting) -> None:
    await crowd.customer("ada")
    await crowd.customer("grace")
    uses = [UsageChange(who, "images", 1, f"{who}/{n}", Action.RECORD) for n in range(10) for who in ("grace", "ada")]
    answers = await asyncio.gather(*(crowd.usage.use_all(uses, crowd.rules) for _ in range(8)))
    assert tally([one for some in answers for one in some]) == {"counted": 20, "repeated": 140}
    assert (await crowd.used("images"), await crowd.used("images", "grace")) == (10, 10)


async def test_two_batches_that_wait_for_each_others_keys_both_end_well(crowd: Counting, database_url: str) -> None:
    """Keys sent for two customers crosswise cannot be ordered: the loser retries."""
    for name in ("a", "b", "y", "z"):
        await crowd.customer(name)
    one = [UsageChange("a", "images", 1, "k1", Action.RECORD), UsageChange("z", "images", 1, "k2", Action.RECORD)]
    other = [UsageChange("b", "images", 1, "k2", Action.RECORD), UsageChange("y", "images", 1, "k1", Action.RECORD)]
    holder = await asyncpg.connect(database_url)
    for name in ("y", "z"):
        await crowd.use("images", customer=name)
    async with holder.transaction():
        # Both have their first key and are blocked, until both are released.
        await holder.execute("SELECT 1 FROM usage WHERE customer IN ('y', 'z') FOR UPDATE")
        batches = [asyncio.create_task(crowd.usage.use_all(uses, crowd.rules)) for uses in (one, other)]

        async def both_wait() -> bool:
            return bool(await holder.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") >= 2)

        await until(both_wait)
    answers = [await batch for batch in batches]
    assert sorted(sum((tally(some) for some in answers), Counter()).items()) == [("counted", 2), ("key_reused", 2)]
    await holder.close()
