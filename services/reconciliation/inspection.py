"""Compares subscriptions across provider, database and workflows. Changes only when agreements were last seen."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import GatewayUnavailable
from domain.formatting import moment
from domain.names import subscription_workflow_id
from domain.provider.agreements import Agreement
from domain.provider.ports import Agreements
from domain.purchases.ports import StoredPurchases
from domain.reconciliation.differences import (
    DifferenceKind,
    Discrepancy,
    Projection,
    WorkflowSnapshot,
    of_agreement,
    of_workflow,
    of_workflow_without_row,
    snapshot_differs,
)
from domain.reconciliation.passes import shard_of_agreement
from domain.reconciliation.ports import ComparedRows, Comparison, Page
from domain.reconciliation.unlinked_agreements import of_unlinked_agreement
from domain.subscription.ends import End
from domain.subscription.state import Subscription
from workflows.subscription import visibility
from workflows.subscription.workflow import SubscriptionWorkflow

CONCURRENCY = 10
"""How many workflows are read in parallel."""
SECOND_LOOK_DELAY = 3.0
"""Seconds between the two looks: what was in flight at the first has arrived by the second."""
FIRST_LOOK_SUFFICES = frozenset({DifferenceKind.WORKFLOW_MISSING, DifferenceKind.DATABASE_BEHIND})
"""One look is enough for these: the row is read last, so a pending step would be in it. Other differences may result
from them, and heal only together with them."""
OVERDUE_AFTER = timedelta(hours=1)
"""What is due for so long is not only under way: its workflow may wait because it is older than the database."""
ANSWER_TIMEOUT = timedelta(seconds=10)
"""How long a workflow may take to return its state."""


@dataclass(frozen=True)
class _Suspect:
    """A subscription or agreement that differed at the first look, with the kinds of difference."""

    subscription: str
    agreement_ref: str
    kinds: frozenset[DifferenceKind]


class Inspection:
    """Finds differences. One counts only if it is there at two looks, a few seconds apart, on an idle workflow."""

    def __init__(
        self,
        client: Client,
        agreements: Agreements,
        comparison: Comparison,
        rows: ComparedRows,
        purchases: StoredPurchases | None = None,
        *,
        second_look_delay: float,
    ) -> None:
        self._second_look_delay = second_look_delay
        self._client = client
        self._agreements = agreements
        self._comparison = comparison
        self._rows = rows
        self._purchases = purchases

    async def of_listed(self, agreements: Sequence[Agreement], run_began: datetime) -> Page:
        """Compare agreements that the provider has listed with their subscriptions.

        Raises:
            TenureError: the provider or the database did not respond.
        """
        known = await self._comparison.of_agreements([each.ref for each in agreements])
        shards = {
            known[each.ref].subscription.id: shard_of_agreement(each.created_at)
            for each in agreements
            if each.ref in known
        }
        await self._rows.mark_seen(shards, run_began)
        suspects, compared, not_ours, undecided = [], 0, 0, 0
        all_unlinked = await self._unlinked([each for each in agreements if each.ref not in known])
        for agreement in agreements:
            row = known.get(agreement.ref)
            unlinked = all_unlinked.get(agreement.ref)
            differences = list(of_agreement(row.subscription, agreement)) if row else [unlinked] if unlinked else []
            compared += row is not None
            is_unexplained = row is None and not differences
            not_ours += is_unexplained and not agreement.subscription
            undecided += is_unexplained and bool(agreement.subscription)
            suspects += _suspects(differences, row.subscription.id if row else "", agreement.ref)
        found, under_way = await self._second_look(suspects)
        return Page(found, None, compared, not_ours, under_way + undecided)

    async def of_rows(
        self,
        rows: Sequence[tuple[Projection, bool]],
        *,
        with_workflows: bool = True,
        without_provider: bool = False,
        asks_every_workflow: bool = False,
    ) -> Page:
        """Compare subscriptions with their workflows, and with agreements that need a look of their own.

        Each comes with whether its agreement needs none.
        """
        snapshots: Sequence[WorkflowSnapshot | None] = [None] * len(rows)
        if with_workflows:
            snapshots = await self._snapshots([row for row, _ in rows], asks_every_workflow=asks_every_workflow)
        suspects = []
        for (row, was_compared), snapshot in zip(rows, snapshots, strict=True):
            differences = [] if snapshot is None else list(of_workflow(row, snapshot))
            agreement_ref = "" if without_provider else row.subscription.agreement_ref
            if agreement_ref and not was_compared:
                differences += of_agreement(row.subscription, await self._agreements.find(agreement_ref))
            suspects += _suspects(differences, row.subscription.id, agreement_ref)
        found, under_way = await self._second_look(suspects)
        return Page(found, None, len(rows), 0, under_way)

    async def again(self, found: Sequence[Discrepancy]) -> Page:
        """Look again at what earlier runs have found; returned is what still differs."""
        groups: dict[tuple[str, str], set[DifferenceKind]] = {}
        for each in found:
            groups.setdefault((each.subscription, each.agreement_ref), set()).add(each.kind)
        suspects = [_Suspect(*ids, frozenset(kinds)) for ids, kinds in groups.items()]
        still_there, under_way = await self._looks(suspects)
        return Page(still_there, None, 0, 0, under_way)

    async def still_there(self, found: Sequence[Discrepancy]) -> list[Discrepancy]:
        """The differences, all of one subscription and its agreement, that still exist."""
        kinds = {each.kind for each in found}
        now, _ = await self._look(found[0].subscription, found[0].agreement_ref)
        return [each for each in now if each.kind in kinds]

    async def of_running(self, subscriptions: Sequence[str]) -> list[Discrepancy]:
        """What differs of subscriptions whose workflows run although none of them is stored as live.

        Raises:
            GatewayUnavailable: Temporal or the database did not respond.
        """
        known = await self._comparison.ends_of(subscriptions)
        suspects = [each for each in subscriptions if known.get(each, True)]
        return [found for each in suspects for found in (await self._look(each, ""))[0]]

    async def end_of(self, subscription: str) -> End:
        """How a subscription's workflow has ended, by its state, or else by its result."""
        state = await self._state(subscription)
        if state is not None and state.end is not None:
            return state.end
        return End.of_before((await self._snapshot(subscription)).ended_because or "")

    async def _unlinked(self, agreements: Sequence[Agreement]) -> dict[str, Discrepancy | None]:
        """Classify agreements that none of our subscriptions refers to."""
        if not agreements:
            return {}
        rows = await self._comparison.related(
            [each.subscription for each in agreements], [each.customer_ref for each in agreements]
        )
        found = {each.ref: of_unlinked_agreement(each, rows) for each in agreements}
        for each in agreements:
            if found[each.ref] is not None and await self._is_being_bought(each.subscription):
                found[each.ref] = None
        return found

    async def _is_being_bought(self, subscription: str) -> bool:
        """True if an agreement was bought on a hosted page that is still to be taken over."""
        if self._purchases is None or not subscription:
            return False
        purchase = await self._purchases.of_subscription(subscription)
        return purchase is not None and not purchase.state.is_closed

    async def _second_look(self, suspects: Sequence[_Suspect]) -> tuple[tuple[Discrepancy, ...], int]:
        if not suspects:
            return (), 0
        await asyncio.sleep(self._second_look_delay)
        return await self._looks(suspects)

    async def _looks(self, suspects: Sequence[_Suspect]) -> tuple[tuple[Discrepancy, ...], int]:
        found: list[Discrepancy] = []
        under_way = 0
        for suspect in suspects:
            now, is_busy = await self._look(suspect.subscription, suspect.agreement_ref)
            confirmed = [each for each in now if each.kind in suspect.kinds or each.kind in FIRST_LOOK_SUFFICES]
            if confirmed and is_busy:
                under_way += 1
            else:
                found += confirmed
        return tuple(found), under_way

    async def _look(self, subscription: str, agreement_ref: str) -> tuple[list[Discrepancy], bool]:
        """Everything that differs now, and whether the workflow is busy; no agreement: only what the workflow shows."""
        # The row is read last: a step missing from it then was not in flight.
        snapshot = await self._snapshot_with_state(subscription) if subscription else None
        agreement = await self._agreements.find(agreement_ref) if agreement_ref else None
        row = await self._comparison.one(subscription) if subscription else None
        found: list[Discrepancy] = []
        if row is not None and snapshot is not None:
            found += of_workflow(row, snapshot)
        elif snapshot is not None and snapshot.state is not None:
            knows_customer = await self._comparison.knows_customer(snapshot.state.customer)
            without_row = of_workflow_without_row(snapshot.state, knows_customer=knows_customer)
            found += [without_row] if without_row is not None else []
        if row is not None and row.subscription.agreement_ref == agreement_ref:
            found += await self._of_agreement(row.subscription, agreement)
        elif agreement is not None and not agreement.is_over:
            unlinked = (await self._unlinked([agreement]))[agreement.ref]
            found += [unlinked] if unlinked is not None else []
        return found, snapshot is not None and snapshot.is_busy

    async def _of_agreement(self, recorded: Subscription, agreement: Agreement | None) -> list[Discrepancy]:
        found = list(of_agreement(recorded, agreement))
        if all(each.kind is not DifferenceKind.BILLING_HELD for each in found):
            return found
        # Only the workflow knows who set the hold: it is requested between two recorded steps.
        state = await self._state(recorded.id)
        is_held = recorded.is_held if state is None else state.is_held
        return list(of_agreement(replace(recorded, is_held=is_held), agreement))

    async def _snapshot_with_state(self, subscription: str) -> WorkflowSnapshot:
        """What Temporal shows of a workflow, and its own state."""
        snapshot = await self._snapshot(subscription)
        return await self._with_state(subscription, snapshot) if snapshot.is_running else snapshot

    async def _snapshots(self, rows: Sequence[Projection], *, asks_every_workflow: bool) -> list[WorkflowSnapshot]:
        """What Temporal shows of each workflow.

        Unless all are wanted, a workflow itself is queried only if that differs from its row, or if it does not do
        what is due.
        """
        limit = asyncio.Semaphore(CONCURRENCY)
        overdue = moment(datetime.now(UTC) - OVERDUE_AFTER)

        async def look(row: Projection) -> WorkflowSnapshot:
            async with limit:
                snapshot = await self._snapshot(row.subscription.id)
                differs = snapshot_differs(row, snapshot) or "" < row.next_action_at < overdue
                is_asked = snapshot.is_running and (asks_every_workflow or differs)
                return await self._with_state(row.subscription.id, snapshot) if is_asked else snapshot

        return await asyncio.gather(*(look(row) for row in rows))

    async def _with_state(self, subscription: str, snapshot: WorkflowSnapshot) -> WorkflowSnapshot:
        state = await self._state(subscription)
        return WorkflowSnapshot(is_running=True, is_busy=snapshot.is_busy, state=state, is_silent=state is None)

    async def _snapshot(self, subscription: str) -> WorkflowSnapshot:
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            described = await handle.describe()
            if described.status is WorkflowExecutionStatus.RUNNING:
                return _snapshot_of(described)
            if described.status is WorkflowExecutionStatus.COMPLETED:
                return WorkflowSnapshot(is_running=False, ended_because=str(await handle.result() or ""))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise GatewayUnavailable(f"Temporal does not respond: {error.message}") from error
        return WorkflowSnapshot(is_running=False)

    async def _state(self, subscription: str) -> Subscription | None:
        """The subscription's state in its workflow; None: it does not respond."""
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            return await handle.query(SubscriptionWorkflow.current, rpc_timeout=ANSWER_TIMEOUT)
        except (WorkflowQueryFailedError, RPCError):
            return None


def _snapshot_of(described: WorkflowExecutionDescription) -> WorkflowSnapshot:
    attributes = described.typed_search_attributes
    at = attributes.get(visibility.NEXT_ACTION_AT)
    return WorkflowSnapshot(
        is_running=True,
        status=attributes.get(visibility.STATUS) or "",
        plan=attributes.get(visibility.PLAN) or "",
        next_action=attributes.get(visibility.NEXT_ACTION) or "",
        next_action_at=moment(at) if at is not None else "",
        is_busy=bool(described.raw_description.pending_activities),
    )


def _suspects(differences: Sequence[Discrepancy], subscription: str, agreement_ref: str) -> list[_Suspect]:
    if not differences:
        return []
    named = subscription or next((each.subscription for each in differences), "")
    return [_Suspect(named, agreement_ref, frozenset(each.kind for each in differences))]
