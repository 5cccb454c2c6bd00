"""Events for products: written with what they tell, and sent later."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from domain.events.payloads import timestamp
from domain.events.types import VERSION, EventType

_NAMESPACE: Final = UUID("6a7c1d34-6d3f-5b0e-9c7e-2f1f64c8d0a9")


@dataclass(frozen=True)
class OutboundEvent:
    """Something that happened, as reported to products. Contains ids, states, amounts and times; no names."""

    id: str
    """Made of what happened: told twice, it is the same event."""
    type: EventType
    tenant: str
    customer: str
    """Our id."""
    at: datetime
    payload: Mapping[str, Any]
    """JSON by the schema of the type; the customer's external id is added when it is read."""
    subscription: str | None = None
    sequence: int | None = None
    """The steps of the subscription, that of the event included; None: it is about no step."""
    version: int = VERSION


@dataclass(frozen=True)
class StoredEvent:
    """An event as it is read."""

    id: str
    type: str
    version: int
    at: datetime
    sequence: int | None
    customer: str
    external_id: str
    """What the product calls the customer, as of now."""
    payload: Mapping[str, Any]


def event_id(*parts: object) -> str:
    """Returns the id of the event that these parts identify, the type among them."""
    return str(uuid5(_NAMESPACE, "/".join(str(part) for part in parts)))


def envelope(event: StoredEvent) -> dict[str, Any]:
    """Returns what a product gets, in JSON's types."""
    return {
        "id": event.id,
        "type": event.type,
        "version": event.version,
        "timestamp": timestamp(event.at),
        "sequence": event.sequence,
        "data": {**event.payload, "customer": {"id": event.customer, "external_id": event.external_id}},
    }
