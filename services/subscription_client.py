"""Client of the subscription workflows: starts them, and sends them commands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import uuid4

from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from activities.failures import as_tenure_error
from domain.errors import GatewayUnavailable, Rejected
from domain.money import Money, formatted
from domain.names import LIFECYCLE_QUEUE, subscription_workflow_id
from domain.subscription.agenda import agenda
from domain.subscription.state import Subscription
from services.workflow_updates import send_with_retries, without_sdk_retries
from workflows.subscription import visibility
from workflows.subscription.messages import Command, CommandResult, SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow

ANSWER_TIMEOUT = timedelta(seconds=25)
"""How long a caller waits; the command continues after that, and a repeat finds it."""

C = TypeVar("C", bound=Command)
R = TypeVar("R")
Update = UpdateMethodMultiParam[[Any, C], CommandResult]


class WorkflowHasEnded(Exception):
    """A workflow of this id ran before and is over; the projection shows its result, if there is one."""


class NotRunning(Rejected):
    """The subscription's workflow has ended or never existed."""

    code = "not_running"


async def sign_up(client: Client, start: SubscriptionInput, *, restart: bool = False) -> CommandResult:
    """Start a subscription's workflow, or find the one that an earlier call has started.

    Args:
        client: the client of Temporal.
        start: the workflow's input.
        restart: start it again if an earlier one has ended.

    Raises:
        WorkflowHasEnded: an earlier call started it and it is over, and *restart* is off.
        TenureError: the sign-up was refused and nothing was kept, or there was no answer in time.
    """
    try:
        async with _as_tenure_errors():
            return await send_with_retries(lambda: _sign_up_once(client, start, restart=restart))
    except WorkflowAlreadyStartedError as error:
        raise WorkflowHasEnded from error


async def _sign_up_once(client: Client, start: SubscriptionInput, *, restart: bool) -> CommandResult:
    # No update id: under the same id, a run that is over would repeat its old refusal. A second caller finds the
    # workflow that the first has started, and only waits.
    return await client.execute_update_with_start_workflow(
        SubscriptionWorkflow.sign_up, start_workflow_operation=_start_operation(start, restart=restart)
    )


def _start_operation(
    start: SubscriptionInput, *, restart: bool
) -> WithStartWorkflowOperation[SubscriptionWorkflow, str]:
    subscription = start.subscription
    return WithStartWorkflowOperation(
        SubscriptionWorkflow.run,
        start,
        id=subscription_workflow_id(subscription.id),
        task_queue=LIFECYCLE_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE if restart else WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=visibility.attributes(subscription, agenda(subscription, start.policy)),
        # Given twice: the static summary belongs to the first run only, the memo carries over to later runs.
        memo={"summary": visibility.summary(subscription)},
        static_summary=visibility.summary(subscription),
        static_details=_details(subscription),
    )


def _details(subscription: Subscription) -> str:
    lines = [
        f"Subscription `{subscription.id}` of customer `{subscription.customer}`",
        "",
        f"- Plan: {subscription.plan_name}, {subscription.quantity} x by the {subscription.interval}",
        f"- Price: {formatted(Money(subscription.amount, subscription.currency))}",
        *(f"- Add-on {code}: {units}" for code, units in subscription.add_ons.items()),
        f"- Signed up: {subscription.created_at:%Y-%m-%d %H:%M} UTC",
    ]
    return "\n".join(lines)


async def send_command(
    client: Client, subscription_id: str, update: UpdateMethodMultiParam[[Any, C], R], command: C
) -> R:
    """Send a command to a subscription; a repeat under the same key is not carried out twice.

    Raises:
        NotRunning: the workflow does not run any more; the projection shows why.
        SubscriptionBusy: it has as many commands under way as it takes.
        TenureError: the command was refused, or there was no answer in time.
    """
    handle = without_sdk_retries(client).get_workflow_handle(subscription_workflow_id(subscription_id))
    # Each call has its own update id: under an earlier one, a run would repeat its old refusal. The workflow itself
    # carries out a command once by its key.
    update_id = str(uuid4())
    async with _as_tenure_errors():
        return await send_with_retries(lambda: handle.execute_update(update, command, id=update_id))


@asynccontextmanager
async def _as_tenure_errors() -> AsyncIterator[None]:
    """Translate the errors of an update into ours."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
            yield
    except WorkflowUpdateFailedError as error:
        raise as_tenure_error(error.cause) or error from error
    except (TimeoutError, RPCTimeoutOrCancelledError) as error:
        raise GatewayUnavailable(
            "the command was accepted but is not finished; repeat the request with the same Idempotency-Key"
            " to get its result: it will not be carried out twice",
            code="still_working",
        ) from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NotRunning("the subscription's workflow is not running") from error
        raise GatewayUnavailable(f"Temporal does not respond: {error}", code="temporal_unavailable") from error
    except RuntimeError as error:  # a client that could not connect yet
        raise GatewayUnavailable(f"Temporal is unreachable: {error}", code="temporal_unavailable") from error
