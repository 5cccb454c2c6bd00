"""How the engine is, as Tenure returns it to operators."""

from dataclasses import dataclass
from datetime import datetime

from tenure.client.values import InboxState


@dataclass(frozen=True)
class InboxEvent:
    """An event of the payment provider."""

    id: str
    type: str
    object: str
    """What it is about, by the provider's id."""
    state: InboxState
    received_at: datetime
    customer: str | None = None
    """The customer at the provider, if it names one."""
    agreement: str | None = None
    """The provider's subscription, if it names one."""
    outcome: str | None = None
    """What was done with it, in words."""
    handled_at: datetime | None = None


@dataclass(frozen=True)
class InboxPage:
    """One page of events."""

    data: tuple[InboxEvent, ...]
    next_cursor: str | None = None
    """The next page's cursor; None on the last page."""


@dataclass(frozen=True)
class RecentDeliveries:
    """What arrived within the last hour."""

    received: int
    delivered: int
    p50_seconds: float | None = None
    """From receipt to delivery, of half of those delivered; None without any."""
    p95_seconds: float | None = None
    """The same of nineteen of twenty."""


@dataclass(frozen=True)
class InboxSummary:
    """How far behind delivery is; no more than 10,000 events are counted."""

    waiting: int
    set_aside: int
    last_hour: RecentDeliveries
    oldest_waiting: datetime | None = None
