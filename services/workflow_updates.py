"""Sends updates to a subscription workflow, and retries for a few seconds while it is busy."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final, NoReturn, TypeVar

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import ResourceExhaustedCause, UpdateWorkflowExecutionLifecycleStage
from temporalio.api.errordetails.v1 import ResourceExhaustedFailure
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionRequest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateInput,
    WorkflowUpdateHandle,
)
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import Rejected

BUSY_RETRY_TIMEOUT = timedelta(seconds=5)
"""How long to retry while a subscription is busy, before the caller gets an error."""
OUTAGE_RETRY_TIMEOUT = timedelta(seconds=10)
"""How long to retry while Temporal does not respond; the SDK's own value."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0

ACCEPTED = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
IN_FLIGHT: Final = ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT
UPDATES_PER_RUN: Final = "limit on the total number of distinct updates"
"""Reached just before a workflow continues as new; Temporal reports it only in the message."""
ABORTED_WAIT: Final = ("workflow update was aborted", "update registry was cleared")
"""The messages when the wait for an update was aborted: the update may have been accepted or not."""
TRANSIENT: Final = frozenset(
    {
        RPCStatusCode.ABORTED,
        # By a server or a connection that gave up; a wait of ours that is over has taken longer than is worth asking.
        RPCStatusCode.CANCELLED,
        RPCStatusCode.DATA_LOSS,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.OUT_OF_RANGE,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.UNKNOWN,
    }
)

R = TypeVar("R")


class SubscriptionBusy(Rejected):
    """The subscription has as many commands under way as it takes."""

    code = "subscription_busy"


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


async def send_with_retries(send: Callable[[], Awaitable[R]]) -> R:
    """Call *send*, and repeat it with backoff while it fails with a transient error; always for the same update.

    Raises:
        SubscriptionBusy: the subscription stayed busy.
        RPCError: a retry would not help, or has not helped.
    """
    clock = asyncio.get_running_loop().time
    began, pause, was_never_seen = clock(), FIRST_PAUSE, True
    while True:
        try:
            return await send()
        except RPCError as error:
            was_never_seen = was_never_seen and is_full(error)
            if clock() - began + pause > _retry_seconds(error):
                _give_up(error, was_never_seen=was_never_seen)
        # Jitter: callers that were rejected together must not return together.
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - not for cryptography
        pause = min(2 * pause, LONGEST_PAUSE)


def _retry_seconds(error: RPCError) -> float:
    """How many seconds after the first attempt a retry is worthwhile."""
    if is_full(error) or is_aborted_wait(error):
        return BUSY_RETRY_TIMEOUT.total_seconds()
    return OUTAGE_RETRY_TIMEOUT.total_seconds() if error.status in TRANSIENT else 0.0


def _give_up(error: RPCError, *, was_never_seen: bool) -> NoReturn:
    if was_never_seen:
        raise SubscriptionBusy(
            "the subscription has as many commands under way as it takes; nothing was done: repeat the request"
        ) from error
    if is_full(error) or is_aborted_wait(error):
        raise SubscriptionBusy(
            "the subscription is too busy to say whether it has accepted the command; repeat the request with the same"
            " Idempotency-Key: it will not be carried out twice"
        ) from error
    raise error


def without_sdk_retries(client: Client) -> Client:
    """Return the same client, but one that sends each update once.

    The SDK itself retries a rejected update for up to 20 seconds, and has no option to turn that off.
    """
    config = client.config()
    config["interceptors"] = [*config["interceptors"], _NoRetries(client)]
    return Client(**config)


class _NoRetries(Interceptor):
    def __init__(self, client: Client) -> None:
        self._client = client

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        return _SingleSend(next, self._client)


class _SingleSend(OutboundInterceptor):
    def __init__(self, next_interceptor: OutboundInterceptor, client: Client) -> None:
        super().__init__(next_interceptor)
        self._client = client

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:  # noqa: A002
        request = await self._request(input)
        while True:
            answer = await self._client.workflow_service.update_workflow_execution(
                request, metadata=input.rpc_metadata, timeout=input.rpc_timeout
            )
            if answer.stage >= ACCEPTED:
                break
        return WorkflowUpdateHandle(
            self._client,
            request.request.meta.update_id,
            input.id,
            workflow_run_id=answer.update_ref.workflow_execution.run_id,
            result_type=input.ret_type,
            known_outcome=answer.outcome if answer.HasField("outcome") else None,
        )

    async def _request(self, update: StartWorkflowUpdateInput) -> UpdateWorkflowExecutionRequest:
        stage = UpdateWorkflowExecutionLifecycleStage.ValueType(update.wait_for_stage)
        request = UpdateWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=update.id, run_id=update.run_id or ""),
            first_execution_run_id=update.first_execution_run_id or "",
            request=Request(
                meta=Meta(update_id=update.update_id or "", identity=self._client.identity),
                input=Input(name=update.update),
            ),
            wait_policy=WaitPolicy(lifecycle_stage=stage),
        )
        request.request.input.args.payloads.extend(await self._client.data_converter.encode(update.args))
        for name, payload in update.headers.items():
            request.request.input.header.fields[name].CopyFrom(payload)
        return request
