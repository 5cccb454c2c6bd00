"""Finds workflows that run although the database knows nothing of their subscription, or that it is over."""

import base64
from typing import Final

from temporalio.client import Client
from temporalio.service import RPCError

from domain.errors import GatewayUnavailable
from domain.names import subscription_workflow_id
from domain.reconciliation.passes import ids_of_shard
from domain.reconciliation.ports import Page
from services.reconciliation.inspection import Inspection

RUNNING: Final = "WorkflowType = 'SubscriptionWorkflow' AND ExecutionStatus = 'Running'"
PAGE_SIZE: Final = 1000


class RunningWorkflowsInspection:
    """Lists such workflows. All other comparisons begin with what is stored or billed, and never come upon them."""

    def __init__(self, client: Client, inspection: Inspection) -> None:
        self._client = client
        self._inspection = inspection

    async def page(self, cursor: str | None, shard: int | None) -> Page:
        """The next page of running workflows, in no order: those of a shard, or all.

        Raises:
            GatewayUnavailable: Temporal or the database did not respond.
        """
        token = base64.b64decode(cursor) if cursor is not None else None
        listed = self._client.list_workflows(_query(shard), page_size=PAGE_SIZE, next_page_token=token)
        try:
            await listed.fetch_next_page()
        except RPCError as error:
            raise GatewayUnavailable(f"Temporal does not list its workflows: {error.message}") from error
        prefix = subscription_workflow_id("")
        running = [each.id.removeprefix(prefix) for each in listed.current_page or ()]
        more = base64.b64encode(listed.next_page_token).decode() if listed.next_page_token else None
        return Page(tuple(await self._inspection.of_running(running)), more)


def _query(shard: int | None) -> str:
    if shard is None:
        return RUNNING
    first, last = (subscription_workflow_id(each) for each in ids_of_shard(shard))
    return f"{RUNNING} AND WorkflowId BETWEEN '{first}' AND '{last}'"
