"""Starts deliveries: of a mail, or of an event to an endpoint. Each is one activity, retried until it is delivered.

Temporal has two ways to run it: a workflow around it, or the activity by itself (a standalone activity, in Public
Preview), which costs half the actions and keeps no history. Both are behind `DeliveryStarter`. A row in PostgreSQL
decides that each is delivered once, so that the ways may be changed while deliveries are under way.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import ActivityExecutionStatus, Client, WorkflowExecutionStatus
from temporalio.common import (
    ActivityIDConflictPolicy,
    ActivityIDReusePolicy,
    Priority,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import ActivityAlreadyStartedError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable, Rejected
from domain.names import LIFECYCLE_QUEUE
from workflows.delivery_options import DeliveryOptions
from workflows.retries import HEARTBEAT_TIMEOUT

NO_STANDALONE_ACTIVITIES: Final = (
    "this Temporal server has no standalone activities: unset TENURE_STANDALONE_ACTIVITIES, or use a server from"
    " 1.31 on that has `activity.enableStandalone` in its dynamic configuration"
)


@dataclass(frozen=True)
class DeliveryCall:
    """A delivery, as it is started."""

    id: str
    """Of its workflow, or of its activity."""
    argument: object
    """What both take."""
    workflow: Callable[..., Awaitable[Any]]
    activity: Callable[..., Awaitable[Any]]
    options: DeliveryOptions
    priority: Priority
    summary: str
    details: str = ""


class DeliveryStarter(Protocol):
    """Starts deliveries."""

    async def start(self, call: DeliveryCall, *, again: bool = False) -> None:
        """Start a delivery, unless it is under way or has come to its end; with *again*, also if it has.

        Raises:
            GatewayUnavailable: Temporal did not take it.
        """
        ...


class WorkflowStarter:
    """Implements `DeliveryStarter` by a workflow for each delivery; one that failed is started again.

    With *eager*, the server hands a workflow's first task back with the answer, if a worker on *client* has room for
    it: Temporal need not find a worker, which is a quarter of all that such a short workflow costs it.
    """

    def __init__(self, client: Client, *, eager: bool = False) -> None:
        self._client = client
        self._eager = eager

    async def start(self, call: DeliveryCall, *, again: bool = False) -> None:
        policies = WorkflowIDReusePolicy
        try:
            await self._client.start_workflow(
                call.workflow,
                call.argument,
                id=call.id,
                task_queue=LIFECYCLE_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=policies.ALLOW_DUPLICATE if again else policies.ALLOW_DUPLICATE_FAILED_ONLY,
                priority=call.priority,
                static_summary=call.summary,
                static_details=call.details,
                request_eager_start=self._eager,
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise GatewayUnavailable(f"Temporal did not take the delivery: {error.message}") from error


class ActivityStarter:
    """Implements `DeliveryStarter` by an activity for each delivery, without a workflow around it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, call: DeliveryCall, *, again: bool = False) -> None:
        policies = ActivityIDReusePolicy
        try:
            await self._client.start_activity(
                call.activity,
                args=[call.argument],
                id=call.id,
                task_queue=call.options.task_queue,
                start_to_close_timeout=call.options.start_to_close,
                schedule_to_close_timeout=call.options.schedule_to_close,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=call.options.retry_policy,
                id_conflict_policy=ActivityIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=policies.ALLOW_DUPLICATE if again else policies.REJECT_DUPLICATE,
                priority=call.priority,
                summary=call.summary,
            )
        except ActivityAlreadyStartedError:
            return
        except RPCError as error:
            reason = NO_STANDALONE_ACTIVITIES if error.status is RPCStatusCode.UNIMPLEMENTED else error.message
            raise GatewayUnavailable(f"Temporal did not take the delivery: {reason}") from error


def delivery_starter(client: Client, *, standalone: bool, eager: bool = False) -> DeliveryStarter:
    """Return what starts deliveries as activities by themselves (*standalone*), or as workflows.

    *eager* is for the client of workers without a version: those with one get only what Temporal gives to theirs.
    """
    return ActivityStarter(client) if standalone else WorkflowStarter(client, eager=eager)


async def check_standalone_activities(client: Client) -> None:
    """Check that the server runs activities by themselves.

    Raises:
        Rejected: code `no_standalone_activities`; it does not.
        GatewayUnavailable: Temporal does not respond.
    """
    try:
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
    except (RPCError, RuntimeError) as error:  # the latter: a client that has not connected yet
        raise GatewayUnavailable(f"Temporal does not respond: {error}") from error
    if not described.namespace_info.capabilities.standalone_activities:
        raise Rejected(NO_STANDALONE_ACTIVITIES, code="no_standalone_activities")


class DeliveryStatus(StrEnum):
    """Whether somebody works on a delivery."""

    RUNNING = "running"
    ENDED = "ended"
    """It came to its end, or failed for our own bug: starting it again would not help."""
    LOST = "lost"
    """It was never started, was terminated, or ran out of time before its last attempt could say so."""


_WORKFLOW_ENDS: Final = (WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.FAILED)
_ACTIVITY_ENDS: Final = (ActivityExecutionStatus.COMPLETED, ActivityExecutionStatus.FAILED)
_NOT_THERE: Final = (RPCStatusCode.NOT_FOUND, RPCStatusCode.UNIMPLEMENTED)


async def delivery_status(client: Client, delivery_id: str) -> DeliveryStatus:
    """Return whether a delivery is under way, whichever way it was started.

    Raises:
        GatewayUnavailable: Temporal does not respond.
    """
    workflow = await _status(client.get_workflow_handle(delivery_id).describe)
    if workflow is WorkflowExecutionStatus.RUNNING:
        return DeliveryStatus.RUNNING
    activity = await _status(client.get_activity_handle(delivery_id).describe)
    if activity is ActivityExecutionStatus.RUNNING:
        return DeliveryStatus.RUNNING
    has_ended = workflow in _WORKFLOW_ENDS or activity in _ACTIVITY_ENDS
    return DeliveryStatus.ENDED if has_ended else DeliveryStatus.LOST


async def _status(describe: Callable[[], Awaitable[Any]]) -> Any:
    """The status of a workflow or an activity; None: there is none of this id."""
    try:
        return (await describe()).status
    except RPCError as error:
        if error.status in _NOT_THERE:
            return None
        raise GatewayUnavailable(f"Temporal does not respond: {error.message}") from error
