"""Stripe's webhooks must be signed, and are read as hints."""

import json
import time
from typing import Any

import pytest
import stripe

from domain.errors import Rejected
from domain.provider.events import ProviderEvent
from domain.provider.hints import EventKind
from gateways.stripe.webhooks import Recipient, StripeEvents
from tests.gateways.rig import WEBHOOK_SECRET, StripeRig

OLD_SECRET = "whsec_before_the_rotation"
SAYS = {
    "invoice.paid": EventKind.INVOICE_PAID,
    "invoice.payment_failed": EventKind.INVOICE_FAILED,
    "invoice.payment_action_required": EventKind.INVOICE_FAILED,
    "invoice.voided": EventKind.INVOICE_CLOSED,
    "invoice.marked_uncollectible": EventKind.INVOICE_CLOSED,
    "customer.subscription.deleted": EventKind.AGREEMENT_ENDED,
    "checkout.session.completed": EventKind.CARD_GIVEN,
    "payment_method.automatically_updated": EventKind.CARD_CHANGED,
    "invoice.created": None,
    "customer.subscription.updated": None,
    "charge.refunded": EventKind.REFUNDED,
    "charge.dispute.created": EventKind.DISPUTED,
    "charge.dispute.updated": EventKind.DISPUTED,
    "charge.dispute.closed": EventKind.DISPUTED,
    "charge.dispute.funds_withdrawn": None,
    "customer.updated": None,
    "something.stripe.thinks.of.later": None,
}


def an_event(kind: str = "invoice.paid", **found: Any) -> bytes:
    thing = {"id": "in_1", "object": "invoice", "customer": "cus_1"} | found
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "data": {"object": thing}}).encode()


def signed(body: bytes, secret: str = WEBHOOK_SECRET, age: int = 0) -> str:
    at = int(time.time()) - age
    return str(stripe.WebhookSignature.generate_signature_header(body.decode(), secret, at))


def read(body: bytes, signature: str | None = None) -> ProviderEvent:
    return StripeEvents([WEBHOOK_SECRET]).read(body, signed(body) if signature is None else signature)


@pytest.mark.parametrize(("kind", "news"), SAYS.items(), ids=SAYS.keys())
def test_an_event_is_read_by_its_type(kind: str, news: EventKind | None) -> None:
    assert read(an_event(kind)) == ProviderEvent("evt_1", kind, "in_1", "cus_1", news)


@pytest.mark.parametrize(
    ("found", "customer_ref"),
    [
        pytest.param({"customer": "cus_1"}, "cus_1", id="by its id"),
        pytest.param({"customer": {"id": "cus_2", "object": "customer", "name": "Ada"}}, "cus_2", id="expanded"),
        pytest.param({"id": "cus_3", "object": "customer"}, "cus_3", id="itself"),
        pytest.param({"customer": None}, "", id="not at all"),
        pytest.param({"customer": {"object": "customer"}}, "", id="without an id"),
    ],
)
def test_the_customer_is_read_from_the_event(found: dict[str, Any], customer_ref: str) -> None:
    assert read(an_event(**found)).customer_ref == customer_ref


@pytest.mark.parametrize("charge", ["ch_1", {"id": "ch_1", "object": "charge"}])
def test_a_dispute_names_its_charge_instead(charge: Any) -> None:
    event = read(an_event("charge.dispute.created", id="du_1", object="dispute", customer=None, charge=charge))

    assert event == ProviderEvent("evt_1", "charge.dispute.created", "du_1", "", EventKind.DISPUTED, "ch_1")


def test_an_agreement_is_named_by_its_invoices_and_by_itself() -> None:
    of_bill: dict[str, Any] = {
        "parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}
    }

    assert read(an_event(**of_bill)).agreement_ref == "sub_1"
    assert read(an_event(parent={"type": "quote_details", "subscription_details": None})).agreement_ref == ""
    ended = an_event("customer.subscription.deleted", id="sub_2", object="subscription")
    assert read(ended).agreement_ref == "sub_2"


@pytest.mark.parametrize(
    ("before", "now", "news", "object_id"),
    [
        ({"invoice_settings": {"default_payment_method": "pm_1"}}, "pm_2", EventKind.CARD_CHOSEN, "pm_2"),
        ({"invoice_settings": {"default_payment_method": None}}, "pm_2", EventKind.CARD_CHOSEN, "pm_2"),
        ({"invoice_settings": {"default_payment_method": "pm_1"}}, {"id": "pm_2"}, EventKind.CARD_CHOSEN, "pm_2"),
        ({"invoice_settings": {"default_payment_method": "pm_1"}}, None, EventKind.CARD_CHOSEN, "cus_1"),
        ({"invoice_settings": {"footer": None}}, "pm_2", None, "cus_1"),
        ({"email": "old@example.com"}, "pm_2", EventKind.CONTACT_CHANGED, "cus_1"),
        ({"name": None}, "pm_2", EventKind.CONTACT_CHANGED, "cus_1"),
        (
            {"name": "Ada", "invoice_settings": {"default_payment_method": None}},
            "pm_2",
            EventKind.CARD_AND_CONTACT,
            "pm_2",
        ),
        ({"phone": None, "metadata": {"a": "b"}}, "pm_2", None, "cus_1"),
        (None, "pm_2", None, "cus_1"),
    ],
)
def test_a_customer_tells_something_only_when_the_card_to_be_charged_the_address_or_the_name_is_another(
    before: Any, now: Any, news: EventKind | None, object_id: str
) -> None:
    customer = {"id": "cus_1", "object": "customer", "invoice_settings": {"default_payment_method": now}}
    data = {"object": customer, "previous_attributes": before}
    body = json.dumps({"id": "evt_1", "object": "event", "type": "customer.updated", "data": data}).encode()

    assert read(body) == ProviderEvent("evt_1", "customer.updated", object_id, "cus_1", news)


