"""What Tenure tells a product, by webhook or in the feed of events.

Read leniently: fields that are not known here are left out, types and versions that are not known here are no error.
All of an event stands in `raw`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, get_args

from tenure.client.errors import UnreadableEvent
from tenure.client.reading import Unreadable, read
from tenure.client.values import Access, EndKind, EventType, Interval, Status

VERSION: Final = 1
"""Of the events that this client knows."""
KNOWN_TYPES: Final = frozenset(get_args(EventType))


@dataclass(frozen=True)
class EventPendingChange:
    """A change of plan that is to come."""

    at: datetime
    plan: str
    interval: Interval
    quantity: int
    amount: int
    currency: str
    add_ons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class EventSubscription:
    """A subscription after the event; amounts are in minor units of the currency."""

    id: str
    sequence: int
    """Grows with each step of the subscription: of two events, the one with the greater number tells what is newer."""
    status: Status
    access: Access
    plan: str
    interval: Interval
    quantity: int
    amount: int
    currency: str
    add_ons: Mapping[str, int] = field(default_factory=dict)
    trial_ends_at: datetime | None = None
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None
    cancel_at: datetime | None = None
    resumes_at: datetime | None = None
    suspended_for: str | None = None
    end_kind: EndKind | None = None
    reason_code: str | None = None
    pending_change: EventPendingChange | None = None


@dataclass(frozen=True)
class EventCustomer:
    """Whom the event is about."""

    id: str
    """Tenure's."""
    external_id: str
    """Yours."""


@dataclass(frozen=True)
class EventInvoice:
    """An invoice; amounts are in minor units, None where only the id is known."""

    id: str
    status: str
    currency: str
    number: str | None = None
    amount: int | None = None
    amount_due: int | None = None
    amount_paid: int | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None


@dataclass(frozen=True)
class EventDecline:
    """An attempt to charge that was declined."""

    code: str
    attempt: int


@dataclass(frozen=True)
class EventReversal:
    """A refund or a dispute."""

    id: str
    amount: int
    currency: str
    is_full: bool
    invoice: str | None = None
    status: str | None = None


@dataclass(frozen=True)
class EventConfirmation:
    """A payment that the customer has to confirm with their bank."""

    action: str
    expires_at: datetime
    invoice: str | None = None


@dataclass(frozen=True)
class EventUsage:
    """A threshold of a limit that usage has reached."""

    feature: str
    threshold: int
    included: int
    used: int
    plan: str
    period_start: datetime
    resets_at: datetime | None = None
    is_billed: bool = False
    subscription: str | None = None
    """Its id."""


@dataclass(frozen=True)
class EventData:
    """What an event is about: of each part, None where the event has none."""

    customer: EventCustomer | None = None
    subscription: EventSubscription | None = None
    invoice: EventInvoice | None = None
    decline: EventDecline | None = None
    reversal: EventReversal | None = None
    confirmation: EventConfirmation | None = None
    usage: EventUsage | None = None
    changed: tuple[str, ...] | None = None
    """The fields of a customer that were changed."""


@dataclass(frozen=True)
class TenureEvent:
    """Something that has happened at Tenure."""

    id: str
    """The same each time that it is told: remember it, and act on it once."""
    type: EventType
    """A newer Tenure may send types that are not listed: pass over those that you do not know."""
    version: int
    timestamp: datetime
    """When it happened."""
    data: EventData
    sequence: int | None = None
    """Of the subscription; None: it is about none."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """All of it, as it was sent."""
    cursor: str | None = field(default=None, compare=False)
    """From the feed: go on after this one, and none is missed. The last few may be read once more."""

    @property
    def is_known(self) -> bool:
        """Whether this client knows its type and its version."""
        return self.type in KNOWN_TYPES and self.version <= VERSION


@dataclass(frozen=True)
class EventPage:
    """The next events of the feed, oldest first."""

    data: tuple[TenureEvent, ...]
    next_cursor: str | None = None
    """Where to read on, also if there is nothing more as yet; None if there has been no event."""
    has_more: bool = False


@dataclass(frozen=True)
class _Head:
    id: str
    type: EventType
    version: int
    timestamp: datetime
    sequence: int | None = None


def event_from(said: Any) -> TenureEvent:
    """Return an event from its JSON.

    Of a version that is not known here, the parts that cannot be read are None, and stand in `raw`.

    Raises:
        UnreadableEvent: this is no event.
    """
    try:
        head = read(_Head, said)
        data = said.get("data") or {}
        if head.version <= VERSION:
            typed = read(EventData, data)
        else:
            parts = {name: part for name, part in data.items() if _is_readable(name, part)}
            typed = read(EventData, parts)
    except (Unreadable, AttributeError) as error:
        raise UnreadableEvent(f"this is no event of Tenure's: {error}", code="unreadable_event") from error
    return TenureEvent(head.id, head.type, head.version, head.timestamp, typed, head.sequence, said)


def _is_readable(name: str, part: Any) -> bool:
    try:
        read(EventData, {name: part})
    except Unreadable:
        return False
    return True
