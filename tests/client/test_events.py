"""What a product does with an event: makes sure that Tenure sent it, and reads it, also one of a later version."""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from standardwebhooks import Webhook

from domain.entitlements.usage_mails import Crossing
from domain.events import payloads, types
from tenure.client import (
    CannotSend,
    EventInvoice,
    EventSubscription,
    EventType,
    EventUsage,
    InvalidSignature,
    TenureEvent,
    UnreadableEvent,
    verified_event,
)
from tests.builders import a_trial
from tests.storage.ledger import an_invoice

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
PAST_DUE: Mapping[str, Any] = {
    "id": "8a3f0a52-1f6e-5a1f-8f64-0f7f3a6f9c11",
    "type": "subscription.past_due",
    "version": 1,
    "timestamp": "2026-11-30T08:59:58Z",
    "sequence": 7,
    "data": {
        "customer": {"id": "c-1", "external_id": "ada"},
        "subscription": {
            "id": "s-1",
            "sequence": 7,
            "status": "past_due",
            "access": "full",
            "plan": "pro",
            "interval": "month",
            "quantity": 1,
            "add_ons": {},
            "amount": 2900,
            "currency": "EUR",
            "trial_ends_at": None,
            "current_period_start": "2026-11-30T08:59:58Z",
            "current_period_end": "2026-12-30T08:59:58Z",
            "cancel_at": None,
            "pending_change": None,
        },
        "invoice": {"id": "in_1", "number": "T-1", "status": "open", "amount": 2900, "currency": "EUR"},
    },
}


