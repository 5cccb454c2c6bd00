"""Erases a customer: from PostgreSQL in one transaction, then from Temporal and, as set, from the payment provider.

What cannot be reached then is left to the sweep, which repeats it until nothing is left.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayRefused, GatewayUnavailable, TenureError
from domain.names import customer_workflow_id, mail_workflow_id, subscription_workflow_id
from domain.privacy.ports import Erased, ErasureLog, ErasureRecords
from domain.provider.ports import CustomerContacts
from domain.subscription import commands
from domain.subscription.command_keys import hashed
from domain.subscription.commands import CancelAt
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.ports import RecordedSubscriptions, Records
from services import subscription_client
from services.subscription_client import NotRunning
from workflows.subscription.messages import Cancel
from workflows.subscription.workflow import SubscriptionWorkflow

WITHIN: Final = timedelta(seconds=20)
"""How long a caller waits for Temporal to forget; the sweep goes on after that."""
ENDS_WITHIN: Final = timedelta(seconds=3)
"""How long a run takes to end once it is over; one that takes longer waits for the payment provider."""
PAUSE = 0.2
"""Seconds between two looks: Temporal deletes in the background."""
SWEEP_BATCH = 20
IDS_PER_QUERY = 50

_log = logging.getLogger("tenure.erasure")


@dataclass(frozen=True)
class ErasureService:
    """Erases customers. Every call is safe to repeat.

    Args:
        client: the client of Temporal.
        records: the erasures.
        steps: records the end of subscriptions whose workflows are gone.
        recorded: reads subscriptions.
        contacts: deletes the customer at the payment provider; None: the provider keeps them.
        log: where erasures are listed outside the database; None: restored backups are not covered.

    """

    client: Client
    records: ErasureRecords
    steps: Records
    recorded: RecordedSubscriptions
    contacts: CustomerContacts | None = None
    log: ErasureLog | None = None

    @property
    def covers_restores(self) -> bool:
        """Whether a restored backup can be erased again."""
        return self.log is not None

    async def erase(self, tenant: str, customer: str, actor: str, *, cancel: bool = False, asked: str = "") -> bool:
        """Erase a customer, by our id. Returns whether nothing is left anywhere; else the sweep goes on.

        With *cancel*, a live subscription is canceled at once. *asked* is the external id that was asked for.

        Raises:
            Rejected: code `live_subscription`, `unknown_customer`, or `not_running`.
            TenureError: the subscription could not be canceled, or the database does not respond.
        """
        _tell("asked", tenant, customer, actor)
        try:
            if cancel:
                await self._cancel(tenant, customer, actor)
            erased = await self._erase(tenant, customer, actor, asked)
        except TenureError as error:
            _tell("refused", tenant, customer, actor, code=error.code)
            raise
        _tell("done", tenant, customer, actor)
        if not self.covers_restores:
            _log.warning("customer %s is erased, but not from restored backups: set TENURE_ERASURES_FILE", customer)
        return await self._finish_now(erased)

    async def erase_again(self, tenant: str, customer: str, actor: str) -> None:
        """Erase a customer from a restored backup, whatever stands there; the sweep does the rest.

        Raises:
            TenureError: a running subscription could not be canceled, or the database does not respond.
        """
        _tell("asked", tenant, customer, actor)
        try:
            await self._cancel(tenant, customer, actor)
        except NotRunning:
            await self._close(tenant, customer, actor)
        await self._erase(tenant, customer, actor)
        _tell("done", tenant, customer, actor)

    async def sweep(self, seconds: float) -> int:
        """Finish erasures, for *seconds*; returns how many were finished. Implements `EventSweep`.

        Raises:
            GatewayUnavailable: the database or Temporal does not respond.
        """
        stop_at, done = monotonic() + seconds, 0
        for erased in await self.records.unfinished(SWEEP_BATCH):
            if monotonic() > stop_at:
                break
            try:
                done += await self._finish(erased)
            except GatewayRefused as error:
                _log.warning("customer %s cannot be deleted at the payment provider: %s", erased.customer, error)
        return done

    # The database

    async def _erase(self, tenant: str, customer: str, actor: str, asked: str = "") -> Erased:
        async def note(erased_at: datetime) -> None:
            if self.log is not None:
                await self.log.append(customer, erased_at)

        return await self.records.erase(tenant, customer, actor, before_commit=note, asked=asked)

    async def _cancel(self, tenant: str, customer: str, actor: str) -> None:
        live = await self.records.live_subscription(tenant, customer)
        if live is None:
            return
        command = Cancel(hashed(f"erased/{customer}"), actor, CancelAt.NOW, by=EndKind.OPERATOR)
        try:
            await subscription_client.send_command(self.client, live, SubscriptionWorkflow.cancel, command)
        except NotRunning as error:
            if await self.records.live_subscription(tenant, customer) is not None:
                raise NotRunning(
                    f"the workflow of subscription {live} is not running: `tenure reconcile --fix` restores it, then "
                    "erase again"
                ) from error

    async def _close(self, tenant: str, customer: str, actor: str) -> None:
        """Record the end of a subscription whose workflow is gone: it had been canceled before the restore."""
        live = await self.records.live_subscription(tenant, customer)
        state = await self.recorded.recorded(tenant, live) if live is not None else None
        if state is not None:
            end, cause = End(EndKind.OPERATOR, "", ""), Cause(CauseKind.COMMAND, "", actor)
            await self.steps.save(commands.canceled(state, end, datetime.now(UTC), cause))

    # Outside the database

    async def _finish_now(self, erased: Erased) -> bool:
        began = monotonic()
        try:
            while not await self._finish(erased):
                waited = timedelta(seconds=monotonic() - began)
                if waited > WITHIN or (waited > ENDS_WITHIN and await self._is_open(erased)):
                    return False
                await asyncio.sleep(PAUSE)
        except (GatewayUnavailable, GatewayRefused) as error:
            _log.warning("the rest of the erasure of customer %s is left to the sweep: %s", erased.customer, error)
            return False
        return True

    async def _finish(self, erased: Erased) -> bool:
        """Delete what is left; returns True once a look finds nothing.

        Raises:
            GatewayRefused: the payment provider does not delete them.
            GatewayUnavailable: Temporal, the provider or the database does not respond.
        """
        is_open = await self._is_open(erased)
        # A run that is still open has to end the agreement at the provider first.
        if self.contacts is not None and erased.customer_ref and not is_open:
            await self.contacts.delete_customer(erased.customer_ref)
            await self.records.mark_deleted_at_provider(erased)
        left = await self._delete_runs(erased)
        if is_open or left:
            return False
        await self.records.mark_finished(erased)
        return True

    async def _is_open(self, erased: Erased) -> bool:
        """True while a subscription's workflow has something to do, as an end that the provider has not accepted."""
        for each in erased.subscriptions:
            handle = self.client.get_workflow_handle(subscription_workflow_id(each))
            try:
                if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
                    return True
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise _unavailable(error) from error
        return False

    async def _delete_runs(self, erased: Erased) -> int:
        """Delete the histories that can be seen, but for those of running subscriptions; returns how many."""
        of_subscriptions = {subscription_workflow_id(each) for each in erased.subscriptions}
        others = {customer_workflow_id(erased.customer), *(mail_workflow_id(each) for each in erased.mails)}
        ids, found = sorted(of_subscriptions | others), 0
        for start in range(0, len(ids), IDS_PER_QUERY):
            listed = ", ".join(f"'{each}'" for each in ids[start : start + IDS_PER_QUERY])
            try:
                async for run in self.client.list_workflows(f"WorkflowId IN ({listed})"):
                    # Mails are withdrawn, and changes of the customer are gone: what still runs has nothing to do.
                    if run.status is WorkflowExecutionStatus.RUNNING and run.id in of_subscriptions:
                        continue
                    await self._delete_run(run.id, run.run_id)
                    found += 1
            except RPCError as error:
                raise _unavailable(error) from error
        return found

    async def _delete_run(self, workflow_id: str, run_id: str) -> None:
        run = WorkflowExecution(workflow_id=workflow_id, run_id=run_id)
        request = DeleteWorkflowExecutionRequest(namespace=self.client.namespace, workflow_execution=run)
        try:
            await self.client.workflow_service.delete_workflow_execution(request, retry=True)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


def _unavailable(error: RPCError) -> GatewayUnavailable:
    return GatewayUnavailable(f"Temporal does not respond: {error.message}", code="temporal_unavailable")


def _tell(outcome: str, tenant: str, customer: str, actor: str, code: str = "") -> None:
    """Log what became of an erasure."""
    told = {"tenant": tenant, "customer": customer, "actor": actor, "code": code}
    extra = {name: value for name, value in told.items() if value}
    _log.info("erasure %s", outcome, extra=extra)
