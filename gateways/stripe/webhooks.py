"""Reading Stripe's webhooks: believed only when signed and meant for us, and then only as hints."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import stripe

from domain.errors import Rejected
from domain.provider.events import ProviderEvent
from domain.provider.hints import EventKind
from domain.provider.ports import is_provider_id
from gateways.stripe.keys import is_live
from gateways.stripe.mapping import agreement_of_bill, id_of

TOLERANCE_SECONDS = 300
LONGEST_NAME = 500
"""Characters of an id or a type; Stripe's own have 255 at most."""

NEWS: Mapping[str, EventKind] = {
    "invoice.paid": EventKind.BILL_PAID,
    "invoice.payment_failed": EventKind.BILL_FAILED,
    "invoice.payment_action_required": EventKind.BILL_FAILED,
    "invoice.voided": EventKind.BILL_CLOSED,
    "invoice.marked_uncollectible": EventKind.BILL_CLOSED,
    "customer.subscription.deleted": EventKind.AGREEMENT_ENDED,
    # Hints at where to look: what has become of the agreement is seen there.
    "customer.subscription.paused": EventKind.AGREEMENT_ENDED,
    "customer.subscription.resumed": EventKind.AGREEMENT_ENDED,
    "checkout.session.completed": EventKind.CARD_GIVEN,
    "payment_method.automatically_updated": EventKind.CARD_CHANGED,
    "charge.refunded": EventKind.REFUNDED,
    "charge.dispute.created": EventKind.DISPUTED,
    "charge.dispute.updated": EventKind.DISPUTED,
    "charge.dispute.closed": EventKind.DISPUTED,
}
"""The events that can tell a subscription something new; all others but those of CUSTOMER are kept and passed over."""

CUSTOMER = "customer.updated"
"""Tells something new only when the card to be charged, the address or the name is another."""
CONTACT = frozenset({"email", "name"})
_NEWS_OF_CUSTOMERS = {
    (True, True): EventKind.CARD_AND_CONTACT,
    (True, False): EventKind.CARD_CHOSEN,
    (False, True): EventKind.CONTACT_CHANGED,
    (False, False): None,
}
"""By whether another card was chosen, and whether the address or the name was changed."""

THIN, THIN_PREFIX = "v2.core.event", "v1."
"""Events that name what happened to what, and leave it to us to look; `v1.` goes before the type of a snapshot."""


@dataclass(frozen=True)
class Recipient:
    """For whom messages may be.

    Args:
        account: our own account's id; empty: an event that names an account is somebody else's.
        is_live: the mode that our key is of; None: either.

    """

    account: str = ""
    is_live: bool | None = None

    @classmethod
    def of(cls, api_key: str, account: str = "") -> "Recipient":
        """Who calls Stripe with this key."""
        return cls(account, is_live(api_key))

    def check(self, event: Mapping[str, Any]) -> None:
        """Raise Rejected when *event* is for another account or of another mode."""
        named = event.get("account") or event.get("context")
        # A context may lead through an organization to the account.
        if named and str(named).rpartition("/")[2] != self.account:
            raise Rejected(
                "this event is another account's: if it is ours, set TENURE_STRIPE_ACCOUNT", code="wrong_account"
            )
        mode = event.get("livemode")
        if isinstance(mode, bool) and self.is_live is not None and mode is not self.is_live:
            told, ours = ("live", "test") if mode else ("test", "live")
            raise Rejected(f"this is an event of {told} mode, and our key is one of {ours} mode", code="wrong_mode")


class StripeEvents:
    """Reads signed webhooks; several secrets are valid at once while one is being rotated."""

    def __init__(self, secrets: Sequence[str], recipient: Recipient | None = None) -> None:
        if not secrets:
            raise ValueError("at least one webhook secret is needed")
        self._secrets = tuple(secrets)
        self._recipient = recipient or Recipient()

    def read(self, body: bytes, signature: str) -> ProviderEvent:
        self._verify(body, signature)
        try:
            event = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _no_event(error) from error
        if not isinstance(event, dict):
            raise Rejected("this is no Stripe event, for it is no JSON object", code="bad_event")
        self._recipient.check(event)
        return event_of(event)

    def _verify(self, body: bytes, signature: str) -> None:
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise Rejected("the body is not UTF-8", code="bad_event") from error
        if not signature.isascii():
            raise Rejected("the signature matches no webhook secret", code="bad_signature")
        for secret in self._secrets:
            try:
                stripe.WebhookSignature.verify_header(text, signature, secret, TOLERANCE_SECONDS)
            except stripe.SignatureVerificationError as error:
                if "tolerance" in str(error):
                    raise Rejected("the signature is too old: a replay?", code="stale_signature") from error
            else:
                _check_is_not_ahead(signature)
                return
        raise Rejected("the signature matches no webhook secret", code="bad_signature")


