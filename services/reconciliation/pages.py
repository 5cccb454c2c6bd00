"""Compares the next page of a walk, whichever stage it has come to."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from domain.id_ranges import ALL_IDS
from domain.provider.agreements import ALL_AGREEMENTS, AgreementFilter
from domain.provider.ports import Agreements
from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.passes import PAGE, Stage, ids_of_shard, shard_of_agreement, window_before
from domain.reconciliation.ports import ComparedRows, Comparison, MailInspector, Page, WalkRequest
from domain.reconciliation.runs import SEEN_WITHOUT_PROVIDER
from services.reconciliation.inspection import OVERDUE_AFTER, Inspection
from services.reconciliation.running_workflows import RunningWorkflowsInspection
from services.reconciliation.stuck_mails import of_revenue

FOUND_IN_FULL: Final = frozenset(
    {
        DifferenceKind.MAIL_STUCK,
        DifferenceKind.MAIL_UNSENT,
        DifferenceKind.ADDRESS_UNUSABLE,
        DifferenceKind.CUSTOMER_NOT_TOLD,
        DifferenceKind.PURCHASE_WAITING,
        DifferenceKind.PURCHASE_UNKNOWN,
    }
)
"""Every run finds all of these by itself, so that earlier ones need no look of their own."""


class Pages:
    """Implements the port `PageInspector`."""

    def __init__(
        self,
        inspection: Inspection,
        agreements: Agreements,
        comparison: Comparison,
        rows: ComparedRows,
        mails: MailInspector,
        workflows: RunningWorkflowsInspection,
    ) -> None:
        self._inspection = inspection
        self._agreements = agreements
        self._comparison = comparison
        self._rows = rows
        self._mails = mails
        self._workflows = workflows
        self._stages: Mapping[Stage, Callable[[WalkRequest], Awaitable[Page]]] = {
            Stage.OPEN: self._open,
            Stage.MADE: self._made,
            Stage.BEGUN: self._begun,
            Stage.DUE: self._due,
            Stage.AGREEMENTS: self._listed,
            Stage.UNLISTED: self._unlisted,
            Stage.SUBSCRIPTIONS: self._subscriptions,
            Stage.WORKFLOWS: lambda it: self._workflows.page(it.walk.cursor, it.walk.shard),
            Stage.REVENUE: self._revenue,
            Stage.MAILS: lambda it: self._mails.mails(it.walk.cursor),
        }

    async def page(self, request: WalkRequest) -> Page:
        """Compare the next page of the walk's first stage.

        Raises:
            TenureError: the provider, the database or Temporal did not respond.
        """
        return await self._stages[request.walk.stages[0]](request)

    async def _open(self, it: WalkRequest) -> Page:
        known = await self._comparison.open(it.walk.cursor, it.run_began, limit=PAGE)
        looked_at = [each.discrepancy for each in known if each.discrepancy.kind not in FOUND_IN_FULL]
        if it.without_provider:
            looked_at = [each for each in looked_at if each.kind in SEEN_WITHOUT_PROVIDER]
        page = await self._inspection.again([each for each in looked_at if each.kind != DifferenceKind.REVENUE_DIFFERS])
        revenue = [
            of_revenue(found)
            for each in looked_at
            if each.kind == DifferenceKind.REVENUE_DIFFERS
            for found in await self._comparison.revenue_differences(each.subscription, each.subscription)
        ]
        cursor = known[-1].id if len(known) == PAGE else None
        return replace(page, found=(*page.found, *revenue), next_cursor=cursor)

    async def _made(self, it: WalkRequest) -> Page:
        return await self._among(it, AgreementFilter(made_since=it.since))

    async def _begun(self, it: WalkRequest) -> Page:
        return await self._among(it, AgreementFilter(begun_since=it.since))

    async def _listed(self, it: WalkRequest) -> Page:
        if it.walk.shard is None:
            return await self._among(it, ALL_AGREEMENTS)
        return await self._of_shard(it, it.walk.shard)

    async def _among(self, it: WalkRequest, among: AgreementFilter) -> Page:
        listed = await self._agreements.page(it.walk.cursor, limit=PAGE, among=among)
        page = await self._inspection.of_listed(listed.agreements, it.run_began)
        return replace(page, next_cursor=listed.next_cursor)

    async def _of_shard(self, it: WalkRequest, shard: int) -> Page:
        """Compare the next page of a shard, newest first.

        The provider lists by when agreements were made. Where a page ends outside the shard's windows, the next one
        begins with the end of its next older window: few agreements of other shards are compared as well, and an
        account with few agreements takes few calls, however old it is.
        """
        made_before, cursor = _shard_cursor(it.walk.cursor)
        listed = await self._agreements.page(cursor, limit=PAGE, among=AgreementFilter(made_before=made_before))
        page = await self._inspection.of_listed(listed.agreements, it.run_began)
        if listed.next_cursor is None:
            return page
        oldest = listed.agreements[-1].created_at
        if shard_of_agreement(oldest) == shard:
            return replace(page, next_cursor=_as_cursor(made_before, listed.next_cursor))
        return replace(page, next_cursor=_as_cursor(window_before(oldest, shard), ""))

    async def _unlisted(self, it: WalkRequest) -> Page:
        shard, after = it.walk.shard, it.walk.cursor
        assert shard is not None  # noqa: S101 - a whole pass has no such stage
        if after is None:
            await self._rows.forget_sightings(shard, it.run_began)
        rows = await self._rows.unlisted(after, it.run_began, shard=shard, limit=PAGE)
        page = await self._inspection.of_rows(rows, with_workflows=False)
        return replace(page, next_cursor=rows[-1][0].subscription.id if len(rows) == PAGE else None)

    async def _due(self, it: WalkRequest) -> Page:
        late_since = datetime.now(UTC) - OVERDUE_AFTER
        rows = await self._rows.due(it.walk.cursor, late_since=late_since, limit=PAGE)
        # What is late is so because of its workflow: the agreement is compared where it has changed, or by its shard.
        page = await self._inspection.of_rows([(row, True) for row in rows])
        return replace(page, next_cursor=rows[-1].subscription.id if len(rows) == PAGE else None)

    async def _subscriptions(self, it: WalkRequest) -> Page:
        rows = await self._rows.live(it.walk.cursor, it.run_began, limit=PAGE, shard=it.walk.shard)
        page = await self._inspection.of_rows(
            rows, without_provider=it.without_provider, asks_every_workflow=it.asks_every_workflow
        )
        return replace(page, next_cursor=rows[-1][0].subscription.id if len(rows) == PAGE else None)

    async def _revenue(self, it: WalkRequest) -> Page:
        first, last = ALL_IDS if it.walk.shard is None else ids_of_shard(it.walk.shard)
        found: list[Discrepancy] = [
            of_revenue(each) for each in await self._comparison.revenue_differences(first, last)
        ]
        return Page(tuple(found))


def _as_cursor(made_before: datetime | None, cursor: str) -> str:
    return f"{'' if made_before is None else int(made_before.timestamp())}/{cursor}"


def _shard_cursor(cursor: str | None) -> tuple[datetime | None, str | None]:
    """The end of the window that is listed, and where its list goes on."""
    if cursor is None:
        return None, None
    moment, _, rest = cursor.partition("/")
    return datetime.fromtimestamp(int(moment), UTC) if moment else None, rest or None
