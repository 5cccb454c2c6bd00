"""The product's copy of what its users have: whatever comes late, twice or out of order, it never grows older."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some
from standardwebhooks import Webhook

from examples.social_suite.app import create_app
from examples.social_suite.standings import StandingCopy, Standings
from tenure.client import AsyncTenure, EventCustomer, EventData, EventSubscription, Status, TenureEvent
from tests.client.test_events import OTHER, PAST_DUE, SECRET

FIRST = EventSubscription("s-1", 1, "trialing", "full", "pro", "month", 1, 2900, "EUR")
STATUSES: tuple[Status, ...] = ("trialing", "active", "past_due", "suspended", "active", "canceled")
BEGUN = datetime(2026, 11, 1, tzinfo=UTC)
ADA = EventCustomer("c-1", "ada")


def told(sequence: int, subscription: str = "s-1", **said: Any) -> TenureEvent:
    """The event of one step of a subscription."""
    it = replace(FIRST, id=subscription, sequence=sequence, status=STATUSES[(sequence - 1) % len(STATUSES)], **said)
    return TenureEvent(
        f"{subscription}/{sequence}",
        "subscription.changed",
        1,
        BEGUN + timedelta(days=sequence),
        EventData(customer=ADA, subscription=it),
        sequence,
    )


def erased(customer: EventCustomer = ADA) -> TenureEvent:
    return TenureEvent("e-1", "customer.erased", 1, BEGUN, EventData(customer=customer))


@given(some.lists(some.integers(1, len(STATUSES)), min_size=1, max_size=30))
def test_the_copy_is_never_older_than_any_event_it_has_taken(order: list[int]) -> None:
    standings, newest = Standings(), 0
    for sequence in order:
        changed = standings.take(told(sequence))

        assert changed == ("ada" if sequence > newest else None)
        newest = max(newest, sequence)
        assert standings.of("ada") == StandingCopy("pro", STATUSES[newest - 1], "full", newest)


@given(some.permutations([("s-1", 3), ("s-1", 6), ("s-2", 1), ("s-2", 2)]))
def test_of_two_subscriptions_the_one_that_is_not_over_counts(order: list[tuple[str, int]]) -> None:
    standings = Standings()
    for subscription, sequence in order:
        standings.take(told(sequence, subscription))

    assert standings.of("ada") == StandingCopy("pro", "active", "full", 2)


def test_what_is_about_nobody_or_something_else_changes_nothing() -> None:
    standings = Standings()
    assert standings.take(TenureEvent("e-1", "usage.threshold_reached", 1, BEGUN, EventData(customer=ADA))) is None
    assert standings.take(TenureEvent("e-2", "subscription.changed", 1, BEGUN, EventData(subscription=FIRST))) is None
    assert standings.of("ada") is None


def test_an_erased_customer_is_forgotten_and_does_not_come_back() -> None:
    standings = Standings()
    standings.take(told(1))
    # Tenure has no name for them any more.
    assert standings.take(erased(EventCustomer("c-1", "erased-1"))) == "ada"
    assert standings.take(told(2)) is None
    assert standings.of("ada") is None


def sent(secret: str = SECRET, at: datetime | None = None) -> tuple[bytes, dict[str, str]]:
    """A webhook as Tenure sends it now."""
    body, at = json.dumps(PAST_DUE), at or datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", at, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": f"{int(at.timestamp())}", "webhook-signature": signature}
    return body.encode(), headers


@pytest.fixture
async def product() -> Any:
    """The product, without a Tenure that it could ask."""
    tenure = AsyncTenure("http://127.0.0.1:9", "tn_test_none")
    transport = httpx.ASGITransport(create_app(tenure, secrets=[SECRET]))
    async with httpx.AsyncClient(transport=transport, base_url="http://product") as product, tenure:
        yield product


async def test_a_webhook_is_taken_once_it_is_verified_and_shown_to_the_user(product: httpx.AsyncClient) -> None:
    body, headers = sent()
    for _ in range(2):
        assert (await product.post("/hooks/tenure", content=body, headers=headers)).status_code == 204

    shown = await product.get("/plan/standing", headers={"X-User": "ada"})
    assert shown.json() == {"plan": "pro", "status": "past_due", "access": "full", "sequence": 7}
    assert (await product.get("/plan/standing", headers={"X-User": "bob"})).status_code == 404


async def test_what_tenure_did_not_send_now_is_refused(product: httpx.AsyncClient) -> None:
    forged, old = sent(OTHER), sent(at=datetime.now(UTC) - timedelta(hours=1))
    for body, headers in (forged, old, (b"{}", {})):
        assert (await product.post("/hooks/tenure", content=body, headers=headers)).status_code == 400
    assert (await product.get("/plan/standing", headers={"X-User": "ada"})).status_code == 404
