"""Reads Stripe's webhooks. They must be signed and meant for us, and even then they are only hints."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import stripe

from domain.errors import Rejected
from domain.provider.events import ProviderEvent
from domain.provider.hints import EventKind
from domain.provider.identifiers import is_provider_id
from gateways.stripe.keys import is_live
from gateways.stripe.mapping import agreement_of_invoice, id_of

TOLERANCE_SECONDS = 300
MAX_NAME_LENGTH = 500
"""Characters of an id or a type; Stripe's own have 255 at most."""

EVENT_KINDS: Mapping[str, EventKind] = {
    "invoice.paid": EventKind.INVOICE_PAID,
    "invoice.payment_failed": EventKind.INVOICE_FAILED,
    "invoice.payment_action_required": EventKind.INVOICE_FAILED,
    "invoice.voided": EventKind.INVOICE_CLOSED,
    "invoice.marked_uncollectible": EventKind.INVOICE_CLOSED,
    "customer.subscription.deleted": EventKind.AGREEMENT_ENDED,
    # Only hints: the agreement itself shows what has happened.
    "customer.subscription.paused": EventKind.AGREEMENT_ENDED,
    "customer.subscription.resumed": EventKind.AGREEMENT_ENDED,
    "checkout.session.completed": EventKind.CARD_GIVEN,
    "payment_method.automatically_updated": EventKind.CARD_CHANGED,
    "charge.refunded": EventKind.REFUNDED,
    "charge.dispute.created": EventKind.DISPUTED,
    "charge.dispute.updated": EventKind.DISPUTED,
    "charge.dispute.closed": EventKind.DISPUTED,
}
"""The events that may be news to a subscription. All others except CUSTOMER_UPDATED are stored and skipped."""

CUSTOMER_UPDATED = "customer.updated"
"""News only if the default card was changed or removed, or the address or the name has changed."""
CONTACT = frozenset({"email", "name"})
_CUSTOMER_EVENT_KINDS = {
    (True, True): EventKind.CARD_AND_CONTACT,
    (True, False): EventKind.CARD_CHOSEN,
    (False, True): EventKind.CONTACT_CHANGED,
    (False, False): None,
}
"""By whether the default card changed, and whether the address or the name did."""

THIN, THIN_PREFIX = "v2.core.event", "v1."
"""Thin events name what happened to which object, without its content. `v1.` precedes the type of a snapshot event."""


@dataclass(frozen=True)
class Recipient:
    """The account and mode whose events are accepted.

    Args:
        account: our own account's id; if empty, events that name an account are rejected.
        is_live: the mode of our key; None accepts both.
    """

    account: str = ""
    is_live: bool | None = None

    @classmethod
    def of(cls, api_key: str, account: str = "") -> "Recipient":
        """The account that this key belongs to."""
        return cls(account, is_live(api_key))

    def check(self, event: Mapping[str, Any]) -> None:
        """Raises Rejected if *event* is for another account or mode."""
        named = event.get("account") or event.get("context")
        # A context may lead through an organization to the account.
        if named and str(named).rpartition("/")[2] != self.account:
            raise Rejected(
                "this event belongs to another account: if that is yours, set TENURE_STRIPE_ACCOUNT",
                code="wrong_account",
            )
        mode = event.get("livemode")
        if isinstance(mode, bool) and self.is_live is not None and mode is not self.is_live:
            theirs, ours = ("live", "test") if mode else ("test", "live")
            raise Rejected(f"this event is in {theirs} mode, but the API key is in {ours} mode", code="wrong_mode")


class StripeEvents:
    """Reads signed webhooks. Several secrets are valid at once during a rotation."""

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
            raise _not_an_event(error) from error
        if not isinstance(event, dict):
            raise Rejected("not a Stripe event: not a JSON object", code="bad_event")
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
                    raise Rejected("the signature is too old: is this a replay?", code="stale_signature") from error
            else:
                _check_not_in_future(signature)
                return
        raise Rejected("the signature matches no webhook secret", code="bad_signature")


def _check_not_in_future(signature: str) -> None:
    """Rejects signatures dated in the future, which would stay valid longer. The SDK only checks the past."""
    dated = max(int(part[2:]) for part in signature.split(",") if part.startswith("t="))
    if dated > time.time() + TOLERANCE_SECONDS:
        raise Rejected("the signature is dated in the future: is this machine's clock right?", code="future_signature")


def event_of(event: Mapping[str, Any]) -> ProviderEvent:
    """Maps a Stripe event, snapshot or thin, to a hint.

    Raises:
        Rejected: code `bad_event`; it is not a Stripe event, or cannot be stored.
    """
    try:
        hint = _thin(event) if event.get("object") == THIN else _snapshot(event)
        if hint.news is not None:
            _check_ids(hint)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_an_event(error) from error
    return hint


def _check_ids(hint: ProviderEvent) -> None:
    """Checks the ids that later become part of a request's path."""
    for reference in (hint.object_id, hint.customer_ref, hint.charge_ref, hint.agreement_ref):
        if reference and not is_provider_id(reference):
            raise ValueError("it contains an id that cannot be Stripe's")


def _snapshot(event: Mapping[str, Any]) -> ProviderEvent:
    data = event["data"]
    found = data["object"]
    kind, object_id = _named(event["type"]), _text(found.get("id"))
    news = EVENT_KINDS.get(kind)
    if kind == CUSTOMER_UPDATED:
        chosen, is_contact = _chosen_card(data), not CONTACT.isdisjoint(data.get("previous_attributes") or {})
        news = _CUSTOMER_EVENT_KINDS[chosen is not None, is_contact]
        # Of a card that was removed, the customer tells what there is now.
        object_id = _text(chosen or "") or object_id
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
    news = EVENT_KINDS.get(of_snapshot) if of_snapshot != kind and object_id else None
    # A thin event does not say what changed about a customer, so anything may have.
    is_customer = of_snapshot == CUSTOMER_UPDATED and of_snapshot != kind
    return ProviderEvent(
        id=_named(event["id"]),
        type=kind,
        object_id=object_id,
        customer_ref=object_id if is_customer else "",
        news=EventKind.CARD_AND_CONTACT if is_customer and object_id else news,
    )


def _chosen_card(data: Mapping[str, Any]) -> str | None:
    """The new default card; empty if it was removed, None if it did not change."""
    before = (data.get("previous_attributes") or {}).get("invoice_settings") or {}
    if "default_payment_method" not in before:
        return None
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
            return agreement_of_invoice(found)
        case _:
            return ""


def _named(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError("its id or type is missing")
    return _text(name)


def _text(name: Any) -> str:
    """A text that the database can store; empty if there is none."""
    if name is None:
        return ""
    if not isinstance(name, str):
        raise TypeError("it contains an id that is not a text")
    if len(name) > MAX_NAME_LENGTH or "\0" in name:
        raise ValueError("it contains an id or a type that cannot be Stripe's")
    name.encode()  # a lone surrogate such as \ud800 fails here
    return name


def _not_an_event(error: Exception) -> Rejected:
    # Never the value itself: it may be large, and contain anything.
    words = "it cannot be encoded as UTF-8" if isinstance(error, UnicodeEncodeError) else f"{error!r:.200}"
    return Rejected(f"not a Stripe event: {words}", code="bad_event")
