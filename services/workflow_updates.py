"""Sending updates to a subscription's workflow: one that has too much to do is asked again for a few seconds."""

import asyncio
import random
from collections.abc import Awaitable, Callable
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

BUSY_FOR = 5.0
"""Seconds for which a subscription that has too much to do is asked again before the caller is told."""
OUT_FOR = 10.0
"""Seconds for which Temporal is asked again that does not answer; the SDK's own measure."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0

ACCEPTED = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED
IN_FLIGHT: Final = ResourceExhaustedCause.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT
OF_A_RUN: Final = "limit on the total number of distinct updates"
"""Reached just before a workflow continues as new; Temporal tells it by its words alone."""
CUT_OFF: Final = ("workflow update was aborted", "update registry was cleared")
"""What an update is answered with whose wait was broken off: it may have been accepted or not."""
PASSING: Final = frozenset(
    {
        RPCStatusCode.ABORTED,
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
    """The subscription has as many commands under way as it takes at once."""

    code = "subscription_busy"


def is_full(error: RPCError) -> bool:
    """Whether the workflow takes no more updates for now: this one was turned away unheard."""
    if error.status is RPCStatusCode.FAILED_PRECONDITION:
        return OF_A_RUN in error.message
    return error.status is RPCStatusCode.RESOURCE_EXHAUSTED and _cause(error) == IN_FLIGHT


def is_cut_off(error: RPCError) -> bool:
    """Whether the wait for an update was broken off at the server: asked again under its id, it is found or taken."""
    return error.status is RPCStatusCode.UNAVAILABLE and any(words in error.message for words in CUT_OFF)


def _cause(error: RPCError) -> int:
    failure = ResourceExhaustedFailure()
    for detail in error.grpc_status.details:
        if detail.Unpack(failure):
            return failure.cause
    return 0


async def persistently(ask: Callable[[], Awaitable[R]]) -> R:
    """What *ask* answers, which is asked again while it meets what will soon be over; each time for the same update.

    Raises:
        SubscriptionBusy: it had too much to do all the time.
        RPCError: asking again would not help, or has not helped.
    """
    clock = asyncio.get_running_loop().time
    began, pause, was_unheard = clock(), FIRST_PAUSE, True
    while True:
        try:
            return await ask()
        except RPCError as error:
            was_unheard = was_unheard and is_full(error)
            if clock() - began + pause > _worth_asking_for(error):
                _give_up(error, was_unheard=was_unheard)
        # Those that were turned away together must not come back together.
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - chance, not a secret
        pause = min(2 * pause, LONGEST_PAUSE)


def _worth_asking_for(error: RPCError) -> float:
    """For how many seconds after the first time it helps to ask again."""
    if is_full(error) or is_cut_off(error):
        return BUSY_FOR
    return OUT_FOR if error.status in PASSING else 0.0


def _give_up(error: RPCError, *, was_unheard: bool) -> NoReturn:
    if was_unheard:
        raise SubscriptionBusy(
            "the subscription has as many commands under way as it takes at once; nothing was done: repeat the request"
        ) from error
    if is_full(error) or is_cut_off(error):
        raise SubscriptionBusy(
            "the subscription is too busy to tell whether it has taken the command; repeat the request with the same"
            " Idempotency-Key: it will not be carried out twice"
        ) from error
    raise error


def asking_once(client: Client) -> Client:
    """The same client, whose updates are sent once.

    The SDK itself sends one that was turned away again for up to 20 seconds, and does not let itself be told otherwise.
    """
    config = client.config()
    config["interceptors"] = [*config["interceptors"], _Once(client)]
    return Client(**config)


class _Once(Interceptor):
    def __init__(self, client: Client) -> None:
        self._client = client

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's word
        return _SendsOnce(next, self._client)


class _SendsOnce(OutboundInterceptor):
    def __init__(self, after: OutboundInterceptor, client: Client) -> None:
        super().__init__(after)
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

    async def _request(self, asked: StartWorkflowUpdateInput) -> UpdateWorkflowExecutionRequest:
        stage = UpdateWorkflowExecutionLifecycleStage.ValueType(asked.wait_for_stage)
        request = UpdateWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=asked.id, run_id=asked.run_id or ""),
            first_execution_run_id=asked.first_execution_run_id or "",
            request=Request(
                meta=Meta(update_id=asked.update_id or "", identity=self._client.identity),
                input=Input(name=asked.update),
            ),
            wait_policy=WaitPolicy(lifecycle_stage=stage),
        )
        request.request.input.args.payloads.extend(await self._client.data_converter.encode(asked.args))
        for name, payload in asked.headers.items():
            request.request.input.header.fields[name].CopyFrom(payload)
        return request
