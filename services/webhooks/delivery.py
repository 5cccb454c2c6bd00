"""Delivers provider events to the subscriptions they concern: from the API at once, from the sweep later."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable
from domain.names import subscription_workflow_id
from domain.provider.event_ports import Owners
from domain.provider.events import NOTHING_NEW, Directory, Disposition, KeptEvent, ProviderEvent, Routing
from domain.provider.hints import ABOUT_CUSTOMERS, EventHint, EventKind
from domain.webhooks.ports import Delivered, PendingEvents, SubscriptionAddresses
from services.customer_dispatcher import start_customer_sync
from services.webhooks.late_payments import LatePayments
from services.webhooks.late_reversals import LateReversals
from services.webhooks.purchase_events import PurchaseEvents
from services.webhooks.routing import Route, needs_owner_lookup, route, tenant_of, with_owner
from workflows.subscription.workflow import SubscriptionWorkflow

_log = logging.getLogger("tenure.delivery")

SIGNAL_TIMEOUT = timedelta(seconds=3)
"""How long Temporal may take to accept a signal."""

CONCURRENCY = 8
"""How many subscriptions are signaled in parallel; the events of one are delivered one after the other."""

SWEEP_BATCH = 200
"""Events read at a time."""

MAX_FAILURES_PER_BATCH = 5
"""Failures of Temporal, or of the provider, in one batch before the events that need it are left for later."""

LOST_WORKFLOW_GRACE = timedelta(days=3)
"""How long an event waits for a subscription whose workflow was lost and may be restored."""

POISON_AFTER = timedelta(hours=1)
"""After this an event that fails because of our own bug is set aside, so that the bug becomes visible."""

WORKFLOW_REFUSES = "workflow_refuses"
_WORKFLOW_STATUSES = frozenset({RPCStatusCode.INVALID_ARGUMENT, RPCStatusCode.FAILED_PRECONDITION})
"""Errors of a single workflow: it has too many signals, or its state allows none. Others are not affected."""


@dataclass
class Batch:
    """One batch of deliveries: the outcome of its events so far, by event id."""

    limit: asyncio.Semaphore
    """Limits concurrent deliveries."""
    verdicts: dict[str, Routing] = field(default_factory=dict)
    failures: dict[str, Exception] = field(default_factory=dict)
    customers: dict[str, str] = field(default_factory=dict)
    """The customers' ids, for events about customers."""
    tenants: dict[str, str] = field(default_factory=dict)
    """Whose the events are, as far as that is known."""
    lost: set[str] = field(default_factory=set)
    """Events that were not delivered because their subscription's workflow is lost."""

    @property
    def temporal_failures(self) -> int:
        """How often Temporal did not take a signal, counting each subscription once."""
        return count_temporal_failures(self.failures.values())

    @property
    def other_outages(self) -> int:
        """How often the provider did not respond."""
        outages = sum(isinstance(failure, GatewayUnavailable) for failure in self.failures.values())
        return outages - self.temporal_failures

    @contextmanager
    def recording_failure(self, event: ProviderEvent) -> Iterator[None]:
        """Record any failure of one event, so that the others continue."""
        try:
            yield
        except GatewayUnavailable as error:
            self.failures[event.id] = error
        except Exception as error:  # noqa: BLE001 - our own bug must not hold up other events
            _log.exception("provider event %s cannot be delivered", event.id)
            self.failures[event.id] = error


def count_temporal_failures(failures: Iterable[Exception]) -> int:
    """How many of these are signals that Temporal did not take."""
    return sum(getattr(failure, "code", "") == "temporal_unavailable" for failure in failures)


