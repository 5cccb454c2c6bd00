"""Looking at subscriptions in every place where they are kept, page by page; nothing is changed by it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.reconciling import Page
from domain.errors import GatewayUnavailable
from domain.formatting import moment
from domain.names import subscription_workflow_id
from domain.provider.agreements import Agreement
from domain.provider.ports import Agreements
from domain.reconciliation.differences import (
    DifferenceKind,
    Discrepancy,
    Projection,
    Sight,
    of_agreement,
    of_workflow,
    shows_otherwise,
)
from domain.reconciliation.ports import Comparison
from domain.reconciliation.unlinked_agreements import of_stray
from domain.subscription.ends import End
from domain.subscription.state import Subscription
from workflows.subscription import visibility
from workflows.subscription.workflow import SubscriptionWorkflow

PAGE = 100
AT_ONCE = 10
"""So many workflows are looked at side by side."""
A_MOMENT = 3.0
"""Seconds between the two looks: what was in flight at the first has arrived by the second."""
BETWEEN_ASKING = 0.05
"""Seconds from one question about a single agreement to the next: the provider is needed by others more."""
SEEN_AT_ONCE = frozenset({DifferenceKind.WORKFLOW_MISSING, DifferenceKind.DATABASE_BEHIND})
"""One look is enough: the row is read last, after a step it had lacked would be in it. What else differs may well come
of these, and heals with them only."""
ANSWER_TIMEOUT = 10.0
"""Seconds in which a workflow must tell how it stands."""


@dataclass(frozen=True)
class _Suspect:
    """Something that differed at the first look; `kinds` in what."""

    subscription: str
    agreement_ref: str
    kinds: frozenset[DifferenceKind]


class Inspection:
    """Compares. A difference counts only when it is there at two looks, a moment apart, while nothing is going on."""

    def __init__(
        self, client: Client, agreements: Agreements, ours: Comparison, *, between_looks: float = A_MOMENT
    ) -> None:
        self._between_looks = between_looks
        self._client = client
        self._agreements = agreements
        self._ours = ours

    async def agreements(self, cursor: str | None, run_began: datetime) -> Page:
        """A page of the provider's live agreements, each against the subscription that it is of.

        Raises:
            TenureError: the provider or the database did not answer.
        """
        page = await self._agreements.agreements(cursor, limit=PAGE)
        known = await self._ours.of_agreements([each.ref for each in page.agreements])
        await self._ours.mark_seen([each.subscription.id for each in known.values()], run_began)
        suspects, compared, not_ours, undecided = [], 0, 0, 0
        strays = await self._strays([each for each in page.agreements if each.ref not in known])
        for agreement in page.agreements:
            kept = known.get(agreement.ref)
            stray = strays.get(agreement.ref)
            differences = list(of_agreement(kept.subscription, agreement)) if kept else [stray] if stray else []
            compared += kept is not None
            is_nothing = kept is None and not differences
            not_ours += is_nothing and not agreement.subscription
            undecided += is_nothing and bool(agreement.subscription)
            suspects += _suspects(differences, kept.subscription.id if kept else "", agreement.ref)
        found, under_way = await self._second_look(suspects)
        return Page(found, page.next_cursor, compared, not_ours, under_way + undecided)

    async def subscriptions(self, after: str | None, run_began: datetime, *, without_provider: bool = False) -> Page:
        """A page of our live subscriptions against their workflows, and against agreements that were not met."""
        rows = await self._ours.live(after, run_began, limit=PAGE)
        sights = await self._sights([kept for kept, _ in rows])
        suspects = []
        for (kept, was_met), sight in zip(rows, sights, strict=True):
            differences = list(of_workflow(kept, sight))
            agreement_ref = "" if without_provider else kept.subscription.agreement_ref
            if agreement_ref and not was_met:
                differences += of_agreement(kept.subscription, await self._asked(agreement_ref))
            suspects += _suspects(differences, kept.subscription.id, agreement_ref)
        found, under_way = await self._second_look(suspects)
        cursor = rows[-1][0].subscription.id if len(rows) == PAGE else None
        return Page(found, cursor, len(rows), 0, under_way)

    async def still_there(self, found: Sequence[Discrepancy]) -> list[Discrepancy]:
        """Which of some differences, all of one subscription and its agreement, can be seen at this moment."""
        kinds = {each.kind for each in found}
        now, _ = await self._look(found[0].subscription, found[0].agreement_ref)
        return [each for each in now if each.kind in kinds]

    async def end_of(self, subscription: str) -> End:
        """How a subscription's workflow has ended; it tells itself, or else its result does."""
        state = await self._state(subscription)
        if state is not None and state.end is not None:
            return state.end
        return End.of_before((await self._sight(subscription)).ended_because or "")

    async def _strays(self, agreements: Sequence[Agreement]) -> dict[str, Discrepancy | None]:
        """What agreements are that no subscription of ours names."""
        if not agreements:
            return {}
        kept = await self._ours.related(
            [each.subscription for each in agreements], [each.customer_ref for each in agreements]
        )
        return {each.ref: of_stray(each, kept) for each in agreements}

    async def _second_look(self, suspects: Sequence[_Suspect]) -> tuple[tuple[Discrepancy, ...], int]:
        if not suspects:
            return (), 0
        await asyncio.sleep(self._between_looks)
        found: list[Discrepancy] = []
        under_way = 0
        for suspect in suspects:
            now, is_busy = await self._look(suspect.subscription, suspect.agreement_ref)
            lasting = [each for each in now if each.kind in suspect.kinds or each.kind in SEEN_AT_ONCE]
            if lasting and is_busy:
                under_way += 1
            else:
                found += lasting
        return tuple(found), under_way

    async def _look(self, subscription: str, agreement_ref: str) -> tuple[list[Discrepancy], bool]:
        """All that differs now, and whether the workflow is in the middle of something."""
        # The row last: what it lacks then was not on its way.
        sight = await self._told(subscription) if subscription else None
        agreement = await self._asked(agreement_ref) if agreement_ref else None
        kept = await self._ours.one(subscription) if subscription else None
        found: list[Discrepancy] = []
        if kept is not None and sight is not None:
            found += of_workflow(kept, sight)
        if kept is not None and kept.subscription.agreement_ref == agreement_ref:
            found += await self._of_agreement(kept.subscription, agreement)
        elif agreement is not None and not agreement.is_over:
            stray = (await self._strays([agreement]))[agreement.ref]
            found += [stray] if stray is not None else []
        return found, sight is not None and sight.is_busy

    async def _of_agreement(self, written: Subscription, agreement: Agreement | None) -> list[Discrepancy]:
        found = list(of_agreement(written, agreement))
        if all(each.kind is not DifferenceKind.BILLING_HELD for each in found):
            return found
        # Whose word the hold is only the workflow knows: it is told between two steps.
        state = await self._state(written.id)
        is_held = written.is_held if state is None else state.is_held
        return list(of_agreement(replace(written, is_held=is_held), agreement))

    async def _told(self, subscription: str) -> Sight:
        """What can be seen of a workflow, and how it stands should that not be what was written down."""
        sight = await self._sight(subscription)
        kept = await self._ours.one(subscription)
        return sight if kept is None else await self._with_state(kept, sight)

    async def _asked(self, agreement_ref: str) -> Agreement | None:
        await asyncio.sleep(BETWEEN_ASKING)
        return await self._agreements.agreement(agreement_ref)

    async def _sights(self, rows: Sequence[Projection]) -> list[Sight]:
        """What can be seen of each workflow; one is asked itself only when it shows otherwise."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def look(kept: Projection) -> Sight:
            async with turns:
                return await self._with_state(kept, await self._sight(kept.subscription.id))

        return await asyncio.gather(*(look(kept) for kept in rows))

    async def _with_state(self, kept: Projection, sight: Sight) -> Sight:
        if not sight.is_running or not shows_otherwise(kept, sight):
            return sight
        state = await self._state(kept.subscription.id)
        return Sight(is_running=True, is_busy=sight.is_busy, state=state, is_silent=state is None)

    async def _sight(self, subscription: str) -> Sight:
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            described = await handle.describe()
            if described.status is WorkflowExecutionStatus.RUNNING:
                return _shown(described)
            if described.status is WorkflowExecutionStatus.COMPLETED:
                return Sight(is_running=False, ended_because=str(await handle.result() or ""))
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise GatewayUnavailable(f"Temporal does not answer: {error.message}") from error
        return Sight(is_running=False)

    async def _state(self, subscription: str) -> Subscription | None:
        """The subscription as its workflow has it; None: it does not answer."""
        handle = self._client.get_workflow_handle(subscription_workflow_id(subscription))
        try:
            return await handle.query(SubscriptionWorkflow.current, rpc_timeout=timedelta(seconds=ANSWER_TIMEOUT))
        except (WorkflowQueryFailedError, RPCError):
            return None


def _shown(described: WorkflowExecutionDescription) -> Sight:
    attributes = described.typed_search_attributes
    at = attributes.get(visibility.NEXT_ACTION_AT)
    return Sight(
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
