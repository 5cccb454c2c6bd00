"""A request is carried out once, and its response is returned again."""

import asyncio

import pytest
import pytest_asyncio

from domain.errors import Rejected
from storage.access.idempotency import LEASE, Claim, Done, IdempotencyKeys, Running
from tests.storage.ledger import Ledger

KEY = ("default", "key-1")
ANSWER = Done(201, b'{"odd": "\xff\x00"}', "/v1/subscriptions/1")
STORED = (ANSWER.status, ANSWER.body, ANSWER.location)


@pytest_asyncio.fixture
async def keys(ledger: Ledger) -> IdempotencyKeys:
    return IdempotencyKeys(ledger.engine)


async def claimed(keys: IdempotencyKeys, tenant: str = KEY[0], key: str = KEY[1], content: str = "same") -> Claim:
    """The claim of a request that may go ahead."""
    claim = await keys.begin(tenant, key, content)
    assert isinstance(claim, Claim)
    return claim


async def let_pass(ledger: Ledger, seconds: float) -> None:
    """Makes every key that much older."""
    older = f"- interval '{seconds} seconds'"
    await ledger.run(
        f"update idempotency_keys set created_at = created_at {older}, claimed_until = claimed_until {older}"  # noqa: S608
    )


async def test_a_request_is_claimed_then_running_then_done(keys: IdempotencyKeys) -> None:
    claim = await claimed(keys)
    assert await keys.begin(*KEY, "same") == Running()
    await keys.complete(claim, *STORED)
    assert await keys.begin(*KEY, "same") == ANSWER
    assert await keys.begin(*KEY, "same") == ANSWER


async def test_one_may_go_ahead_when_many_begin_at_once(keys: IdempotencyKeys) -> None:
    for number in range(5):
        answers = await asyncio.gather(*(keys.begin("default", f"key-{number}", "same") for _ in range(10)))
        assert sorted(type(answer).__name__ for answer in answers) == ["Claim"] + ["Running"] * 9


async def test_a_key_is_refused_when_it_belongs_to_another_request(keys: IdempotencyKeys) -> None:
    claim = await claimed(keys, content="one")
    for _ in ("while it runs", "when it is done"):
        with pytest.raises(Rejected) as caught:
            await keys.begin(*KEY, "other")
        assert caught.value.code == "idempotency_key_reused"
        await keys.complete(claim, *STORED)


async def test_another_request_does_not_take_over_when_the_first_died(ledger: Ledger, keys: IdempotencyKeys) -> None:
    await claimed(keys, content="one")
    await let_pass(ledger, LEASE.total_seconds() * 2)
    with pytest.raises(Rejected):
        await keys.begin(*KEY, "other")
    await claimed(keys, content="one")


async def test_an_abandoned_request_can_begin_again_even_with_other_content(keys: IdempotencyKeys) -> None:
    await keys.abandon(await claimed(keys, content="one"))
    await claimed(keys, content="other")


async def test_an_answer_stays_when_its_request_is_abandoned_or_answered_again(keys: IdempotencyKeys) -> None:
    claim = await claimed(keys)
    await keys.complete(claim, *STORED)

    await keys.abandon(claim)
    await keys.complete(claim, 500, b"", None)

    assert await keys.begin(*KEY, "same") == ANSWER


async def test_tenants_and_keys_know_nothing_of_each_other(keys: IdempotencyKeys) -> None:
    first = await claimed(keys, content="one")
    other = await claimed(keys, "acme", content="other")
    await claimed(keys, key="key-2", content="other")
    await keys.complete(other, 200, b"", None)
    await keys.renew("acme", [first])
    assert await keys.begin(*KEY, "one") == Running()


async def test_one_takes_over_when_the_first_died_and_many_ask_at_once(ledger: Ledger, keys: IdempotencyKeys) -> None:
    await claimed(keys)
    await let_pass(ledger, LEASE.total_seconds() - 5)
    assert await keys.begin(*KEY, "same") == Running()

    await let_pass(ledger, 10)
    answers = await asyncio.gather(*(keys.begin(*KEY, "same") for _ in range(10)))

    assert sorted(type(answer).__name__ for answer in answers) == ["Claim"] + ["Running"] * 9


async def test_a_claim_that_is_renewed_lasts_as_long_as_its_request(ledger: Ledger, keys: IdempotencyKeys) -> None:
    claims = [await claimed(keys), await claimed(keys, key="key-2")]
    for _ in range(10):
        await let_pass(ledger, LEASE.total_seconds() - 1)
        await keys.renew("default", claims)
    assert await keys.begin(*KEY, "same") == Running()
    await keys.complete(claims[0], *STORED)
    assert await keys.begin(*KEY, "same") == ANSWER


async def test_one_that_was_thought_dead_neither_ends_nor_answers_for_whoever_has_taken_over(
    ledger: Ledger, keys: IdempotencyKeys
) -> None:
    dead = await claimed(keys)
    await let_pass(ledger, LEASE.total_seconds() * 2)
    alive = await claimed(keys)

    await keys.renew("default", [dead])
    await keys.complete(dead, 500, b"", None)
    await keys.abandon(dead)

    assert await keys.begin(*KEY, "same") == Running()
    await keys.complete(alive, *STORED)
    assert await keys.begin(*KEY, "same") == ANSWER


async def test_a_claim_of_an_earlier_release_lasts_for_a_minute(ledger: Ledger, keys: IdempotencyKeys) -> None:
    await ledger.run("insert into idempotency_keys (tenant, key, fingerprint) values ('default', 'key-1', 'same')")
    await let_pass(ledger, 50)
    assert await keys.begin(*KEY, "same") == Running()
    await let_pass(ledger, 20)
    await claimed(keys)


async def test_an_answer_is_given_however_old_it_is(ledger: Ledger, keys: IdempotencyKeys) -> None:
    await keys.complete(await claimed(keys), *STORED)
    await let_pass(ledger, LEASE.total_seconds() * 100)
    assert await keys.begin(*KEY, "same") == ANSWER
