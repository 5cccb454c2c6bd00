"""The ports of webhooks: the stored events, where they belong, and their delivery."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from domain.provider.events import Directory, KeptEvent, PastEvent, ProviderEvent, Routing
from domain.purchases.ports import PurchaseState
from domain.webhooks.inbox import InboxRow


@dataclass(frozen=True)
class Delivered:
    """The outcome of a batch."""

    verdicts: Mapping[str, Routing]
    """The outcome of each handled event, by id."""
    left: Sequence[KeptEvent]
    """Events that stay pending: they failed, or cannot be routed yet."""
    failed: Mapping[str, Exception]
    """The failures, by event id."""
    last: KeptEvent
    """The last event of the batch, in the given order."""


@dataclass(frozen=True)
class Fetched:
    """The result of fetching events."""

    new: int = 0
    """How many had never reached us."""
    is_all: bool = True
    """False: time ran out before everything was checked."""


class ReceivedEvents(Protocol):
    """The stored provider events, each once."""

    async def known(self, ids: Sequence[str]) -> set[str]:
        """The ids that are stored already."""
        ...

    async def receive_past(self, events: Sequence[PastEvent], *, tenant: str) -> list[ProviderEvent]:
        """Store events that did not reach us; returns those that were not stored already."""
        ...


class PendingEvents(Protocol):
    """The stored provider events that are still to be delivered."""

    async def waiting(self, *, limit: int, after: KeptEvent | None) -> Sequence[KeptEvent]:
        """The oldest pending events after *after*, without those that are still left to who stored them."""
        ...

    async def mark_handled(self, verdicts: Mapping[str, Routing], *, redelivered: bool = False) -> None:
        """Record the outcome of events by id; the first outcome stays, unless the events were *redelivered*."""
        ...


class SubscriptionAddresses(Protocol):
    """Maps the provider's customers and agreements to subscriptions."""

    async def look_up(self, customer_refs: Iterable[str], agreement_refs: Iterable[str]) -> Directory:
        """All subscriptions of these customers and agreements, in any status."""
        ...


class CompletedPurchases(Protocol):
    """Purchases on hosted pages."""

    async def known(self, page_refs: Collection[str]) -> Mapping[str, str]:
        """Those of these pages that belong to a purchase, each with its tenant."""
        ...

    async def settle(self, page_ref: str) -> PurchaseState:
        """Take a purchase over if its page is completed, and return what has become of it. Safe to repeat.

        Raises:
            TenureError: it was not taken over; try again later.
        """
        ...


class EventDelivery(Protocol):
    """Delivers provider events to subscriptions."""

    async def deliver(self, messages: Sequence[KeptEvent], *, redelivered: bool = False) -> Delivered:
        """Deliver events to the subscriptions that they concern."""
        ...


class EventSweep(Protocol):
    """Delivers waiting provider events to subscriptions."""

    async def sweep(self, seconds: float) -> int:
        """Deliver waiting events for this many seconds; return how many were processed.

        Raises:
            GatewayUnavailable: some were not accepted.
        """
        ...


class MissedEvents(Protocol):
    """Fetches the provider's events that did not arrive."""

    async def of_last(self, time: timedelta, *, seconds: float) -> Fetched:
        """Store and deliver recent missed events, for this many seconds.

        Raises:
            GatewayUnavailable: the provider or the database does not respond; events fetched so far are stored.
        """
        ...


class StoredEvents(Protocol):
    """The stored provider events of a tenant, one by one."""

    async def event(self, tenant: str, event_id: str) -> tuple[KeptEvent, InboxRow] | None:
        """One event, to be delivered, and as it is shown; None: the tenant has none with this id."""
        ...


class Deliver(Protocol):
    """Delivers stored events to the subscriptions that they concern."""

    async def __call__(self, messages: Sequence[KeptEvent], *, redelivered: bool = False) -> Delivered: ...
