"""Who waits goes first: Temporal hands out the tasks of a workflow that somebody waits for before those of all others.

Otherwise a command would wait behind every workflow for which something has fallen due at the same moment.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import Priority as PriorityMessage
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client
from temporalio.service import RPCError

from workflows.urgency import Urgency

_AS_ALL = PriorityMessage()


@asynccontextmanager
async def first_in_line(client: Client, workflow_id: str) -> AsyncIterator[None]:
    """Put a workflow's tasks first while the block runs; of no consequence where it is not running."""
    await _prioritise(client, workflow_id, PriorityMessage(priority_key=Urgency.PERSON))
    try:
        yield
    finally:
        await _prioritise(client, workflow_id, _AS_ALL)


async def back_in_line(client: Client, workflow_id: str) -> None:
    """Have a workflow that was started first in line take its turn as all others do."""
    await _prioritise(client, workflow_id, _AS_ALL)


async def _prioritise(client: Client, workflow_id: str, priority: PriorityMessage) -> None:
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id),
        workflow_execution_options=WorkflowExecutionOptions(priority=priority),
        update_mask=FieldMask(paths=["priority"]),
    )
    # A server that knows no priorities, or no such workflow: what is asked of it then goes as it can, and tells.
    with suppress(RPCError, RuntimeError):
        await client.workflow_service.update_workflow_execution_options(request)
