"""Bringing the provider's messages to the subscriptions they are about: by the API at once, by the sweeper later."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Protocol

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable
from domain.names import subscription_workflow_id
from domain.provider.events import NOTHING_NEW, Directory, Disposition, KeptEvent, ProviderEvent, Routing
from domain.provider.hints import ABOUT_CUSTOMERS, EventHint, EventKind
from services.customer_dispatcher import tell_of_customer
from services.webhooks.batch import Batch, Delivered
from services.webhooks.late_reversals import LateReversals
from services.webhooks.routing import Route, Whose, needs_asking, route, with_owner
from workflows.subscription.workflow import SubscriptionWorkflow

SIGNAL_WITHIN = 3.0
"""Seconds in which Temporal must take a signal."""

AT_ONCE = 8
"""So many subscriptions are told side by side, each of its messages one after the other."""

SWEPT_TOGETHER = 200
"""Messages read at a time."""

MAX_FAILURES_PER_BATCH = 5
"""Of Temporal, or of the provider, in one batch, before the rest that needs it is left for later."""

LOST_WORKFLOW_GRACE = timedelta(days=3)
"""So long a message waits for a subscription whose workflow was lost, and may be restored."""

POISON_AFTER = timedelta(hours=1)
"""Then a message that we fail to deliver through a fault of ours is set aside, so that the fault is seen."""

WORKFLOW_REFUSES = "workflow_refuses"
_ITS_OWN_FAULT = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION})
"""Of one workflow: told too much, or not in a state to be told. The others are well."""


class Inbox(Protocol):
    """Where the messages of the provider are kept, each once."""

    async def waiting(self, *, limit: int, after: KeptEvent | None) -> Sequence[KeptEvent]:
        """The oldest messages that were not dealt with; those behind *after*."""
        ...

    async def mark_handled(self, verdicts: Mapping[str, Routing], *, anew: bool = False) -> None:
        """Note what came of messages, by their ids; the first verdict stays unless they were delivered *anew*."""
        ...


class Addresses(Protocol):
    """Whose customer and whose agreement at the provider is whose subscription."""

    async def look_up(self, customer_refs: Iterable[str], agreement_refs: Iterable[str]) -> Directory:
        """All subscriptions of these customers and agreements, whatever their status."""
        ...


class Delivery:
    """Delivers messages of the provider. Safe to repeat: a workflow hears each message once, by its event id.

    Args:
        whose: asks the provider whose it is what a message is about, when the message does not tell; without it such
            messages wait for a delivery that has it.
        afterwards: who takes note of what comes when a subscription is over; without it that is passed over.

    """

    def __init__(
        self,
        client: Client,
        inbox: Inbox,
        addresses: Addresses,
        whose: Whose | None = None,
        afterwards: LateReversals | None = None,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._addresses = addresses
        self._whose = whose
        self._afterwards = afterwards

    async def deliver(self, messages: Sequence[KeptEvent], *, anew: bool = False) -> Delivered:
        """Bring messages to whom they concern; those of one subscription one after the other.

        None that fails holds up another: it stays as it was, and its failure is told in the answer. With *anew*,
        messages that were dealt with before are, and what comes of it now is noted.

        Raises:
            GatewayUnavailable: the database is out of reach.
        """
        batch = Batch(asyncio.Semaphore(AT_ONCE))
        routes = await self._routes(messages, batch)
        told: dict[str, list[ProviderEvent]] = defaultdict(list)
        for message in messages:
            to = routes.get(message.event.id)
            if isinstance(to, str):
                told[to].append(message.event)
            elif to is not None:
                batch.verdicts[message.event.id] = to
        await asyncio.gather(*(self._tell(subscription, events, batch) for subscription, events in told.items()))
        self._give_up_on_the_hopeless(messages, routes, batch)
        await self._inbox.mark_handled(batch.verdicts, anew=anew)
        left = [each for each in messages if each.event.id not in batch.verdicts]
        return Delivered(batch.verdicts, left, batch.failures, messages[-1])

    async def deliver_waiting(self, limit: int, after: KeptEvent | None = None) -> Delivered | None:
        """Deliver the oldest messages that wait behind *after*; None: there are none.

        Raises:
            GatewayUnavailable: the database is out of reach.
        """
        messages = await self._inbox.waiting(limit=limit, after=after)
        return await self.deliver(messages) if messages else None

    async def sweep(self, seconds: float) -> int:
        """Deliver what waits, oldest first, for so long; returns how many messages were dealt with.

        Every message has its turn: one that fails holds up none behind it. When several do because Temporal takes
        nothing, it does not for all, and the rest is left for later.

        Raises:
            GatewayUnavailable: some were not taken, or the database is out of reach.
        """
        stop_at, done, last = monotonic() + seconds, 0, None
        failures: list[Exception] = []
        while monotonic() < stop_at and (delivered := await self.deliver_waiting(SWEPT_TOGETHER, last)):
            done, last = done + len(delivered.verdicts), delivered.last
            failures += delivered.failures
            if delivered.temporal_failures >= MAX_FAILURES_PER_BATCH:
                break
        if failures:
            why = GatewayUnavailable(f"{len(failures)} messages were not taken, the first for: {failures[0]}")
            raise why from failures[0]
        return done

    async def _routes(self, messages: Sequence[KeptEvent], batch: Batch) -> Mapping[str, Route]:
        directory = await self._look_up(each.event for each in messages)
        asked = dict(
            await asyncio.gather(
                *(self._ask(each.event, batch) for each in messages if needs_asking(each.event, directory))
            )
        )
        found = [event for event in asked.values() if isinstance(event, ProviderEvent)]
        further = await self._look_up(found) if found else Directory()
        routes: dict[str, Route] = {}
        for message in messages:
            known = directory.by_customer.get(message.event.customer_ref)
            if known and message.event.news in ABOUT_CUSTOMERS:
                batch.customers[message.event.id] = known[-1].customer
            event = asked.get(message.event.id, message.event)
            if isinstance(event, ProviderEvent):
                where = further if message.event.id in asked else directory
                routes[message.event.id] = route(KeptEvent(event, message.received_at), where)
            else:
                routes[message.event.id] = event
        return routes

    async def _look_up(self, events: Iterable[ProviderEvent]) -> Directory:
        of_somebody = [event for event in events if event.news is not None]
        customers = {event.customer_ref for event in of_somebody if event.customer_ref}
        agreements = {event.agreement_ref for event in of_somebody if event.agreement_ref}
        return await self._addresses.look_up(customers, agreements) if customers or agreements else Directory()

    async def _ask(self, event: ProviderEvent, batch: Batch) -> tuple[str, ProviderEvent | Routing | None]:
        async with batch.turns:
            if self._whose is None or batch.other_outages >= MAX_FAILURES_PER_BATCH:
                return event.id, None
            with batch.noting(event):
                return event.id, await with_owner(event, self._whose)
        return event.id, None

    async def _tell(self, subscription: str, events: Sequence[ProviderEvent], batch: Batch) -> None:
        async with batch.turns:
            for event in events:
                if batch.temporal_failures >= MAX_FAILURES_PER_BATCH:
                    return
                verdict = None
                with batch.noting(event):
                    verdict = await self._hand_over(subscription, event, batch.customers.get(event.id, ""))
                    if verdict is None:
                        batch.lost.add(event.id)
                    else:
                        batch.verdicts[event.id] = verdict
                if event.id in batch.failures:
                    # What ails one workflow ails all that it is told: they wait, and count as one failure.
                    return

    async def _hand_over(self, subscription: str, event: ProviderEvent, customer: str) -> Routing | None:
        assert event.news is not None  # noqa: S101 - else it would have no address
        if customer:
            await tell_of_customer(self._client, customer, event=event.id)
        if event.news is EventKind.CONTACT_CHANGED:
            return Routing(Disposition.DELIVERED, f"delivered to customer {customer}") if customer else NOTHING_NEW
        return await self._signal(subscription, EventHint.of(event.id, event.news, event.object_id))

    async def _signal(self, subscription: str, hint: EventHint) -> Routing | None:
        """What came of telling it; None when its workflow was lost."""
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            async with asyncio.timeout(SIGNAL_WITHIN):
                await handle.signal(SubscriptionWorkflow.provider_event, hint)
        except TimeoutError as error:
            raise GatewayUnavailable("Temporal took no signal in time", code="temporal_unavailable") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return await self._after_the_end(subscription, hint)
            if error.status in _ITS_OWN_FAULT or "busy" in str(error).lower():
                raise GatewayUnavailable(f"its workflow takes no signal: {error}", code=WORKFLOW_REFUSES) from error
            raise GatewayUnavailable(f"Temporal took no signal: {error}", code="temporal_unavailable") from error
        except RuntimeError as error:  # a client that has not connected yet
            raise GatewayUnavailable(f"Temporal is out of reach: {error}", code="temporal_unavailable") from error
        return Routing(Disposition.DELIVERED, f"delivered to subscription {subscription}")

    async def _after_the_end(self, subscription: str, hint: EventHint) -> Routing | None:
        if self._afterwards is None:
            return Routing(Disposition.PASSED_OVER, f"passed over: subscription {subscription} is over")
        return await self._afterwards.note(subscription, hint)

    def _give_up_on_the_hopeless(
        self, messages: Sequence[KeptEvent], routes: Mapping[str, Route], batch: Batch
    ) -> None:
        for message in messages:
            reference, age = message.event.id, datetime.now(UTC) - message.received_at
            failure, to = batch.failures.get(reference), routes.get(reference)
            if failure is not None and not _may_pass(failure) and age >= POISON_AFTER:
                words = f"set aside: it cannot be delivered, through a fault of ours ({type(failure).__name__})"
                batch.verdicts[reference] = Routing(Disposition.SET_ASIDE, words)
            if reference in batch.lost and age >= LOST_WORKFLOW_GRACE:
                words = f"set aside: the workflow of subscription {to} is gone"
                batch.verdicts[reference] = Routing(Disposition.SET_ASIDE, words)


def _may_pass(failure: Exception) -> bool:
    return isinstance(failure, GatewayUnavailable) and failure.code != WORKFLOW_REFUSES
