"""Sends events to the endpoints of products: the activity on the queue of events."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.attempts import claimant
from activities.failures import as_temporal_failures
from domain.errors import GatewayBusy, Haste
from domain.events.deliveries import Answer, Attempt, DeliveryToSend, QueuedDelivery
from domain.events.ports import EventDeliveries, EventSender
from domain.events.signatures import signed_headers
from domain.notifications.ports import MailDispatcher

AT_ONCE: Final = 10
"""Requests to one endpoint that a process has in progress: a receiver that is slow holds up no other."""
NOT_DELIVERED: Final = "not_delivered"
"""The type of the failure by which an attempt asks Temporal for the next one."""


class EventActivities:
    """The activity that delivers events; one per worker."""

    def __init__(
        self, deliveries: EventDeliveries, sender: EventSender, mails: MailDispatcher, *, at_once: int = AT_ONCE
    ) -> None:
        self._deliveries = deliveries
        self._sender = sender
        self._mails = mails
        self._at_once = at_once
        self._in_progress: Counter[str] = Counter()

    @activity.defn(name="deliver_event")
    async def deliver(self, delivery: QueuedDelivery) -> str:
        """Send one event to one endpoint, unless it was delivered or is wanted no more; returns what became of it.

        Each run is one attempt of the schedule, and how many there were is read from what is stored: a worker that
        dies in one costs none. If it dies after the endpoint has answered, the event is sent again under the same id.

        Raises:
            ApplicationError: type `not_delivered`; the next attempt is due after its `next_retry_delay`.
        """
        with as_temporal_failures(), self._turn(delivery.endpoint):
            sending = await self._deliveries.claim(delivery, claimant())
            if sending is None:
                return "not needed"
            attempt = await self._attempt(sending)
            recorded = await self._deliveries.record(sending, attempt)
            await self._mails.dispatch(recorded.mails)
        verdict = recorded.verdict
        if verdict.retry_in is None:
            return verdict.state.value
        raise ApplicationError(
            _in_words(attempt.answer),
            type=NOT_DELIVERED,
            next_retry_delay=verdict.retry_in,
            # A receiver that is away is not our fault.
            category=ApplicationErrorCategory.BENIGN,
        )

    @contextmanager
    def _turn(self, endpoint: str) -> Iterator[None]:
        """Hold one of an endpoint's turns.

        Raises:
            GatewayBusy: all are taken; nothing was sent.
        """
        if self._in_progress[endpoint] >= self._at_once:
            raise GatewayBusy("the endpoint is slow, and has requests enough in progress", haste=Haste.RATE)
        self._in_progress[endpoint] += 1
        try:
            yield
        finally:
            self._in_progress[endpoint] -= 1
            if not self._in_progress[endpoint]:
                del self._in_progress[endpoint]

    async def _attempt(self, sending: DeliveryToSend) -> Attempt:
        # The real time: receivers compare the timestamp with their own clock.
        at, begun = datetime.now(UTC), monotonic()
        headers = signed_headers(sending.secrets, sending.delivery.event, int(at.timestamp()), sending.body)
        answer = await self._sender.send(sending.url, headers, sending.body)
        return Attempt(at, timedelta(seconds=monotonic() - begun), answer)


def _in_words(answer: Answer) -> str:
    return answer.error or f"the endpoint answered {answer.status}"