def a_thin_event(kind: str, **related: Any) -> dict[str, Any]:
    thing = {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"} | related
    at = "2026-11-05T09:00:00.000Z"
    told = {"id": "evt_1", "object": "v2.core.event", "type": kind, "created": at, "livemode": False}
    return told | {"context": None, "reason": None, "related_object": thing}


@pytest.mark.parametrize(("kind", "news"), SAYS.items(), ids=SAYS.keys())
def test_a_thin_event_says_the_same_and_leaves_whose_it_is_to_be_asked(kind: str, news: EventKind | None) -> None:
    if kind == "customer.updated":
        return
    event = read(json.dumps(a_thin_event(f"v1.{kind}")).encode())

    assert event == ProviderEvent("evt_1", f"v1.{kind}", "in_1", "", news)


def test_a_thin_event_of_a_customer_may_tell_of_another_card_or_address() -> None:
    event = read(json.dumps(a_thin_event("v1.customer.updated", id="cus_1", type="customer")).encode())

    assert event == ProviderEvent("evt_1", "v1.customer.updated", "cus_1", "cus_1", EventKind.CARD_AND_CONTACT)


@pytest.mark.parametrize("kind", ["v2.core.account.updated", "invoice.paid", "v1.thought.of.later"])
def test_a_thin_event_of_another_kind_is_skipped(kind: str) -> None:
    assert read(json.dumps(a_thin_event(kind)).encode()).news is None


def test_a_thin_event_without_an_object_is_skipped() -> None:
    event = a_thin_event("v1.invoice.paid") | {"related_object": None}

    assert read(json.dumps(event).encode()) == ProviderEvent("evt_1", "v1.invoice.paid", "", "", None)


OURS = Recipient.of("rk_test_1", "acct_ours")


@pytest.mark.parametrize(
    ("more", "recipient", "code"),
    [
        ({}, OURS, None),
        ({"livemode": False}, OURS, None),
        ({"account": "acct_ours"}, OURS, None),
        ({"context": "acct_ours"}, OURS, None),
        ({"context": "org_1/acct_ours"}, OURS, None),
        ({"context": None}, Recipient.of("sk_test_1"), None),
        ({"livemode": True}, Recipient.of("sk_live_1"), None),
        ({"account": "acct_other"}, OURS, "wrong_account"),
        ({"context": "acct_other"}, OURS, "wrong_account"),
        ({"context": "acct_ours/acct_other"}, OURS, "wrong_account"),
        ({"account": "acct_ours"}, Recipient.of("sk_test_1"), "wrong_account"),
        ({"account": {"id": "acct_ours"}}, OURS, "wrong_account"),
        ({"livemode": True}, OURS, "wrong_mode"),
        ({"livemode": False}, Recipient.of("rk_live_1"), "wrong_mode"),
    ],
)
def test_what_is_for_another_account_or_of_another_mode_is_refused(
    more: dict[str, Any], recipient: Recipient, code: str | None
) -> None:
    body = json.dumps(json.loads(an_event()) | more).encode()
    events = StripeEvents([WEBHOOK_SECRET], recipient)

    if code is None:
        assert events.read(body, signed(body)).id == "evt_1"
        return
    with pytest.raises(Rejected) as rejected:
        events.read(body, signed(body))
    assert rejected.value.code == code


def test_an_object_without_an_id_is_read_too() -> None:
    assert read(an_event("balance.available", id=None)).object_id == ""


def test_both_secrets_are_believed_while_one_is_being_rotated() -> None:
    events = StripeEvents([WEBHOOK_SECRET, OLD_SECRET])
    body = an_event()

    for secret in (WEBHOOK_SECRET, OLD_SECRET):
        assert events.read(body, signed(body, secret)).id == "evt_1"
    with pytest.raises(Rejected) as rejected:
        StripeEvents([WEBHOOK_SECRET]).read(body, signed(body, OLD_SECRET))
    assert rejected.value.code == "bad_signature"


def test_at_least_one_secret_is_needed() -> None:
    with pytest.raises(ValueError, match="at least one"):
        StripeEvents([])


def test_a_body_is_not_believed_when_it_was_changed_after_signing() -> None:
    genuine = an_event(id="in_1")

    with pytest.raises(Rejected) as rejected:
        read(genuine.replace(b"in_1", b"in_2"), signed(genuine))

    assert rejected.value.code == "bad_signature"


@pytest.mark.parametrize(
    "signature",
    ["", "v1=abc", "t=now,v1=abc", "t=1", "t=1,v0=abc", ",", "t", "t=99999999999999999999,v1=a", "t=1,v1=gefälscht"],
)
def test_an_invalid_signature_is_rejected(signature: str) -> None:
    with pytest.raises(Rejected) as rejected:
        read(an_event(), signature)

    assert rejected.value.code == "bad_signature"
    assert WEBHOOK_SECRET not in str(rejected.value)


def test_a_signature_is_not_believed_when_it_is_older_than_five_minutes() -> None:
    body = an_event()
    assert read(body, signed(body, age=290)).id == "evt_1"

    for secrets in ([WEBHOOK_SECRET], [OLD_SECRET, WEBHOOK_SECRET]):
        with pytest.raises(Rejected, match="too old") as rejected:
            StripeEvents(secrets).read(body, signed(body, age=310))
        assert rejected.value.code == "stale_signature"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"id":"evt_1","type":"invoice.paid"}',
        b'{"id":"evt_1","type":"invoice.paid","data":null}',
        b'{"id":"evt_1","type":"invoice.paid","data":{"object":"in_1"}}',
        b'{"id":"evt_1","data":{"object":{}}}',
        b'{"type":"invoice.paid","data":{"object":{}}}',
        b'{"id":null,"type":"invoice.paid","data":{"object":{}}}',
        b'{"id":"evt_1","type":["invoice.paid"],"data":{"object":{}}}',
        b'{"id":"evt_1","type":null,"data":{"object":{}}}',
        b'{"id":"evt_\\u0000","type":"x","data":{"object":{}}}',
        b'{"id":"evt_\\ud800","type":"x","data":{"object":{}}}',
        b'{"id":"evt_1","type":"x","data":{"object":{"id":"\\u0000"}}}',
        b'{"id":"evt_1","type":"invoice.paid","data":{"object":{"id":".."}}}',
        b'{"id":"evt_1","type":"invoice.paid","data":{"object":{"id":"in_1","customer":"../cus_2"}}}',
        b'{"id":"evt_1","object":"v2.core.event","type":"v1.invoice.paid","related_object":{"id":"in_1/pay"}}',
        b'{"id":"evt_1","type":"x","data":{"object":{"id":{"a":1}}}}',
        b'{"id":"evt_1","type":"x","data":{"object":{"customer":"\\udfff"}}}',
        b'{"id":"evt_1","object":"v2.core.event","type":"v1.invoice.paid","related_object":"in_1"}',
        b'{"id":"evt_1","object":"v2.core.event","type":"v1.invoice.paid","related_object":{"id":7}}',
        b'{"id":"%s","type":"x","data":{"object":{}}}' % (b"e" * 501),
        b'{"id":"evt_1","type":"x","data":{"object":{"id":"%s"}}}' % (b"o" * 501),
        b"[" * 100_000,
    ],
)
def test_a_signed_body_that_is_no_event_is_rejected(body: bytes) -> None:
    with pytest.raises(Rejected) as rejected:
        read(body)

    assert rejected.value.code == "bad_event"
    assert len(rejected.value.message) < 300


