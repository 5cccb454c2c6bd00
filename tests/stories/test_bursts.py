"""Many trials that end at one moment: all are charged once, and nobody who acts has to wait behind them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimit
from temporalio.api.workflowservice.v1 import UpdateTaskQueueConfigRequest

from domain.names import PAYMENTS_QUEUE
from gateways.stripe import StripePayments
from gateways.stripe_http import connected
from sandbox.crowd import Crowd, gathered
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tests.harness.lives import Life

Begin = Callable[..., Awaitable[Life]]
pytestmark = pytest.mark.usefixtures("healed")

CROWD = 14
A_SECOND = 0.4
"""So slow that most of the crowd still waits when the command comes, however slow the machine is."""
DRAINED_WITHIN = 30.0


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
        )
    )


async def test_a_customers_own_action_overtakes_a_queue_of_due_work(
    stack: Stack, stack_folder: Path, begin: Begin
) -> None:
    person = await begin(payment_method="pm_card_visa")
    before = len(stack.simulator.call_log())

    async with paced(stack, A_SECOND):
        crowd = await a_crowd(stack, stack_folder)
        asked = len(began(stack, before))
        await person.command("payment-method", payment_method="pm_card_mastercard")
        overtook = CROWD - len(began(stack, before))
        passed = len(began(stack, before)) - asked

    assert overtook > 0, "nobody was left to be overtaken"
    # Those that were handed out before the command's own step was scheduled, which takes a while on a busy machine;
    # behind the crowd it would be nearly all.
    assert passed <= CROWD // 2, "the command stood in the queue behind the crowd"
    await drained(crowd)
    assert await crowd.paid_bills() == dict.fromkeys(crowd.ids, 1)
    assert len(began(stack, before)) == CROWD


async def a_crowd(stack: Stack, folder: Path) -> Crowd:
    """Trials that end before the last of them has signed up."""
    async with connected(Secrets.of(folder).stripe_key, stack.simulator.base_url) as client:
        payments = StripePayments(client)
        return await gathered(
            stack,
            lambda contact: payments.open_wallet(contact, "pm_card_visa", key=contact.customer),
            CROWD,
            within=timedelta(milliseconds=500),
        )


async def drained(crowd: Crowd) -> None:
    async with asyncio.timeout(DRAINED_WITHIN):
        while (await crowd.statuses()).get("active") != CROWD:  # noqa: ASYNC110 - what is waited for is in a database
            await asyncio.sleep(0.05)


def began(stack: Stack, since: int) -> list[str]:
    """The keys of first charges that have arrived at Stripe, in their order."""
    calls = stack.simulator.call_log()[since:]
    return [key or "" for method, path, key, _ in calls if (method, path) == ("POST", "/v1/subscriptions")]
