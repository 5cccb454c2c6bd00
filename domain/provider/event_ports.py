"""The ports of what the payment provider tells by itself: its signed events, those that it keeps, and whose each is."""

from datetime import datetime
from typing import Protocol

from domain.provider.events import ObjectOwner, PastEvents, ProviderEvent
from domain.provider.hints import EventKind


class Owners(Protocol):
    """Finds out whom the provider's messages are about."""

    async def owner_of(self, news: EventKind, object_ref: str) -> ObjectOwner:
        """Whom a message's object belongs to; *news* implies its kind. Empty: the provider does not know it."""
        ...


class EventHistory(Protocol):
    """The messages that the provider sent or tried to send."""

    async def events(
        self, since: datetime, until: datetime | None, cursor: str | None, *, undelivered: bool
    ) -> PastEvents:
        """Returns a page of messages, newest first; with *undelivered* only those that did not get through."""
        ...


class EventReader(Protocol):
    """Reads the provider's signed messages."""

    def read(self, body: bytes, signature: str) -> ProviderEvent:
        """Returns the event in a signed message.

        Raises:
            Rejected: code `bad_signature`, `stale_signature`, `bad_event`, `wrong_account` or `wrong_mode`; the message
                is not authentic, or not for us.
        """
        ...