def _check_is_not_ahead(signature: str) -> None:
    """Refuse what is dated in the future: it would pass as new for as long; the SDK looks into the past alone."""
    dated = max(int(part[2:]) for part in signature.split(",") if part.startswith("t="))
    if dated > time.time() + TOLERANCE_SECONDS:
        raise Rejected(
            "the signature is dated ahead of our clock: is the clock of this machine right?", code="future_signature"
        )


def event_of(event: Mapping[str, Any]) -> ProviderEvent:
    """A Stripe event, snapshot or thin, as a hint.

    Raises:
        Rejected: code `bad_event`; it is none, or cannot be kept.
    """
    try:
        told = _thin(event) if event.get("object") == THIN else _snapshot(event)
        if told.news is not None:
            _check_ids(told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_event(error) from error
    return told


def _check_ids(told: ProviderEvent) -> None:
    """Of what is asked about later, by its id in a path."""
    for reference in (told.object_id, told.customer_ref, told.charge_ref, told.agreement_ref):
        if reference and not is_provider_id(reference):
            raise ValueError("an id in it cannot be Stripe's")


def _snapshot(event: Mapping[str, Any]) -> ProviderEvent:
    data = event["data"]
    found = data["object"]
    kind, object_id = _named(event["type"]), _text(found.get("id"))
    news = NEWS.get(kind)
    if kind == CUSTOMER:
        chosen, is_contact = _chosen_card(data), not CONTACT.isdisjoint(data.get("previous_attributes") or {})
        news = _NEWS_OF_CUSTOMERS[bool(chosen), is_contact]
        object_id = _text(chosen) or object_id
    return ProviderEvent(
        id=_named(event["id"]),
        type=kind,
        object_id=object_id,
        customer_ref=_text(_customer_of(found)),
        news=news,
        charge_ref=_text(_charge_of(found)),
        agreement_ref=_text(_agreement_of(found)),
    )


def _thin(event: Mapping[str, Any]) -> ProviderEvent:
    kind = _named(event["type"])
    of_snapshot = kind.removeprefix(THIN_PREFIX)
    related = event.get("related_object") or {}
    object_id = _text(related.get("id"))
    news = NEWS.get(of_snapshot) if of_snapshot != kind and object_id else None
    # It does not tell what has changed of a customer, so it may be anything.
    is_customer = of_snapshot == CUSTOMER and of_snapshot != kind
    return ProviderEvent(
        id=_named(event["id"]),
        type=kind,
        object_id=object_id,
        customer_ref=object_id if is_customer else "",
        news=EventKind.CARD_AND_CONTACT if is_customer and object_id else news,
    )


def _chosen_card(data: Mapping[str, Any]) -> str:
    """The card that was made the one to be charged; empty when that is as it was, or there is none any more."""
    before = (data.get("previous_attributes") or {}).get("invoice_settings") or {}
    if "default_payment_method" not in before:
        return ""
    return id_of((data["object"].get("invoice_settings") or {}).get("default_payment_method"))


def _charge_of(found: Mapping[str, Any]) -> str:
    return id_of(found.get("charge")) if found.get("object") == "dispute" else ""


def _customer_of(found: Mapping[str, Any]) -> str:
    return id_of(found if found.get("object") == "customer" else found.get("customer"))


def _agreement_of(found: Mapping[str, Any]) -> str:
    match found.get("object"):
        case "subscription":
            return id_of(found)
        case "invoice":
            return agreement_of_bill(found)
        case _:
            return ""


def _named(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError("its id or type is missing")
    return _text(name)


def _text(name: Any) -> str:
    """A name that the database can keep; empty when there is none."""
    if name is None:
        return ""
    if not isinstance(name, str):
        raise TypeError("an id in it is no text")
    if len(name) > LONGEST_NAME or "\0" in name:
        raise ValueError("an id or a type in it cannot be Stripe's")
    name.encode()  # half a character, as \ud800, is refused here
    return name


def _no_event(error: Exception) -> Rejected:
    # Never the value itself: it may be large, and it may be anything.
    words = "it cannot be written as UTF-8" if isinstance(error, UnicodeEncodeError) else f"{error!r:.200}"
    return Rejected(f"this is no Stripe event: {words}", code="bad_event")