def sent(event: Any, *secrets: str, at: datetime = NOW) -> tuple[bytes, dict[str, str]]:
    """A request as Tenure sends it."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    signatures = [Webhook(secret).sign("msg_1", at, body.decode()) for secret in secrets or (SECRET,)]
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": f"{int(at.timestamp())}",
        "webhook-signature": " ".join(signatures),
    }
    return body, headers


def received(event: Any) -> TenureEvent:
    return verified_event(*sent(event), SECRET, now=NOW)


def changed(**said: Any) -> dict[str, Any]:
    return {**PAST_DUE, **said}


def test_an_event_is_read_with_its_parts() -> None:
    event = received(PAST_DUE)

    assert (event.id, event.type, event.sequence) == (PAST_DUE["id"], "subscription.past_due", 7)
    assert event.timestamp == datetime(2026, 11, 30, 8, 59, 58, tzinfo=UTC)
    assert event.is_known
    subscription, customer, invoice = event.data.subscription, event.data.customer, event.data.invoice
    assert subscription is not None
    assert (subscription.status, subscription.access, subscription.amount) == ("past_due", "full", 2900)
    assert customer is not None
    assert customer.external_id == "ada"
    assert invoice is not None
    assert (invoice.status, invoice.amount_paid) == ("open", None)
    assert event.data.usage is None
    assert event.raw == PAST_DUE


@pytest.mark.parametrize("given", [SECRET, [SECRET], [OTHER, SECRET], SECRET.removeprefix("whsec_")])
def test_one_of_the_secrets_must_have_signed_it(given: str | list[str]) -> None:
    assert verified_event(*sent(PAST_DUE), given, now=NOW).id == PAST_DUE["id"]


@pytest.mark.parametrize("given", [SECRET, OTHER])
def test_while_a_secret_is_rotated_both_are_good(given: str) -> None:
    assert verified_event(*sent(PAST_DUE, OTHER, SECRET), given, now=NOW).id == PAST_DUE["id"]


def test_names_of_headers_are_of_any_case_and_unknown_signatures_are_passed_over() -> None:
    body, headers = sent(PAST_DUE)
    headers["webhook-signature"] = f"v1a,abc v1 {headers['webhook-signature']}"
    shouted = {name.upper(): value for name, value in headers.items()}
    assert verified_event(body, shouted, SECRET, now=NOW).id == PAST_DUE["id"]


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"webhook-signature": "v1,AAAA"}, "signature_differs"),
        ({"webhook-signature": ""}, "signature_differs"),
        ({"webhook-signature": "v2,AAAA ü"}, "signature_differs"),
        ({"webhook-id": "msg_2"}, "signature_differs"),
        ({"webhook-timestamp": f"{NOW.timestamp() + 1:.0f}"}, "signature_differs"),
        ({"webhook-timestamp": "soon"}, "signature_missing"),
    ],
)
def test_what_was_changed_on_its_way_is_refused(spoil: dict[str, str], code: str) -> None:
    body, headers = sent(PAST_DUE)
    with pytest.raises(InvalidSignature) as refused:
        verified_event(body, headers | spoil, SECRET, now=NOW)
    assert refused.value.code == code


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_what_lacks_a_header_is_refused(missing: str) -> None:
    body, headers = sent(PAST_DUE)
    del headers[missing]
    with pytest.raises(InvalidSignature, match="missing"):
        verified_event(body, headers, SECRET, now=NOW)


def test_another_body_or_another_secret_is_refused() -> None:
    body, headers = sent(PAST_DUE)
    with pytest.raises(InvalidSignature):
        verified_event(body + b" ", headers, SECRET, now=NOW)
    with pytest.raises(InvalidSignature):
        verified_event(body, headers, OTHER, now=NOW)


@pytest.mark.parametrize(
    ("at", "code"), [(NOW - timedelta(seconds=301), "too_old"), (NOW + timedelta(seconds=301), "too_new")]
)
def test_what_was_recorded_is_not_taken_again_later(at: datetime, code: str) -> None:
    with pytest.raises(InvalidSignature) as refused:
        verified_event(*sent(PAST_DUE, at=at), SECRET, now=NOW)
    assert refused.value.code == code
    patient = verified_event(*sent(PAST_DUE, at=at), SECRET, now=NOW, tolerance=timedelta(minutes=6))
    assert patient.id == PAST_DUE["id"]


@pytest.mark.parametrize("given", ["", [], "whsec_", "whsec_not base64", [SECRET, ""]])
def test_a_secret_that_is_none_is_told_apart_from_a_forgery(given: str | list[str]) -> None:
    with pytest.raises(CannotSend, match="whsec_"):
        verified_event(*sent(PAST_DUE), given, now=NOW)


def test_a_type_that_is_not_known_yet_is_read_all_the_same() -> None:
    event = received(changed(type="subscription.hibernated", data={"customer": PAST_DUE["data"]["customer"]}))
    assert event.type == "subscription.hibernated"  # type: ignore[comparison-overlap]
    assert not event.is_known
    assert event.data.subscription is None


def test_of_a_later_version_what_cannot_be_read_is_left_out() -> None:
    data = PAST_DUE["data"] | {"subscription": {"id": "s-1", "amount": {"EUR": 29}}, "weather": "fine"}
    event = received(changed(version=2, data=data))
    assert not event.is_known
    assert event.data.subscription is None
    assert event.data.customer is not None
    assert event.raw["data"]["subscription"]["amount"] == {"EUR": 29}


@pytest.mark.parametrize(
    "body", [b"no json", b"[]", b"{}", b"null", b'{"id": 1}', json.dumps(changed(data=[1])).encode()]
)
def test_what_is_no_event_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        verified_event(*sent(body), SECRET, now=NOW)


def test_the_client_reads_all_that_tenure_tells() -> None:
    """Nothing is left out, and nothing is made up."""
    it, at = a_trial(), NOW
    crossing = Crossing("images", at, 80, 10, 8, "pro", "shop_v1", at)
    told = {
        EventSubscription: payloads.subscription_payload(it),
        EventInvoice: payloads.invoice_payload(an_invoice()),
        EventUsage: payloads.usage_payload(crossing, it.id),
    }
    for kind, payload in told.items():
        assert {one.name for one in fields(kind)} == payload.keys(), kind
    assert set(get_args(EventType)) == set(types.EventType)
