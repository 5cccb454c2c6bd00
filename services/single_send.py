"""A client of Temporal that sends each update once: how often to repeat it is decided by its caller."""

from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionRequest
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    StartWorkflowUpdateInput,
    WorkflowUpdateHandle,
)

ACCEPTED = UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED


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
