"""Client of the subscription workflows: starts them, and sends them commands, again while they are busy."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, NoReturn, TypeVar
from uuid import uuid4

from temporalio.api.enums.v1 import ResourceExhaustedCause
from temporalio.api.errordetails.v1 import ResourceExhaustedFailure
from temporalio.client import (
    Client,
    RPCTimeoutOrCancelledError,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import UpdateMethodMultiParam

from activities.failures import as_tenure_error
from domain.errors import Rejected
from domain.money import Money, formatted
from domain.names import LIFECYCLE_QUEUE, subscription_workflow_id
from domain.subscription.agenda import agenda
from domain.subscription.state import Subscription
from services.single_send import without_sdk_retries
from services.update_outcomes import Sending
from services.watched_temporal import TemporalLost
from workflows.subscription import visibility
from workflows.subscription.messages import RUN_REVISION, Command, CommandResult, SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow

ANSWER_TIMEOUT = timedelta(seconds=25)
"""How long a caller waits; the command continues after that, and a repeat finds it."""
BUSY_RETRY_TIMEOUT = timedelta(seconds=5)
"""How long to retry while a subscription is busy, before the caller gets an error."""
OUTAGE_RETRY_TIMEOUT = timedelta(seconds=2)
"""How long to retry while Temporal cannot be reached: as long as one of its servers takes to restart."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0

IN_FLIGHT: Final = ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT
UPDATES_PER_RUN: Final = "limit on the total number of distinct updates"
"""Reached just before a workflow continues as new; Temporal reports it only in the message."""
ABORTED_WAIT: Final = ("workflow update was aborted", "update registry was cleared")
"""The messages when the wait for an update was aborted: the update may have been accepted or not."""
TRANSIENT: Final = frozenset(
    {
        RPCStatusCode.ABORTED,
        # By a server or a connection that gave up; a wait here that is over has taken longer than is worth asking.
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DATA_LOSS,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.OUT_OF_RANGE,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.UNKNOWN,
    }
)

C = TypeVar("C", bound=Command)
R = TypeVar("R")
Update = UpdateMethodMultiParam[[Any, C], CommandResult]


class WorkflowHasEnded(Exception):
    """A workflow of this id ran before and is over; the projection shows its result, if there is one."""


class NotRunning(Rejected):
    """The subscription's workflow has ended or never existed."""

    code = "not_running"


class SubscriptionBusy(Rejected):
    """The subscription has as many commands under way as it takes."""

    code = "subscription_busy"


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
        async with _as_tenure_errors() as sending:
            return await send_with_retries(lambda: _sign_up_once(client, start, sending, restart=restart), sending)
    except WorkflowAlreadyStartedError as error:
        raise WorkflowHasEnded from error


async def _sign_up_once(client: Client, start: SubscriptionInput, sending: Sending, *, restart: bool) -> CommandResult:
    # No update id: under the same id, a run that is over would repeat its old refusal. A second caller finds the
    # workflow that the first has started, and only waits.
    handle = await client.start_update_with_start_workflow(
        SubscriptionWorkflow.sign_up,
        start_workflow_operation=_start_operation(start, restart=restart),
        wait_for_stage=WorkflowUpdateStage.COMPLETED,
    )
    sending.is_accepted = True
    return await handle.result()


def _start_operation(
    start: SubscriptionInput, *, restart: bool
) -> WithStartWorkflowOperation[SubscriptionWorkflow, str]:
    subscription = start.subscription
    return WithStartWorkflowOperation(
        SubscriptionWorkflow.run,
        replace(start, revision=RUN_REVISION),
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
    async with _as_tenure_errors() as sending:

        async def send() -> R:
            sent = await handle.start_update(
                update, command, id=update_id, wait_for_stage=WorkflowUpdateStage.COMPLETED
            )
            sending.is_accepted = True
            return await sent.result()

        return await send_with_retries(send, sending)


@asynccontextmanager
async def _as_tenure_errors() -> AsyncIterator[Sending]:
    """Translate the errors of an update into ours."""
    sending = Sending()
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
            yield sending
    except WorkflowUpdateFailedError as error:
        raise as_tenure_error(error.cause) or error from error
    except (TimeoutError, RPCTimeoutOrCancelledError) as error:
        raise sending.failure("Temporal did not answer in time") from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NotRunning("the subscription's workflow is not running") from error
        raise sending.failure(f"Temporal does not respond: {error}") from error
    except RuntimeError as error:  # a client that could not connect yet
        raise sending.failure(f"Temporal is unreachable: {error}") from error


# Sending again while a subscription is busy


def is_full(error: RPCError) -> bool:
    """True if the workflow takes no more updates for now: this one was rejected without being seen."""
    if error.status is RPCStatusCode.FAILED_PRECONDITION:
        return UPDATES_PER_RUN in error.message
    return error.status is RPCStatusCode.RESOURCE_EXHAUSTED and _cause(error) == IN_FLIGHT


def is_aborted_wait(error: RPCError) -> bool:
    """True if the server aborted the wait for an update: a repeat under its id finds it or is accepted."""
    return error.status is RPCStatusCode.UNAVAILABLE and any(text in error.message for text in ABORTED_WAIT)


def _cause(error: RPCError) -> int:
    failure = ResourceExhaustedFailure()
    for detail in error.grpc_status.details:
        if detail.Unpack(failure):
            return failure.cause
    return 0


async def send_with_retries(send: Callable[[], Awaitable[R]], sending: Sending | None = None) -> R:
    """Call *send*, and repeat it with backoff while it fails with a transient error; always for the same update.

    *sending* learns whether one of the attempts may have arrived.

    Raises:
        SubscriptionBusy: the subscription stayed busy.
        RPCError: a retry would not help, or has not helped.
    """
    clock = asyncio.get_running_loop().time
    began, pause, was_never_seen = clock(), FIRST_PAUSE, True
    sending = sending or Sending()
    while True:
        had_arrived, sending.may_have_arrived = sending.may_have_arrived, True
        try:
            return await send()
        except RPCError as error:
            sending.note(error, had_arrived=had_arrived)
            was_never_seen = was_never_seen and is_full(error)
            if clock() - began + pause > _retry_seconds(error):
                _give_up(error, was_never_seen=was_never_seen)
        # Jitter: callers that were rejected together must not return together.
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - not for cryptography
        pause = min(2 * pause, LONGEST_PAUSE)


def _retry_seconds(error: RPCError) -> float:
    """How many seconds after the first attempt a retry is worthwhile."""
    if isinstance(error, TemporalLost):
        return 0.0
    if is_full(error) or is_aborted_wait(error):
        return BUSY_RETRY_TIMEOUT.total_seconds()
    return OUTAGE_RETRY_TIMEOUT.total_seconds() if error.status in TRANSIENT else 0.0


def _give_up(error: RPCError, *, was_never_seen: bool) -> NoReturn:
    if was_never_seen:
        raise SubscriptionBusy(
            "the subscription already has the maximum number of commands in progress; nothing was done: repeat the"
            " request"
        ) from error
    if is_full(error) or is_aborted_wait(error):
        raise SubscriptionBusy(
            "the subscription is too busy to say whether it has accepted the command; repeat the request with the same"
            " Idempotency-Key: it will not be carried out twice"
        ) from error
    raise error
