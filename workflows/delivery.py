"""Bringing the provider's messages to the subscriptions they are about: by the API at once, by the sweeper later."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.names import subscription_workflow_id
from domain.news import Hint
from domain.ports import ProviderEvent, WaitingEvent
from workflows.afterwards import Afterwards
from workflows.subscription import SubscriptionWorkflow

SIGNAL_WITHIN = 3.0
"""Seconds in which Temporal must take a signal; the provider waits for our answer meanwhile."""

ANSWER_WITHIN = 5.0
"""Seconds in which the provider must tell whose a charge is."""

FAILURES_BORNE = 5
"""In one sweep, before it gives up."""

UNKNOWN_FOR = timedelta(minutes=5)
"""How long a customer may be unknown to us: at sign-up the provider's message can be faster than our own record."""


class Inbox(Protocol):
    """Where the messages of the provider are kept, each once."""

    async def waiting(self, *, limit: int) -> Sequence[WaitingEvent]:
        """The oldest messages that were not dealt with."""
        ...

    async def mark_handled(self, event_id: str, outcome: str) -> None: ...


class Addresses(Protocol):
    """Whose customer at the provider is whose subscription."""

    async def of_customer_ref(self, customer_ref: str) -> str | None:
        """The newest subscription of a customer at the provider."""
        ...


class Delivery:
    """Delivers messages of the provider. Safe to repeat: a workflow hears each message once, by its event id.

    Args:
        whose: the provider's customer who paid a charge, empty for nobody, for messages that name only the charge;
            without it such messages wait for a delivery that has it.
        afterwards: who takes note of what comes when a subscription is over; without it that is passed over.

    """

    def __init__(
        self,
        client: Client,
        inbox: Inbox,
        addresses: Addresses,
        whose: Callable[[str], Awaitable[str]] | None = None,
        afterwards: Afterwards | None = None,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._addresses = addresses
        self._whose = whose
        self._afterwards = afterwards

    async def deliver(self, event: ProviderEvent, received_at: datetime) -> bool:
        """Bring one message to whom it concerns; False when that has to wait until its customer is known.

        Raises:
            GatewayUnavailable: Temporal did not take it, or the provider does not tell now whose it is; it stays
                undelivered.
        """
        outcome = await self._outcome(event, received_at)
        if outcome is None:
            return False
        await self._inbox.mark_handled(event.id, outcome)
        return True

    async def deliver_waiting(self, limit: int) -> int:
        """Deliver the oldest messages that wait; returns how many were dealt with.

        One that fails does not hold up the others; when several do, Temporal is out of reach for all.

        Raises:
            GatewayUnavailable: some were not taken.
        """
        delivered, failures = 0, []
        for waiting in await self._inbox.waiting(limit=limit):
            try:
                delivered += await self.deliver(waiting.event, waiting.received_at)
            except GatewayUnavailable as error:
                failures.append(error)
            if len(failures) == FAILURES_BORNE:
                break
        if failures:
            raise failures[0]
        return delivered

    async def _outcome(self, event: ProviderEvent, received_at: datetime) -> str | None:
        if event.news is None:
            return "passed over: says nothing new to a subscription"
        try:
            customer_ref = await self._customer_of(event)
        except GatewayRefused as error:
            return f"passed over: the provider does not tell whose it is ({error.code})"
        if customer_ref is None:
            return None
        hint = Hint(event.id, event.news, event.object_id)
        return (
            await self._tell(customer_ref, hint, received_at) if customer_ref else "passed over: concerns no customer"
        )

    async def _tell(self, customer_ref: str, hint: Hint, received_at: datetime) -> str | None:
        subscription = await self._addresses.of_customer_ref(customer_ref)
        if subscription is not None:
            return await self._signal(subscription, hint)
        if datetime.now(UTC) - received_at < UNKNOWN_FOR:
            return None
        return "passed over: the customer is not known here"

    async def _customer_of(self, event: ProviderEvent) -> str | None:
        """Empty when it concerns nobody, None when we cannot know."""
        if event.customer_ref or not event.charge_ref:
            return event.customer_ref
        if self._whose is None:
            return None
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self._whose(event.charge_ref)
        except TimeoutError as error:
            raise GatewayUnavailable("the provider did not tell in time whose a charge is") from error

    async def _signal(self, subscription: str, hint: Hint) -> str:
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            async with asyncio.timeout(SIGNAL_WITHIN):
                await handle.signal(SubscriptionWorkflow.hear, hint)
        except TimeoutError as error:
            raise GatewayUnavailable("Temporal took no signal in time", code="temporal_unavailable") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return await self._after_the_end(subscription, hint)
            raise GatewayUnavailable(f"Temporal took no signal: {error}", code="temporal_unavailable") from error
        except RuntimeError as error:  # a client that has not connected yet
            raise GatewayUnavailable(f"Temporal is out of reach: {error}", code="temporal_unavailable") from error
        return f"delivered to subscription {subscription}"

    async def _after_the_end(self, subscription: str, hint: Hint) -> str:
        if self._afterwards is None:
            return f"passed over: subscription {subscription} is over"
        return await self._afterwards.note(subscription, hint)
