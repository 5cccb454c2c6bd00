"""Heals what reconciliation found: through the subscription's own workflow, which is restarted if it was lost."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.failures import as_tenure_error
from domain.errors import GatewayUnavailable, TenureError
from domain.names import subscription_workflow_id
from domain.notifications.ports import AgainDispatcher
from domain.provider.ports import Agreements, Billing
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome, Projection
from domain.reconciliation.ports import Comparison, Found
from domain.subscription import commands
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.ports import Records
from services.reconciliation.inspection import Inspection
from services.reconciliation.restore import NotRestorable, Restorer
from workflows.subscription.messages import Reconcile
from workflows.subscription.workflow import SubscriptionWorkflow

ACTOR = "reconciliation"
ANSWER_TIMEOUT = timedelta(seconds=25)
"""How long a workflow may take to fix what differs; after that it continues on its own."""
CHECKS, SECONDS_BETWEEN_CHECKS = 3, 1.0
"""How often, and at what interval, the result of healing is checked."""

SEEN_IN_THE_DATABASE = frozenset({DifferenceKind.MAIL_STUCK, DifferenceKind.REVENUE_DIFFERS})
"""Differences that a look at the subscription does not show."""
HEALED_HERE = SEEN_IN_THE_DATABASE | {DifferenceKind.BILLED_AFTER_END}
"""Differences that need no workflow."""
UNWRITTEN = frozenset({DifferenceKind.DATABASE_BEHIND, DifferenceKind.ROW_MISSING})
"""Differences that are healed by writing the whole state again."""
RESTARTED = frozenset({DifferenceKind.WORKFLOW_MISSING, DifferenceKind.WORKFLOW_BEHIND})
"""Differences that are healed by restarting the workflow from what is stored."""
LACKING_INVOICES = UNWRITTEN | {DifferenceKind.INVOICES_MISSING, DifferenceKind.END_UNWRITTEN}
"""Differences of a database that may also lack invoices."""
CLOCKS_DIFFER_BY = timedelta(minutes=1)
"""Between the provider's clock and ours."""


