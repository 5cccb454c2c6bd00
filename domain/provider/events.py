"""The provider's events: what they say, whose they are, and how each was processed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.provider.hints import EventKind


@dataclass(frozen=True)
class ProviderEvent:
    """An event from the provider: a hint where to look, not a fact to act on."""

    id: str
    type: str
    """The provider's name for it."""
    object_id: str
    customer_ref: str
    """Empty when the event names none; then the provider is asked."""
    news: EventKind | None
    """What it may mean for a subscription; None: it does not concern one."""
    charge_ref: str = ""
    """The disputed charge."""
    agreement_ref: str = ""
    """The agreement that the event names, if any."""


@dataclass(frozen=True)
class ObjectOwner:
    """Whom an object at the provider belongs to."""

    customer_ref: str = ""
    """Empty when it belongs to no customer."""
    agreement_ref: str = ""
    """Empty when it belongs to no agreement."""


@dataclass(frozen=True)
class KeptEvent:
    """A stored event from the provider."""

    event: ProviderEvent
    received_at: datetime


class Disposition(StrEnum):
    """How an event was processed."""

    DELIVERED = "delivered"
    PASSED_OVER = "passed_over"
    """It does not concern us."""
    SET_ASIDE = "set_aside"
    """It is about something that is not ours, or cannot be matched to anything we know."""


@dataclass(frozen=True)
class Routing:
    """How an event was processed and why, in words for an operator."""

    disposition: Disposition
    words: str
    tenant: str = field(default="", compare=False)
    """Whose it is; empty: nobody's that we know of."""


NOTHING_NEW = Routing(Disposition.PASSED_OVER, "passed over: says nothing new to a subscription")


@dataclass(frozen=True)
class PastEvent:
    """An event from the provider's history, with the body that would have been sent."""

    event: ProviderEvent
    body: bytes


@dataclass(frozen=True)
class PastEvents:
    """A page of events, newest first, and the cursor of the next page, which is None on the last."""

    events: tuple[PastEvent, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class Address:
    """A subscription that events can be routed to."""

    subscription: str
    agreement_ref: str = ""
    """Empty while it has no agreement."""
    customer: str = ""
    """Our id of its customer."""
    tenant: str = ""
    settled_invoice: str = ""
    """The invoice that it was recorded as paid by last; empty: there is none, it was waived, or it is over."""
    awaited_agreement: str = ""
    """The agreement whose first payment the customer has to confirm with their bank; empty: there is none."""

    def has_recorded(self, event: ProviderEvent) -> bool:
        """True if it is recorded what the event reports: its workflow has recorded it, and would pass it over."""
        return (
            event.news is EventKind.INVOICE_PAID and bool(event.object_id) and event.object_id == self.settled_invoice
        )


@dataclass(frozen=True)
class Directory:
    """Subscriptions by customer and agreement at the provider."""

    by_customer: Mapping[str, Sequence[Address]] = field(default_factory=dict)
    """All subscriptions of a customer, the newest last."""
    by_agreement: Mapping[str, Address] = field(default_factory=dict)
