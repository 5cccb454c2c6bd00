"""Webhook endpoints and deliveries, as the API shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from api.http.lists import NextCursor
from domain.events.deliveries import DeliveryState
from domain.events.endpoints import DisabledReason, Endpoint, EndpointState
from storage.events.delivery_list import AttemptRow, DeliveryRow
from storage.events.endpoints import EndpointSecret


class WebhookEndpointView(BaseModel):
    """An address to which events are sent."""

    id: str
    url: str
    description: str
    types: list[str] = Field(description="of the events that it receives; empty: all")
    state: EndpointState
    disabled_reason: DisabledReason | None = Field(
        description="`gone`: it answered 410; `failing`: it has taken nothing for 5 days; `operator`: it was asked for"
    )
    failing_since: datetime | None = Field(
        description="when the current series of failures began: the first failed attempt after the last successful one;"
        " null if the last attempt succeeded, or there was none at its `url`"
    )
    created_at: datetime
    created_by: str = Field(description="role and id of the key that made it")

    @classmethod
    def of(cls, endpoint: Endpoint) -> Self:
        return cls(**_shown(endpoint))


class NewWebhookEndpointView(WebhookEndpointView):
    """A webhook endpoint with a new secret."""

    secret: str | None = Field(
        description="verifies what is sent, and is shown once. Null if the request was made before under the same"
        " `Idempotency-Key`; if you do not have it from then, rotate it",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )

    @classmethod
    def of_secret(cls, made: EndpointSecret) -> Self:
        return cls(**_shown(made.endpoint), secret=made.secret)


class WebhookEndpointList(BaseModel):
    """One page of webhook endpoints."""

    data: list[WebhookEndpointView]
    next_cursor: NextCursor


class DeliveryView(BaseModel):
    """One event on its way to one endpoint."""

    id: str
    event: str = Field(description="the event's id, which is its `webhook-id`")
    type: str = Field(description="the event's", examples=["subscription.renewed"])
    endpoint: str
    state: DeliveryState = Field(
        description="`failed`: no attempt of the schedule succeeded; `canceled`: its endpoint was disabled or deleted"
    )
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    last_status: int | None = Field(description="HTTP status of the last answer; null: there was none")
    last_error: str | None = Field(description="why there was no answer to the last attempt")
    created_at: datetime

    @classmethod
    def of(cls, row: DeliveryRow) -> Self:
        return cls(**_of_row(row))


class AttemptView(BaseModel):
    """One attempt to deliver."""

    at: datetime
    duration_ms: int
    status: int | None = Field(description="HTTP status of the answer; null: there was none")
    error: str | None = Field(description="why there was no answer", examples=["no answer within 20 s"])
    answer: str = Field(description="the first 1,024 bytes of the answer's body")

    @classmethod
    def of(cls, row: AttemptRow) -> Self:
        return cls(
            at=row.at, duration_ms=row.duration_ms, status=row.status, error=row.error or None, answer=row.answer
        )


class DeliveryDetailsView(DeliveryView):
    """A delivery with all attempts."""

    history: list[AttemptView] = Field(description="its attempts, the newest first")

    @classmethod
    def of_attempts(cls, row: DeliveryRow, attempts: Sequence[AttemptRow]) -> Self:
        return cls(**_of_row(row), history=[AttemptView.of(each) for each in attempts])


class DeliveryList(BaseModel):
    """One page of deliveries."""

    data: list[DeliveryView]
    next_cursor: NextCursor


class MissedDeliveriesView(BaseModel):
    """What is sent again."""

    deliveries: int = Field(description="how many events are sent, within the next minutes")
    has_more: bool = Field(description="true: it has missed more than one request sends; repeat it under another key")


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in WebhookEndpointView.model_fields}


def _of_row(row: DeliveryRow) -> dict[str, Any]:
    renamed = {"type": row.event_type, "last_error": row.last_error or None}
    return {name: renamed.get(name, getattr(row, name, None)) for name in DeliveryView.model_fields}
