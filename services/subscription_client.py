"""Speaking to subscriptions' workflows: starting one, and having it carry out a command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from domain.names import LIFECYCLE_QUEUE, subscription_workflow_id
from domain.subscription.agenda import agenda
from domain.subscription.state import Subscription
from services.workflow_updates import asking_once, persistently
from workflows.subscription import visibility
from workflows.subscription.messages import Command, CommandResult, SubscriptionInput
from workflows.subscription.workflow import SubscriptionWorkflow

ANSWER_TIMEOUT = 25.0
"""Seconds a caller is kept waiting; what was begun goes on, and a repeat finds it."""

C = TypeVar("C", bound=Command)
R = TypeVar("R")
Update = UpdateMethodMultiParam[[Any, C], CommandResult]


class HasEnded(Exception):
    """A workflow of this id ran before and is over: the projection tells whether anything came of it."""


class NotRunning(Rejected):
    """The subscription's workflow has ended or never was."""

    code = "not_running"


async def sign_up(client: Client, life: SubscriptionInput, *, anew: bool = False) -> CommandResult:
    """Start a subscription's life, or find the one that an earlier call has started; *anew* after one that has ended.

    Raises:
        HasEnded: an earlier call started it and it is over, and it was not to be started anew.
        TenureError: the sign-up was refused and nothing was kept, or no answer came in time.
    """
    try:
        async with _answered():
            return await persistently(lambda: _sign_up_once(client, life, anew=anew))
    except WorkflowAlreadyStartedError as error:
        raise HasEnded from error


async def _sign_up_once(client: Client, life: SubscriptionInput, *, anew: bool) -> CommandResult:
    # Without an id of its own: asked under the same one, a run that is over would give its old refusal again. Who asks
    # a second time finds the workflow that the first has started, and only waits.
    return await client.execute_update_with_start_workflow(
        SubscriptionWorkflow.sign_up, start_workflow_operation=_start(life, anew=anew)
    )


def _start(life: SubscriptionInput, *, anew: bool) -> WithStartWorkflowOperation[SubscriptionWorkflow, str]:
    subscription = life.subscription
    return WithStartWorkflowOperation(
        SubscriptionWorkflow.run,
        life,
        id=subscription_workflow_id(subscription.id),
        task_queue=LIFECYCLE_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE if anew else WorkflowIDReusePolicy.REJECT_DUPLICATE,
        search_attributes=visibility.attributes(subscription, agenda(subscription, life.policy)),
        # Told twice: the summary is the first run's own, the memo goes on with the later ones.
        memo={"summary": visibility.summary(subscription)},
        static_summary=visibility.summary(subscription),
        static_details=_details(subscription),
    )


def _details(subscription: Subscription) -> str:
    lines = [
        f"Subscription `{subscription.id}` of customer `{subscription.customer}`",
        "",
        f"- Plan: {subscription.plan_name}, {subscription.quantity} x by the {subscription.interval}",
        f"- Price: {subscription.amount} {subscription.currency} (minor units)",
        *(f"- Add-on {code}: {units}" for code, units in subscription.add_ons.items()),
        f"- Signed up: {subscription.created_at:%Y-%m-%d %H:%M} UTC",
    ]
    return "\n".join(lines)


async def carry_out(client: Client, subscription_id: str, update: UpdateMethodMultiParam[[Any, C], R], command: C) -> R:
    """Have a subscription carry out a command; a repeat under the same key changes nothing more.

    Raises:
        NotRunning: there is no such workflow any more; the projection tells why.
        SubscriptionBusy: it has as much to do as it takes at once.
        TenureError: the command was refused, or no answer came in time.
    """
    handle = asking_once(client).get_workflow_handle(subscription_workflow_id(subscription_id))
    # An id of this call's own: under that of an earlier one a run would give its old refusal again. The workflow
    # itself carries out a command once by its key.
    asked = str(uuid4())
    async with _answered():
        return await persistently(lambda: handle.execute_update(update, command, id=asked))


@asynccontextmanager
async def _answered() -> AsyncIterator[None]:
    """Tell in our words why an update brought no answer."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            yield
    except WorkflowUpdateFailedError as error:
        raise as_tenure_error(error.cause) or error from error
    except (TimeoutError, RPCTimeoutOrCancelledError) as error:
        raise GatewayUnavailable(
            "the command was taken but is not finished; repeat the request with the same Idempotency-Key"
            " to learn how it ended: it will not be carried out twice",
            code="still_working",
        ) from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise NotRunning("the subscription's workflow is not running") from error
        raise GatewayUnavailable(f"Temporal does not answer: {error}", code="temporal_unavailable") from error
    except RuntimeError as error:  # a client that could not connect yet
        raise GatewayUnavailable(f"Temporal is out of reach: {error}", code="temporal_unavailable") from error