class Healer:
    """Heals differences. Safe to repeat: a workflow takes each key once, and what is right stays untouched."""

    def __init__(
        self,
        client: Client,
        inspection: Inspection,
        restorer: Restorer,
        comparison: Comparison,
        agreements: Agreements,
        billing: Billing,
        records: Records,
        mail_dispatcher: AgainDispatcher,
    ) -> None:
        self._client = client
        self._inspection = inspection
        self._restorer = restorer
        self._comparison = comparison
        self._agreements = agreements
        self._billing = billing
        self._records = records
        self._mail_dispatcher = mail_dispatcher

    async def heal(self, run: str, found: Sequence[Discrepancy]) -> list[Found]:
        """Heal the differences of one subscription and agreement; returns the outcome of each."""
        try:
            await self._heal(run, found)
            remaining = await self._remaining(found)
        except NotRestorable as error:
            return [Found(each, Outcome.LISTED, error.message) for each in found]
        except TenureError as error:
            return [Found(each, Outcome.FAILED, error.message) for each in found]
        return [
            Found(each, Outcome.FAILED, "it still differs: an operator must look")
            if each.kind in remaining
            else Found(each, Outcome.HEALED)
            for each in found
        ]

    async def _heal(self, run: str, found: Sequence[Discrepancy]) -> None:
        for each in found:
            if each.kind is DifferenceKind.MAIL_STUCK:
                # Their delivery has come to an end that it could not record, so it must begin again.
                for mail in await self._comparison.queued(each.mails):
                    await self._mail_dispatcher.dispatch_again(mail)
            elif each.kind is DifferenceKind.BILLED_AFTER_END:
                key = f"{each.subscription}/end/{each.agreement_ref}/{run}"
                await self._billing.end(each.agreement_ref, each.bill_ref, key=key)
            elif each.kind is DifferenceKind.REVENUE_DIFFERS:
                await self._comparison.correct_revenue(each.subscription)
        kinds, subscription = {each.kind for each in found} - HEALED_HERE, found[0].subscription
        if not kinds:
            return
        if DifferenceKind.WORKFLOW_BEHIND in kinds:
            await self._terminate(subscription)
        unknown = next((each.agreement_ref for each in found if each.kind is DifferenceKind.AGREEMENT_UNHEARD), "")
        await self._heal_workflow(run, subscription, kinds, unknown)
        if kinds & LACKING_INVOICES:
            await self._record_invoices(subscription)

    async def _heal_workflow(self, run: str, subscription: str, kinds: set[DifferenceKind], unknown: str) -> None:
        """Have its workflow heal, restarted if need be; *unknown* is an agreement that it may have begun."""
        projection = await self._comparison.one(subscription)
        is_lost = projection is None and DifferenceKind.ROW_MISSING not in kinds
        if is_lost or (projection and projection.subscription.is_over and projection.subscription.untold_end is None):
            return
        if projection is not None and DifferenceKind.END_UNWRITTEN in kinds:
            await self._write_end(run, projection)
            return
        writes_again = not kinds.isdisjoint(UNWRITTEN)
        if projection is not None and not kinds.isdisjoint(RESTARTED):
            writes_again |= await self._restorer.restore(projection, run, unknown)
        # The key has the kinds, since a later stage of the same run may find something else.
        key = f"reconcile/{run}/{'+'.join(sorted(kinds))}"
        only_tries = kinds == {DifferenceKind.BLOCKED}
        command = Reconcile(
            key, ACTOR, unheard_agreement=unknown, writes_again=writes_again, only_tries_again=only_tries
        )
        await self._reconcile(subscription, command)

    async def _terminate(self, subscription: str) -> None:
        """End a workflow that is older than what is stored; what it does from here on was done otherwise."""
        try:
            handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
            await handle.terminate("older than the database, from which it is restarted")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise GatewayUnavailable(f"Temporal does not respond: {error.message}") from error

    async def _record_invoices(self, subscription: str) -> None:
        """Record what the provider has billed, as a database restored from a backup lacks some of it."""
        projection = await self._comparison.one(subscription)
        if projection is None or not projection.subscription.agreement_ref:
            return
        it = projection.subscription
        customer_ref = it.customer_ref or projection.customer_ref
        billed = await self._agreements.invoices(it.agreement_ref, customer_ref, it.created_at - CLOCKS_DIFFER_BY)
        await self._comparison.record_invoices(it, billed)

    async def _write_end(self, run: str, projection: Projection) -> None:
        """Record the end that a finished workflow should have recorded; its mails were sent when it ended."""
        end = await self._inspection.end_of(projection.subscription.id)
        cause = Cause(CauseKind.RECONCILIATION, run, ACTOR)
        step = commands.canceled(projection.subscription, end, datetime.now(UTC), cause)
        await self._records.save(replace(step, mails=()))

    async def _reconcile(self, subscription: str, command: Reconcile) -> None:
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
                await handle.execute_update(SubscriptionWorkflow.reconcile, command)
        except WorkflowUpdateFailedError as error:
            raise as_tenure_error(error.cause) or GatewayUnavailable(f"the workflow refused: {error.cause}") from error
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise GatewayUnavailable("the workflow has not answered yet; it continues on its own") from error
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                # It ended meanwhile, or the next run will find it missing.
                return
            raise GatewayUnavailable(f"Temporal does not respond: {error.message}") from error

    async def _remaining(self, found: Sequence[Discrepancy]) -> set[DifferenceKind]:
        """The kinds of difference that are still there."""
        by_agreement: dict[str, list[Discrepancy]] = {}
        for each in found:
            if each.kind not in SEEN_IN_THE_DATABASE:
                by_agreement.setdefault(each.agreement_ref, []).append(each)
        for attempt in range(CHECKS):
            if attempt:
                await asyncio.sleep(SECONDS_BETWEEN_CHECKS)
            remaining = {
                still.kind for group in by_agreement.values() for still in await self._inspection.still_there(group)
            }
            if not remaining:
                break
        return remaining
