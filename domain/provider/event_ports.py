"""The ports of what the payment provider tells by itself: its signed events, those that it keeps, and whose each is."""

from datetime import datetime
from typing import Protocol

from domain.provider.events import ObjectOwner, PastEvents, ProviderEvent
from domain.provider.hints import EventKind


class Owners(Protocol):
    """Finds out which customer the provider's events are about."""

    async def owner_of(self, news: EventKind, object_ref: str) -> ObjectOwner:
        """The owner of an event's object; *news* implies the object's kind.

        Empty when the provider does not know it.
        """
        ...


class EventHistory(Protocol):
    """The events that the provider sent or tried to send."""

    async def events(
        self, since: datetime, until: datetime | None, cursor: str | None, *, undelivered: bool
    ) -> PastEvents:
        """Returns a page of events, newest first; with *undelivered* only those that did not arrive."""
        ...


class EventReader(Protocol):
    """Verifies and reads the provider's signed requests."""

    def read(self, body: bytes, signature: str) -> ProviderEvent:
        """Returns the event in a signed request.

        Raises:
            Rejected: code `bad_signature`, `stale_signature`, `bad_event`, `wrong_account` or `wrong_mode`; the request
                is not authentic, or not for us.
        """
        ...
