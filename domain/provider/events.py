"""Messages of the provider: read, kept, addressed, and what came of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from domain.provider.hints import EventKind


@dataclass(frozen=True)
class ProviderEvent:
    """A message of the provider: a hint at where to look, not a fact to act on."""

    id: str
    type: str
    """As the provider calls it."""
    object_id: str
    customer_ref: str
    """Empty when it names none: then the provider is asked whose it is."""
    news: EventKind | None
    """What it may mean for a subscription; None: nothing."""
    charge_ref: str = ""
    """The charge that a dispute is of."""
    agreement_ref: str = ""
    """The agreement it is about, when it names one."""


class ProviderEvents(Protocol):
    """Reads what the provider sends about payments."""

    def read(self, body: bytes, signature: str) -> ProviderEvent:
        """The event in a signed message.

        Raises:
            Rejected: code `bad_signature`, `stale_signature`, `bad_event`, `wrong_account` or `wrong_mode`; the message
                is not to be believed, or not for us.
        """
        ...


@dataclass(frozen=True)
class KeptEvent:
    """A message of the provider that was kept."""

    event: ProviderEvent
    received_at: datetime


class Disposition(StrEnum):
    """What came of a message."""

    DELIVERED = "delivered"
    PASSED_OVER = "passed_over"
    """It has nothing to say to us."""
    SET_ASIDE = "set_aside"
    """It is about something that is not ours, or that cannot be known to be."""


@dataclass(frozen=True)
class Routing:
    """What came of a message, and why, in words for an operator."""

    disposition: Disposition
    words: str


NOTHING_NEW = Routing(Disposition.PASSED_OVER, "passed over: says nothing new to a subscription")


@dataclass(frozen=True)
class PastEvent:
    """A message as the provider remembers it, with its body as it would have been sent."""

    event: ProviderEvent
    body: bytes


@dataclass(frozen=True)
class PastEvents:
    """Some messages, newest first, and where the next page begins; None: it was the last."""

    events: tuple[PastEvent, ...]
    next_cursor: str | None = None


class ProviderHistory(Protocol):
    """What the provider has told, or has tried to tell, as it remembers it.

    Raises GatewayRefused (never will) and GatewayUnavailable (may later).
    """

    async def events(
        self, since: datetime, until: datetime | None, cursor: str | None, *, undelivered: bool
    ) -> PastEvents:
        """A page of the messages of a time, newest first; only those that have not got through when *undelivered*."""
        ...


@dataclass(frozen=True)
class Address:
    """A subscription that messages can be for."""

    subscription: str
    agreement_ref: str = ""
    """Empty while it has no agreement."""
    customer: str = ""
    """Our id for its customer."""


@dataclass(frozen=True)
class Directory:
    """Subscriptions by their customers and agreements at the provider."""

    by_customer: Mapping[str, Sequence[Address]] = field(default_factory=dict)
    """All of a customer's, the newest last."""
    by_agreement: Mapping[str, str] = field(default_factory=dict)
    """The subscription's id."""
