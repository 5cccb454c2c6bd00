"""Stored responses hold no customer's data: customer and card are read again when a response is returned again."""

import json
from typing import Any, Final

from configuration.mail_addresses import shown_address
from domain.provider.payments import Card
from storage.subscriptions.customers import CustomerRow, Customers
from storage.subscriptions.read_model import Subscriptions

CUSTOMER: Final = "customer"
CARD: Final = "card"
ID: Final = "id"


def without_customer(body: bytes) -> bytes:
    """The body to store: of its customer only our id is left, and nothing of the card."""
    content = _read(body)
    if content is None or not content[CUSTOMER].get(ID):
        return body
    return _written(_with(content, customer={ID: content[CUSTOMER][ID]}, card=None))


async def with_customer(body: bytes, tenant: str, customers: Customers, subscriptions: Subscriptions) -> bytes:
    """The body to return, with the customer and the card as they are known now."""
    content = _read(body)
    if content is None or content[CUSTOMER].keys() != {ID}:
        return body
    known = await customers.by_id(tenant=tenant, customer=content[CUSTOMER][ID])
    if known is None:
        return body
    held = await subscriptions.recorded(tenant, content[ID]) if CARD in content else None
    return _written(_with(content, customer=_shown(known), card=_card(held.card if held is not None else None)))


def _with(content: dict[str, Any], *, customer: dict[str, Any], card: dict[str, Any] | None) -> dict[str, Any]:
    return content | {CUSTOMER: customer} | ({CARD: card} if CARD in content else {})


def _card(held: Card | None) -> dict[str, Any] | None:
    """As `api.subscriptions.circumstances.CardView` shows a card."""
    if held is None:
        return None
    return {"brand": held.brand, "last4": held.last4, "exp_month": held.exp_month, "exp_year": held.exp_year}


def _shown(known: CustomerRow) -> dict[str, Any]:
    """As `api.subscriptions.views.SubscriberView` shows a customer."""
    return {
        ID: known.id,
        "external_id": known.external_id,
        "email": shown_address(known.email),
        "name": known.name,
        "timezone": known.timezone,
        "locale": known.locale,
    }


def _read(body: bytes) -> dict[str, Any] | None:
    """The content, if there is a customer in it."""
    try:
        content = json.loads(body)
    except ValueError:
        return None
    return content if isinstance(content, dict) and isinstance(content.get(CUSTOMER), dict) else None


def _written(content: dict[str, Any]) -> bytes:
    """As FastAPI writes JSON, so that a repeat gets the same bytes."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
