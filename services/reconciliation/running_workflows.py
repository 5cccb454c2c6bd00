"""Finds workflows that run although the database knows nothing of their subscription, or that it is over."""

import logging
from collections.abc import AsyncIterator

from temporalio.client import Client
from temporalio.service import RPCError

from domain.errors import GatewayUnavailable
from domain.names import subscription_workflow_id
from domain.reconciliation.differences import Discrepancy
from domain.reconciliation.ports import MailInspector, Page
from services.reconciliation.inspection import Inspection

RUNNING = "WorkflowType = 'SubscriptionWorkflow' AND ExecutionStatus = 'Running'"
PAGE_SIZE = 1000
MOST = 500
"""Differences of one run; the next one finds the others."""

_log = logging.getLogger("tenure.reconciliation")


class RunningWorkflowsInspection:
    """Lists such workflows with the mails: implements the port `MailInspector`, whose first page they are on.

    All other comparisons begin with what is stored or billed, and would never come upon them.
    """

    def __init__(self, client: Client, inspection: Inspection, mails: MailInspector) -> None:
        self._client = client
        self._inspection = inspection
        self._mails = mails

    async def mails(self, after: str | None) -> Page:
        """The page of mails; the first one also has the running workflows that differ.

        Raises:
            GatewayUnavailable: Temporal or the database did not respond.
        """
        page = await self._mails.mails(after)
        if after is not None:
            return page
        found: list[Discrepancy] = []
        async for subscriptions in self._pages():
            found += await self._inspection.of_running(subscriptions)
            if len(found) >= MOST:
                _log.warning("more than %s workflows run without a live subscription: reconcile again", MOST)
                break
        return Page((*found[:MOST], *page.found), page.next_cursor, page.compared, page.not_ours, page.under_way)

    async def _pages(self) -> AsyncIterator[list[str]]:
        """The subscriptions of all running workflows, in no order."""
        prefix = subscription_workflow_id("")
        listed = self._client.list_workflows(RUNNING, page_size=PAGE_SIZE)
        try:
            while True:
                await listed.fetch_next_page()
                yield [each.id.removeprefix(prefix) for each in listed.current_page or ()]
                if not listed.next_page_token:
                    return
        except RPCError as error:
            raise GatewayUnavailable(f"Temporal does not list its workflows: {error.message}") from error
