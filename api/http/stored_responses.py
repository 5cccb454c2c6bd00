"""Stored responses hold no customer's data: the customer is read again when a response is returned again."""

import json
from typing import Any, Final

from configuration.mail_addresses import shown_address
from storage.subscriptions.customers import CustomerRow, Customers

CUSTOMER: Final = "customer"
ID: Final = "id"


def without_customer(body: bytes) -> bytes:
    """The body to store: of its customer only our id is left."""
    content = _read(body)
    if content is None or not content[CUSTOMER].get(ID):
        return body
    return _written(content | {CUSTOMER: {ID: content[CUSTOMER][ID]}})


async def with_customer(body: bytes, tenant: str, customers: Customers) -> bytes:
    """The body to return, with the customer as they are known now."""
    content = _read(body)
    if content is None or content[CUSTOMER].keys() != {ID}:
        return body
    known = await customers.by_id(tenant=tenant, customer=content[CUSTOMER][ID])
    return body if known is None else _written(content | {CUSTOMER: _shown(known)})


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
