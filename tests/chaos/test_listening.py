"""What a product was told of a subscription is compared with what was committed."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.chaos.listening import Listener
from tests.gateways.webhooks.receiver import Receiver

SECRET = "whsec_" + "A" * 32
STANDS = {"id": "s-1", "status": "active", "access": "full"}


@dataclass(frozen=True)
class Committed:
    id: str
    type: str


EVENTS = [Committed("e-1", "subscription.trial_started"), Committed("e-2", "subscription.activated")]


def a_request(id_: str, sequence: int, status: str, *, secret: str = SECRET, of: str = "s-1") -> bytes:
    about = {"id": of, "sequence": sequence, "status": status, "access": "full"}
    body, at = json.dumps({"id": id_, "data": {"subscription": about}}), datetime.now(UTC)
    signature = Webhook(secret).sign(id_, at, body)
    headers = {"webhook-id": id_, "webhook-timestamp": int(at.timestamp()), "webhook-signature": signature}
    return "\r\n".join(["POST / HTTP/1.1", *(f"{name}: {it}" for name, it in headers.items()), "", body]).encode()


TRIAL, ACTIVE = a_request("e-1", 1, "trialing"), a_request("e-2", 2, "active")


def wrong(*requests: bytes, stands: dict[str, Any] = STANDS) -> list[str]:
    listener = Listener(Receiver(requests=list(requests)), {}, SECRET)
    return list(listener.wrong(EVENTS, stands))  # type: ignore[arg-type]


@pytest.mark.parametrize("requests", [(TRIAL, ACTIVE), (ACTIVE, TRIAL), (TRIAL, ACTIVE, TRIAL, ACTIVE)])
def test_events_may_come_again_and_in_any_order(requests: tuple[bytes, ...]) -> None:
    assert wrong(*requests, a_request("e-9", 9, "canceled", of="s-2")) == []


def test_an_event_that_does_not_come_is_noticed() -> None:
    assert wrong(ACTIVE) == ["event subscription.trial_started was not delivered"]


def test_an_event_that_was_never_committed_is_noticed() -> None:
    assert wrong(TRIAL, ACTIVE, a_request("e-3", 2, "active")) == ["event e-3 was delivered and is not there"]


def test_an_event_that_is_another_one_when_it_comes_again_is_noticed() -> None:
    assert wrong(TRIAL, ACTIVE, a_request("e-1", 1, "active")) == ["event e-1 came again as another one"]


def test_an_event_of_somebody_else_is_noticed() -> None:
    forged = a_request("e-1", 1, "trialing", secret="whsec_" + "B" * 32)
    assert wrong(forged, ACTIVE) == ["event e-1 is not signed"]


def test_who_follows_the_highest_sequence_must_know_how_the_subscription_stands() -> None:
    assert wrong(TRIAL, ACTIVE, stands=STANDS | {"status": "past_due"}) == [
        "by the highest sequence it is active with access full"
    ]
