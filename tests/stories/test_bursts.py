"""Many trials that end at one moment: all are charged once, and nobody who acts has to wait behind them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, UpdateTaskQueueConfigRequest

from domain.names import PAYMENTS_QUEUE, subscription_workflow_id
from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from sandbox.burst import Crowd, gathered
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tests.harness.lives import Life
from tests.harness.patience import until
from workflows.priorities import Urgency

Begin = Callable[..., Awaitable[Life]]
pytestmark = pytest.mark.usefixtures("healed")

CROWD = 14
HARDLY_ANY = 0.02
"""Steps a second: at most one or two of the crowd come through until all of them, and the command, wait."""
FREELY = 5.0


@asynccontextmanager
async def paced(stack: Stack, a_second: float) -> AsyncIterator[None]:
    """The payments queue hands out so many steps a second while the block runs, whatever its workers have said."""
    await _set_rate(stack, a_second)
    try:
        yield
    finally:
        await _set_rate(stack, None)


async def _set_rate(stack: Stack, a_second: float | None) -> None:
    limit = UpdateTaskQueueConfigRequest.RateLimitUpdate(reason="a story")
    if a_second is not None:
        limit.rate_limit.CopyFrom(RateLimit(requests_per_second=a_second))
    await stack.client.workflow_service.update_task_queue_config(
        UpdateTaskQueueConfigRequest(
            namespace=stack.client.namespace,
            identity="tests",
            task_queue=PAYMENTS_QUEUE,
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            update_queue_rate_limit=limit,
        ),
        retry=True,
    )


async def test_a_customers_own_action_overtakes_a_queue_of_due_work(
    stack: Stack, stack_folder: Path, begin: Begin
) -> None:
    person = await begin(payment_method="pm_card_visa")
    before = len(stack.simulator.call_log())

    async with paced(stack, HARDLY_ANY):
        crowd = await a_crowd(stack, stack_folder)
        first_charges = [Step(stack, one, "begin") for one in crowd.ids]
        for charge in first_charges:
            await until(charge.was_asked_for)
        card = Step(stack, person.id, "put_card", nth=2)
        command = asyncio.create_task(person.command("payment-method", payment_method="pm_card_mastercard"))
        await until(card.was_asked_for)
        await _set_rate(stack, FREELY)
        await command
        await until(lambda: crowd_is_active(crowd))

    asked_at, card_began_at = await card.asked_at(), await card.began_at()
    charges_began_at = [await charge.began_at() for charge in first_charges]
    # A busy worker may have been handed some before the rate was low; what came after the command tells the order.
    before_it = [began for began in charges_began_at if asked_at < began <= card_began_at]
    overtaken = [began for began in charges_began_at if began > card_began_at]
    assert overtaken, "nobody was left to be overtaken"
    # In the order of their coming, it would have been the last of all.
    assert len(before_it) < 3 * len(overtaken), "the command stood behind the crowd"
    assert await crowd.paid_bills() == dict.fromkeys(crowd.ids, 1)
    assert len(charged(stack, before)) == CROWD


async def somebody_waits(stack: Stack, urgency: Urgency) -> bool:
    """Whether a step of this urgency stands in the queue: it gets there a while after history tells of it."""
    described = await stack.client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=stack.client.namespace,
            task_queue=TaskQueue(name=PAYMENTS_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_stats=True,
        ),
        retry=True,
    )
    return described.stats_by_priority_key[urgency].approximate_backlog_count > 0


async def a_crowd(stack: Stack, folder: Path) -> Crowd:
    """Trials that end before the last of them has signed up."""
    async with connected(Secrets.of(folder).stripe_key, stack.simulator.base_url) as client:
        provider = stripe_provider(client)
        return await gathered(
            stack,
            lambda contact: provider.wallets.open_wallet(contact, "pm_card_visa", key=contact.customer),
            CROWD,
            within=timedelta(milliseconds=500),
        )


async def crowd_is_active(crowd: Crowd) -> bool:
    return (await crowd.statuses()).get("active") == CROWD


@dataclass(frozen=True)
class Step:
    """A step of a subscription that is taken at Stripe, as Temporal wrote it down."""

    stack: Stack
    subscription: str
    activity: str
    nth: int = 1

    async def was_asked_for(self) -> bool:
        return self._of(await self._events()) is not None

    async def asked_at(self) -> int:
        """When it was put into the queue, in nanoseconds."""
        events = await self._events()
        asked = self._of(events)
        return next(event.event_time.ToNanoseconds() for event in events if event.event_id == asked)

    async def began_at(self) -> int:
        """When a worker was given it, in nanoseconds; for steps that are done."""
        events = await self._events()
        asked = self._of(events)
        return next(
            event.event_time.ToNanoseconds()
            for event in events
            if event.HasField("activity_task_started_event_attributes")
            and event.activity_task_started_event_attributes.scheduled_event_id == asked
        )

    async def _events(self) -> Sequence[HistoryEvent]:
        workflow = self.stack.client.get_workflow_handle(subscription_workflow_id(self.subscription))
        return (await workflow.fetch_history()).events

    def _of(self, events: Sequence[HistoryEvent]) -> int | None:
        asked = [
            event.event_id
            for event in events
            if event.activity_task_scheduled_event_attributes.activity_type.name == self.activity
        ]
        return asked[self.nth - 1] if len(asked) >= self.nth else None


def charged(stack: Stack, since: int) -> list[str]:
    """The keys of first charges that have arrived at Stripe, in their order."""
    calls = stack.simulator.call_log()[since:]
    return [key or "" for method, path, key, _ in calls if (method, path) == ("POST", "/v1/subscriptions")]
