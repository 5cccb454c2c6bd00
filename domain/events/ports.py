"""The ports of events: stored deliveries, and what sends and dispatches them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.events.deliveries import Answer, Attempt, DeliveryToSend, QueuedDelivery, Verdict
from domain.notifications.ports import QueuedMail


@dataclass(frozen=True)
class Recorded:
    """What was written of an attempt."""

    verdict: Verdict
    mails: Sequence[QueuedMail] = ()
    """To operators, as the endpoint was disabled."""


class EventDeliveries(Protocol):
    """The stored deliveries. Every method raises GatewayUnavailable if the database is unreachable."""

    async def claim(self, delivery: QueuedDelivery, claimant: str) -> DeliveryToSend | None:
        """Return what is sent; None if the delivery no longer waits, or waits in another round.

        Only *claimant* gets it from then on, until it is delivered or the next attempt is long overdue: two runs of
        one delivery do not send it both.

        Raises:
            GatewayBusy: code `being_sent`; another has claimed it.
            MissingKey: the endpoint's secrets cannot be decrypted.
        """
        ...

    async def record(self, sent: DeliveryToSend, attempt: Attempt) -> Recorded:
        """Write an attempt, and what becomes of the delivery and its endpoint by it. The first record of it counts."""
        ...


class WaitingDeliveries(Protocol):
    """The stored deliveries that nobody delivers yet."""

    async def waiting(self, *, limit: int) -> Sequence[QueuedDelivery]:
        """Return those that were stored a while ago and not handed over, oldest first."""
        ...

    async def mark_handed_over(self, deliveries: Sequence[QueuedDelivery]) -> None: ...

    async def release_lost(self, *, limit: int) -> Sequence[QueuedDelivery]:
        """Return those that were handed over and that nobody has come back to when it was due, for anybody to claim.

        The same one is returned again an hour later, if it is still so.
        """
        ...


class EventSender(Protocol):
    """Sends requests to endpoints."""

    async def check(self, url: str) -> None:
        """Check that requests may be sent to an address, without sending one.

        Raises:
            EndpointRefused: field `url`; none is ever sent there, or its host name cannot be resolved now.
        """
        ...

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request and return what came of it; it raises nothing for a receiver that is away."""
        ...


class EventDispatcher(Protocol):
    """Dispatches deliveries so that each is sent once in its round, however often it is dispatched."""

    async def dispatch(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Start them.

        Raises:
            GatewayUnavailable: Temporal did not take them all.
        """
        ...

    async def dispatch_again(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Start those again that have come to an end which nobody recorded; those that run go on.

        Raises:
            GatewayUnavailable: Temporal did not take them all.
        """
        ...


class DeliveryAnnouncer(Protocol):
    """Notified of deliveries by what wrote them, once they are committed."""

    def announce(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Have them dispatched soon. It neither waits nor fails: what is missed is left to the sweep."""
        ...
