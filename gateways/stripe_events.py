"""Reading Stripe's webhooks: believed only when signed, and then only as hints."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import stripe

from domain.errors import Rejected
from domain.news import News
from domain.ports import ProviderEvent
from gateways.stripe_shapes import id_of

TOLERANCE_SECONDS = 300

NEWS: Mapping[str, News] = {
    "invoice.paid": News.BILL_PAID,
    "invoice.payment_failed": News.BILL_FAILED,
    "invoice.payment_action_required": News.BILL_FAILED,
    "invoice.voided": News.BILL_CLOSED,
    "invoice.marked_uncollectible": News.BILL_CLOSED,
    "customer.subscription.deleted": News.AGREEMENT_ENDED,
    "checkout.session.completed": News.CARD_GIVEN,
    "payment_method.automatically_updated": News.CARD_CHANGED,
    "charge.refunded": News.REFUNDED,
    "charge.dispute.created": News.DISPUTED,
    "charge.dispute.updated": News.DISPUTED,
    "charge.dispute.closed": News.DISPUTED,
}
"""The events that can tell a subscription something new; all others are kept and passed over."""


class StripeEvents:
    """Reads signed webhooks; several secrets are valid at once while one is being rotated."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("at least one webhook secret is needed")
        self._secrets = tuple(secrets)

    def read(self, body: bytes, signature: str) -> ProviderEvent:
        self._verify(body, signature)
        try:
            event = json.loads(body)
            found = event["data"]["object"]
            return ProviderEvent(
                id=_named(event["id"]),
                type=_named(event["type"]),
                object_id=str(found.get("id") or ""),
                customer_ref=_customer_of(found),
                news=NEWS.get(event["type"]),
                charge_ref=_charge_of(found),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Rejected(f"this is no Stripe event: {error!r}", code="bad_event") from error

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
                return
        raise Rejected("the signature matches no webhook secret", code="bad_signature")


def _charge_of(found: Mapping[str, Any]) -> str:
    """The charge that a dispute, which has no customer, is of."""
    return id_of(found.get("charge")) if found.get("object") == "dispute" else ""


def _customer_of(found: Mapping[str, Any]) -> str:
    if found.get("object") == "customer":
        return str(found.get("id") or "")
    return id_of(found.get("customer"))


def _named(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError("its id or type is missing")
    return name
