"""Deliveries: one event on its way to one endpoint, however often it is tried."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from domain.errors import Rejected

SCHEDULE: Final = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long to wait before each attempt, as Standard Webhooks 1.0.0 recommends: 75 hours and 35 minutes in all."""
LONGEST_PAUSE: Final = timedelta(hours=24)
"""However long a receiver asks to be left alone."""
MOST_RECOVERED: Final = 10_000
"""Deliveries that are begun again by one request."""
GONE: Final = 410
_SUCCESS: Final = range(200, 300)


class DeliveryState(StrEnum):
    """What has become of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """No attempt of the schedule succeeded."""
    CANCELED = "canceled"
    """Its endpoint was disabled or deleted."""


@dataclass(frozen=True)
class QueuedDelivery:
    """A stored delivery that waits to be sent."""

    id: str
    tenant: str
    event: str
    endpoint: str
    round: int = 0
    """How often it has been begun again."""


@dataclass(frozen=True)
class DeliveryToSend:
    """A stored delivery with all that is needed to send it."""

    delivery: QueuedDelivery
    url: str
    body: bytes
    secrets: tuple[str, ...] = field(repr=False)
    """Those that sign it; the current one first."""
    attempts: int = 0
    """Of this round, so far."""


@dataclass(frozen=True)
class Answer:
    """What came of one attempt."""

    status: int | None
    """Of the HTTP response; None: there was none."""
    error: str = ""
    """Why there was no response, in words."""
    body: str = ""
    """The beginning of the response's."""
    retry_after: float = 0.0
    """Seconds for which the receiver asks to be left alone."""

    @property
    def is_success(self) -> bool:
        return self.status in _SUCCESS


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver."""

    at: datetime
    duration: timedelta
    answer: Answer


@dataclass(frozen=True)
class Verdict:
    """What becomes of a delivery after an attempt."""

    state: DeliveryState
    retry_in: timedelta | None = None
    """None: it is not tried again."""
    is_gone: bool = False
    """The endpoint says that it wants nothing more."""


def verdict_on(attempts: int, answer: Answer) -> Verdict:
    """Returns what becomes of a delivery.

    Args:
        attempts: of the round, that of the answer included.
        answer: what came of the last one.

    """
    if answer.is_success:
        return Verdict(DeliveryState.DELIVERED)
    if answer.status == GONE:
        return Verdict(DeliveryState.CANCELED, is_gone=True)
    if attempts >= len(SCHEDULE):
        return Verdict(DeliveryState.FAILED)
    # The smaller number first: a receiver may ask for more seconds than a timedelta holds.
    asked = timedelta(seconds=min(answer.retry_after, LONGEST_PAUSE.total_seconds()))
    return Verdict(DeliveryState.PENDING, max(SCHEDULE[attempts], asked))


def unknown_delivery(delivery: str) -> Rejected:
    """What is said of a delivery that a tenant does not have."""
    return Rejected(
        f"there is no delivery {delivery[:64]!r}: an endpoint's deliveries are listed for 30 days",
        code="unknown_delivery",
    )