def test_a_body_that_is_no_text_is_rejected() -> None:
    with pytest.raises(Rejected) as rejected:
        read(b"\xff\xfe", "t=1,v1=abc")

    assert rejected.value.code == "bad_event"


async def test_the_events_of_a_life_are_read_as_they_come(rig: StripeRig) -> None:
    wallet, agreement, bill = await rig.owing()
    back = "https://shop.example"
    page = await rig.provider.wallets.open_checkout(wallet.customer_ref, "s", back, back, key="checkout/1")
    session = page.rpartition("/")[2]
    rig.simulator.complete_checkout(session)
    refund = rig.simulator.refund("ada", 100)
    disputes = [rig.simulator.dispute("ada", turn)["id"] for turn in ("inquiry", "opened", "lost")]
    await rig.provider.billing.end(agreement, bill, key="end")

    listed = await rig.client.v1.events.list_async({"limit": 100})
    bodies = [json.dumps(event.to_dict(), default=str).encode() for event in reversed(listed.data)]
    told = [event for event in (read(body) for body in bodies) if event.news is not None]

    first = (await rig.bills(wallet))[0]["id"]
    assert [(event.news, event.object_id) for event in told] == [
        (EventKind.INVOICE_PAID, first),
        (EventKind.INVOICE_FAILED, bill),
        (EventKind.CARD_GIVEN, session),
        (EventKind.REFUNDED, refund["charge"]),
        *((EventKind.DISPUTED, dispute) for dispute in disputes),
        (EventKind.INVOICE_CLOSED, bill),
        (EventKind.AGREEMENT_ENDED, agreement),
    ]
    asked = [await rig.provider.owners.owner_of(event.news, event.object_id) for event in told if event.news]
    both = list(zip(told, asked, strict=True))
    assert {event.customer_ref or of.customer_ref for event, of in both} == {wallet.customer_ref}
    of_agreement = {event.agreement_ref or of.agreement_ref for event, of in both}
    assert of_agreement == {agreement, ""}, "a checkout is of none"
