"""Webhook endpoints and what is sent to them, as Tenure returns them."""

from dataclasses import dataclass, field
from datetime import datetime

from tenure.client.values import DeliveryState, DisabledReason, EndpointState, EventType


@dataclass(frozen=True)
class WebhookEndpoint:
    """An address to which events are sent."""

    id: str
    url: str
    state: EndpointState
    created_at: datetime
    description: str = ""
    types: tuple[str, ...] = ()
    """Of the events that it receives; empty: all."""
    disabled_reason: DisabledReason | None = None
    failing_since: datetime | None = None
    """When the first attempt after the last successful one failed; None if the last succeeded, or there was none."""
    created_by: str = ""


@dataclass(frozen=True)
class NewWebhookEndpoint(WebhookEndpoint):
    """A webhook endpoint with a new secret."""

    secret: str | None = field(default=None, repr=False)
    """Verifies what is sent; shown once. None if an earlier attempt made it and its answer was lost: rotate it."""


@dataclass(frozen=True)
class WebhookEndpointPage:
    """One page of webhook endpoints."""

    data: tuple[WebhookEndpoint, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one endpoint."""

    id: str
    event: str
    """The event's id."""
    type: EventType
    endpoint: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    last_status: int | None = None
    """HTTP status of the last answer; None: there was none."""
    last_error: str | None = None
    """Why there was no answer to the last attempt."""


@dataclass(frozen=True)
class DeliveryAttempt:
    """One attempt to deliver."""

    at: datetime
    duration_ms: int
    status: int | None = None
    error: str | None = None
    answer: str = ""
    """The beginning of the answer's body."""


@dataclass(frozen=True)
class DeliveryDetails(Delivery):
    """A delivery with its attempts."""

    history: tuple[DeliveryAttempt, ...] = ()
    """The newest first."""


@dataclass(frozen=True)
class DeliveryPage:
    """One page of deliveries."""

    data: tuple[Delivery, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""


@dataclass(frozen=True)
class MissedDeliveries:
    """What an endpoint is sent that it has missed."""

    deliveries: int
    has_more: bool = False
    """True: it has missed more than one request sends; repeat it under another key."""
