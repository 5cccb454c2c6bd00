"""A request is carried out once, and its response is returned again."""

import asyncio

import pytest
import pytest_asyncio

from domain.errors import Rejected
from storage.access.idempotency import STALE_AFTER, Done, Fresh, IdempotencyKeys, Running
from tests.storage.ledger import Ledger

KEY = ("default", "key-1")
ANSWER = Done(201, b'{"odd": "\xff\x00"}', "/v1/subscriptions/1")


@pytest_asyncio.fixture
async def keys(ledger: Ledger) -> IdempotencyKeys:
    return IdempotencyKeys(ledger.engine)


async def let_pass(ledger: Ledger, seconds: float) -> None:
    """Makes every key that much older."""
    await ledger.run(f"update idempotency_keys set created_at = created_at - interval '{seconds} seconds'")  # noqa: S608


async def test_a_request_is_fresh_then_running_then_done(keys: IdempotencyKeys) -> None:
    assert await keys.begin(*KEY, "same") == Fresh()
    assert await keys.begin(*KEY, "same") == Running()
    await keys.complete(*KEY, ANSWER.status, ANSWER.body, ANSWER.location)
    assert await keys.begin(*KEY, "same") == ANSWER
    assert await keys.begin(*KEY, "same") == ANSWER


async def test_one_may_go_ahead_when_many_begin_at_once(keys: IdempotencyKeys) -> None:
    for number in range(5):
        answers = await asyncio.gather(*(keys.begin("default", f"key-{number}", "same") for _ in range(10)))
        assert sorted(type(answer).__name__ for answer in answers) == ["Fresh"] + ["Running"] * 9


async def test_a_key_is_refused_when_it_belongs_to_another_request(keys: IdempotencyKeys) -> None:
    await keys.begin(*KEY, "one")
    for _ in ("while it runs", "when it is done"):
        with pytest.raises(Rejected) as caught:
            await keys.begin(*KEY, "other")
        assert caught.value.code == "idempotency_key_reused"
        await keys.complete(*KEY, ANSWER.status, ANSWER.body, ANSWER.location)


async def test_another_request_does_not_take_over_when_the_first_died(ledger: Ledger, keys: IdempotencyKeys) -> None:
    await keys.begin(*KEY, "one")
    await let_pass(ledger, STALE_AFTER.total_seconds() * 2)
    with pytest.raises(Rejected):
        await keys.begin(*KEY, "other")
    assert await keys.begin(*KEY, "one") == Fresh()


async def test_an_abandoned_request_can_begin_again_even_with_other_content(keys: IdempotencyKeys) -> None:
    await keys.begin(*KEY, "one")
    await keys.abandon(*KEY)
    assert await keys.begin(*KEY, "other") == Fresh()


async def test_an_answer_stays_when_its_request_is_abandoned_or_answered_again(keys: IdempotencyKeys) -> None:
    await keys.begin(*KEY, "same")
    await keys.complete(*KEY, ANSWER.status, ANSWER.body, ANSWER.location)

    await keys.abandon(*KEY)
    await keys.complete(*KEY, 500, b"", None)

    assert await keys.begin(*KEY, "same") == ANSWER


async def test_tenants_and_keys_know_nothing_of_each_other(keys: IdempotencyKeys) -> None:
    await keys.begin(*KEY, "one")
    assert await keys.begin("acme", "key-1", "other") == Fresh()
    assert await keys.begin("default", "key-2", "other") == Fresh()
    await keys.complete("acme", "key-1", 200, b"", None)
    assert await keys.begin(*KEY, "one") == Running()


async def test_one_takes_over_when_the_first_died_and_many_ask_at_once(ledger: Ledger, keys: IdempotencyKeys) -> None:
    await keys.begin(*KEY, "same")
    await let_pass(ledger, STALE_AFTER.total_seconds() - 5)
    assert await keys.begin(*KEY, "same") == Running()

    await let_pass(ledger, 10)
    answers = await asyncio.gather(*(keys.begin(*KEY, "same") for _ in range(10)))

    assert sorted(type(answer).__name__ for answer in answers) == ["Fresh"] + ["Running"] * 9


async def test_an_answer_is_given_however_old_it_is(ledger: Ledger, keys: IdempotencyKeys) -> None:
    await keys.begin(*KEY, "same")
    await keys.complete(*KEY, ANSWER.status, ANSWER.body, ANSWER.location)
    await let_pass(ledger, STALE_AFTER.total_seconds() * 100)
    assert await keys.begin(*KEY, "same") == ANSWER
