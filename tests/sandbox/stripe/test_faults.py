"""What goes wrong on demand: calls that fail before and after they are carried out, locks, limits, and late events."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
import stripe

from sandbox.stripe import StripeSimulator, rates
from tests.harness.patience import PATIENT
from tests.sandbox.stripe.shop import API_KEY, SETTLE_WITHIN, Inbox, Shop

SIGN_UP = ["customer.created", "payment_method.attached"]


class Stopped:
    """A clock that stands still until it is moved, so that no token comes back by itself."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> Stopped:
    clock = Stopped()
    monkeypatch.setattr(rates, "time", clock)
    return clock


async def _create(simulator: StripeSimulator, key: str, path: str = "/v1/customers") -> httpx.Response:
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": key}
    async with httpx.AsyncClient(
        base_url=simulator.base_url, headers=headers, trust_env=False, timeout=PATIENT
    ) as http:
        return await http.post(path)


async def _customers(shop: Shop) -> int:
    return len((await shop.client.v1.customers.list_async({"limit": 100})).data)


async def test_a_call_is_carried_out_and_the_connection_cut(shop: Shop) -> None:
    shop.simulator.set_faults(stripe={"lost_answer_rate": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        await _create(shop.simulator, "try-1")
    assert await _customers(shop) == 1

    shop.simulator.set_faults(stripe={})
    again = await _create(shop.simulator, "try-1")

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert await _customers(shop) == 1


async def test_a_call_is_carried_out_and_answered_with_a_fault_for_a_day(shop: Shop) -> None:
    shop.simulator.set_faults(stripe={"fault_after_rate": 1})
    first = await _create(shop.simulator, "try-1")
    shop.simulator.set_faults(stripe={})
    again = await _create(shop.simulator, "try-1")

    assert (first.status_code, again.status_code) == (500, 500)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await _customers(shop) == 1


async def test_a_refused_card_was_charged_even_if_a_fault_follows(shop: Shop) -> None:
    ada = await shop.customer(card="pm_card_chargeCustomerFail")
    await shop.price("starter")
    shop.simulator.set_faults(stripe={"fault_after_rate": 1})

    with pytest.raises(stripe.APIError):
        await shop.subscribe(ada)

    charges = shop.simulator._store.find("charge", customer=ada)
    assert [charge["status"] for charge in charges] == ["failed"]


async def test_a_locked_object_is_not_touched_and_its_key_stays_free(shop: Shop) -> None:
    shop.simulator.set_faults(stripe={"lock_rate": 1})
    locked = await _create(shop.simulator, "try-1")
    shop.simulator.set_faults(stripe={})

    assert (locked.status_code, locked.json()["error"]["code"]) == (429, "lock_timeout")
    assert "Stripe-Rate-Limited-Reason" not in locked.headers
    assert await _customers(shop) == 0
    assert (await _create(shop.simulator, "try-1")).status_code == 200


async def test_of_two_changes_of_one_customer_at_once_one_meets_a_lock(shop: Shop) -> None:
    ada, grace = await shop.customer("ada"), await shop.customer("grace")
    shop.simulator.set_faults(stripe={"delay_s": 0.1})

    answers = await asyncio.gather(
        *(
            _create(shop.simulator, f"{customer}/{n}", f"/v1/customers/{customer}")
            for customer in (ada, grace)
            for n in (1, 2)
        )
    )

    assert Counter(answer.status_code for answer in answers) == {200: 2, 429: 2}
    assert {answer.json()["error"]["code"] for answer in answers if answer.is_error} == {"lock_timeout"}


async def test_calls_fail_before_and_after_in_the_same_run(shop: Shop) -> None:
    shop.simulator.set_faults(stripe={"error_rate": 0.3, "fault_after_rate": 0.3, "lock_rate": 0.2})

    answers = await asyncio.gather(*(_create(shop.simulator, f"try-{n}") for n in range(60)))
    shop.simulator.set_faults(stripe={})

    done = Counter(answer.status_code for answer in answers)
    assert set(done) == {200, 429, 500}
    assert done[200] < await _customers(shop) < done[200] + done[500]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"total": 1, "per_endpoint": 100}, "global-rate"), ({"total": 100, "per_endpoint": 1}, "endpoint-rate")],
)
async def test_requests_beyond_a_limit_are_turned_away_with_the_reason(
    shop: Shop, stopped: Stopped, limits: dict[str, float], reason: str
) -> None:
    shop.simulator.set_faults(stripe={"rate_limit": limits})

    answers = await asyncio.gather(*(_create(shop.simulator, f"try-{n}") for n in range(12)))
    shop.simulator.set_faults(stripe={})

    refused = [answer for answer in answers if answer.is_error]
    assert len(refused) == 11
    assert {(each.status_code, each.json()["error"]["code"]) for each in refused} == {(429, "rate_limit")}
    assert {each.headers["Stripe-Rate-Limited-Reason"] for each in refused} == {reason}
    assert [call[3] for call in shop.simulator.call_log()].count(429) == len(refused)


async def test_other_endpoints_have_a_limit_of_their_own_and_tokens_come_back(shop: Shop, stopped: Stopped) -> None:
    ada = await shop.customer()
    shop.simulator.set_faults(stripe={"rate_limit": {"per_endpoint": 1}})

    assert (await _create(shop.simulator, "one")).is_success
    assert (await _create(shop.simulator, "two")).status_code == 429
    assert (await _create(shop.simulator, "three", f"/v1/customers/{ada}")).is_success
    stopped.at += 1
    assert (await _create(shop.simulator, "two")).is_success
    assert (await _create(shop.simulator, "four")).status_code == 429


async def test_an_endpoint_that_counts_as_failing_gets_its_events_later(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.set_faults(webhooks={"refuse": 1})
    await shop.customer()
    assert not await shop.simulator.webhooks_settled("ada", 0.05)
    assert inbox.events == []

    shop.simulator.set_faults(webhooks={})

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds == SIGN_UP


async def test_late_events_overtake_each_other_and_none_is_lost(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.set_faults(webhooks={"delay_s": 0.3})
    # However long a call takes here, all wait at once.
    shop.simulator.hold_webhooks("ada")
    ada = await shop.customer()
    for n in range(10):
        await shop.client.v1.customers.update_async(ada, {"name": f"Ada {n}"})
    await shop.simulator.release_webhooks("ada")

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    names = [event["data"]["object"].get("name") for event in inbox.events if event["type"] == "customer.updated"]
    assert sorted(names) == [f"Ada {n}" for n in range(10)]
    assert names != sorted(names)


async def test_reordering_shuffles_more_than_neighbours(shop: Shop, inbox: Inbox) -> None:
    shop.simulator.hold_webhooks("ada")
    ada = await shop.customer()
    for n in range(10):
        await shop.client.v1.customers.update_async(ada, {"name": f"Ada {n}"})
    shop.simulator.set_faults(webhooks={"reorder": 1})
    await shop.simulator.release_webhooks("ada")

    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    names = [event["data"]["object"].get("name") for event in inbox.events if event["type"] == "customer.updated"]
    places = {name: place for place, name in enumerate(names)}
    assert len(names) == 10
    assert any(abs(places[f"Ada {n}"] - n) > 1 for n in range(10))


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"lock_rate": 1.5}, "probability"),
        ({"rate_limit": 5}, "rate_limit is total"),
        ({"rate_limit": {"per_minute": 5}}, "known are: per_endpoint, total"),
        ({"rate_limit": {"total": 0}}, "above 0"),
    ],
)
async def test_an_impossible_fault_of_the_api_is_refused(shop: Shop, fault: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        shop.simulator.set_faults(stripe=fault)