class Delivery:
    """Delivers provider events. Safe to repeat: a workflow takes each event once, by its id.

    Args:
        client: the client of Temporal.
        inbox: the stored events.
        addresses: the subscriptions by customer and agreement.
        owners: asks the provider for the owner of an event's object, if the event does not name it; without it such
            events wait for a delivery that has it.
        late_reversals: records refunds and disputes of ended subscriptions; without it they are ignored.
        late_payments: records the payments of invoices that were written off, of ended subscriptions; likewise.
        purchases: takes over what was bought on hosted pages; without it such events go to subscriptions.

    """

    def __init__(
        self,
        client: Client,
        inbox: PendingEvents,
        addresses: SubscriptionAddresses,
        owners: Owners | None = None,
        late_reversals: LateReversals | None = None,
        purchases: PurchaseEvents | None = None,
        late_payments: LatePayments | None = None,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._addresses = addresses
        self._owners = owners
        self._late_reversals = late_reversals
        self._purchases = purchases
        self._late_payments = late_payments

    async def deliver(self, messages: Sequence[KeptEvent], *, redelivered: bool = False) -> Delivered:
        """Deliver events to the subscriptions they concern; those of one subscription one after the other.

        A failed event does not hold up the others: it stays pending, and the result has its failure. With
        *redelivered*, events that were handled before are delivered again, and the new outcome is recorded.

        Raises:
            GatewayUnavailable: the database does not respond.
        """
        batch = Batch(asyncio.Semaphore(CONCURRENCY))
        bought = await self._purchases.among(messages) if self._purchases is not None else []
        batch.tenants |= {event.id: tenant for event, tenant in bought}
        of_purchases = {event.id for event, _ in bought}
        others = [message for message in messages if message.event.id not in of_purchases]
        routes = await self._routes(others, batch)
        by_subscription: dict[str, list[ProviderEvent]] = defaultdict(list)
        for message in others:
            to = routes.get(message.event.id)
            if isinstance(to, str):
                by_subscription[to].append(message.event)
            elif to is not None:
                batch.verdicts[message.event.id] = to
        await asyncio.gather(
            *(self._deliver_to(each, events, batch) for each, events in by_subscription.items()),
            *(self._take_over(event, batch) for event, _ in bought),
        )
        self._set_aside_undeliverable(messages, routes, batch)
        for reference, tenant in batch.tenants.items():
            if reference in batch.verdicts:
                batch.verdicts[reference] = replace(batch.verdicts[reference], tenant=tenant)
        await self._inbox.mark_handled(batch.verdicts, redelivered=redelivered)
        left = [each for each in messages if each.event.id not in batch.verdicts]
        return Delivered(batch.verdicts, left, batch.failures, messages[-1])

    async def deliver_waiting(self, limit: int, after: KeptEvent | None = None) -> Delivered | None:
        """Deliver the oldest pending events after *after*; None: there are none.

        Raises:
            GatewayUnavailable: the database does not respond.
        """
        messages = await self._inbox.waiting(limit=limit, after=after)
        return await self.deliver(messages) if messages else None

    async def sweep(self, seconds: float) -> int:
        """Deliver pending events, oldest first, for *seconds*; returns how many were handled.

        A failed event does not hold up those behind it. After several failures of Temporal it counts as down, and the
        rest is left for later.

        Raises:
            GatewayUnavailable: some were not taken, or the database does not respond.
        """
        stop_at, done, last = monotonic() + seconds, 0, None
        failures: list[Exception] = []
        while monotonic() < stop_at and (delivered := await self.deliver_waiting(SWEEP_BATCH, last)):
            done, last = done + len(delivered.verdicts), delivered.last
            failures += delivered.failed.values()
            if count_temporal_failures(delivered.failed.values()) >= MAX_FAILURES_PER_BATCH:
                break
        if failures:
            error = GatewayUnavailable(f"{len(failures)} events were not delivered; the first failure: {failures[0]}")
            raise error from failures[0]
        return done

    async def _routes(self, messages: Sequence[KeptEvent], batch: Batch) -> Mapping[str, Route]:
        directory = await self._look_up(each.event for each in messages)
        looked_up = dict(
            await asyncio.gather(
                *(self._with_owner(each.event, batch) for each in messages if needs_owner_lookup(each.event, directory))
            )
        )
        found = [event for event in looked_up.values() if isinstance(event, ProviderEvent)]
        further = await self._look_up(found) if found else Directory()
        routes: dict[str, Route] = {}
        for message in messages:
            known = directory.by_customer.get(message.event.customer_ref)
            if known and message.event.news in ABOUT_CUSTOMERS:
                batch.customers[message.event.id] = known[-1].customer
            event = looked_up.get(message.event.id, message.event)
            if isinstance(event, ProviderEvent):
                where = further if message.event.id in looked_up else directory
                if tenant := tenant_of(event, where):
                    batch.tenants[message.event.id] = tenant
                routes[message.event.id] = route(KeptEvent(event, message.received_at), where)
            else:
                routes[message.event.id] = event
        return routes

    async def _look_up(self, events: Iterable[ProviderEvent]) -> Directory:
        relevant = [event for event in events if event.news is not None]
        customers = {event.customer_ref for event in relevant if event.customer_ref}
        agreements = {event.agreement_ref for event in relevant if event.agreement_ref}
        return await self._addresses.look_up(customers, agreements) if customers or agreements else Directory()

    async def _with_owner(self, event: ProviderEvent, batch: Batch) -> tuple[str, ProviderEvent | Routing | None]:
        async with batch.limit:
            if self._owners is None or batch.other_outages >= MAX_FAILURES_PER_BATCH:
                return event.id, None
            with batch.recording_failure(event):
                return event.id, await with_owner(event, self._owners)
        return event.id, None

    async def _deliver_to(self, subscription: str, events: Sequence[ProviderEvent], batch: Batch) -> None:
        async with batch.limit:
            for event in events:
                if batch.temporal_failures >= MAX_FAILURES_PER_BATCH:
                    return
                verdict = None
                with batch.recording_failure(event):
                    verdict = await self._deliver_one(subscription, event, batch.customers.get(event.id, ""))
                    if verdict is None:
                        batch.lost.add(event.id)
                    else:
                        batch.verdicts[event.id] = verdict
                if event.id in batch.failures:
                    # The workflow's other events would fail too: they stay pending, and count as one failure.
                    return

    async def _take_over(self, event: ProviderEvent, batch: Batch) -> None:
        assert self._purchases is not None  # noqa: S101 - otherwise no event would be a purchase's
        async with batch.limit:
            with batch.recording_failure(event):
                batch.verdicts[event.id] = await self._purchases.take_over(event.object_id)

    async def _deliver_one(self, subscription: str, event: ProviderEvent, customer: str) -> Routing | None:
        assert event.news is not None  # noqa: S101 - otherwise it would not be routed
        if customer:
            await start_customer_sync(self._client, customer, event=event.id)
        if event.news is EventKind.CONTACT_CHANGED:
            return Routing(Disposition.DELIVERED, f"delivered to customer {customer}") if customer else NOTHING_NEW
        return await self._signal(subscription, EventHint.of(event.id, event.news, event.object_id))

    async def _signal(self, subscription: str, hint: EventHint) -> Routing | None:
        """Signal a subscription's workflow; returns the outcome, None if the workflow was lost."""
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            async with asyncio.timeout(SIGNAL_TIMEOUT.total_seconds()):
                await handle.signal(SubscriptionWorkflow.provider_event, hint)
        except TimeoutError as error:
            raise GatewayUnavailable("Temporal did not take the signal in time", code="temporal_unavailable") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return await self._deliver_after_end(subscription, hint)
            if error.status in _WORKFLOW_STATUSES or "busy" in str(error).lower():
                raise GatewayUnavailable(f"its workflow takes no signal: {error}", code=WORKFLOW_REFUSES) from error
            message = f"Temporal did not take the signal: {error}"
            raise GatewayUnavailable(message, code="temporal_unavailable") from error
        except RuntimeError as error:  # a client that has not connected yet
            raise GatewayUnavailable(f"Temporal is unreachable: {error}", code="temporal_unavailable") from error
        return Routing(Disposition.DELIVERED, f"delivered to subscription {subscription}")

    async def _deliver_after_end(self, subscription: str, hint: EventHint) -> Routing | None:
        late_payment = await self._late_payments.note(subscription, hint) if self._late_payments is not None else None
        if late_payment is not None:
            return late_payment
        if self._late_reversals is None:
            return Routing(Disposition.PASSED_OVER, f"passed over: subscription {subscription} is over")
        return await self._late_reversals.note(subscription, hint)

    def _set_aside_undeliverable(
        self, messages: Sequence[KeptEvent], routes: Mapping[str, Route], batch: Batch
    ) -> None:
        for message in messages:
            reference, age = message.event.id, datetime.now(UTC) - message.received_at
            failure, to = batch.failures.get(reference), routes.get(reference)
            if failure is not None and not _is_transient(failure) and age >= POISON_AFTER:
                why = f"set aside: it cannot be delivered, because of an error in Tenure ({type(failure).__name__})"
                batch.verdicts[reference] = Routing(Disposition.SET_ASIDE, why)
            if reference in batch.lost and age >= LOST_WORKFLOW_GRACE:
                why = f"set aside: the workflow of subscription {to} is gone"
                batch.verdicts[reference] = Routing(Disposition.SET_ASIDE, why)


def _is_transient(failure: Exception) -> bool:
    return isinstance(failure, GatewayUnavailable) and failure.code != WORKFLOW_REFUSES
