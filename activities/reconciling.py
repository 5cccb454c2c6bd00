"""Reconciliation: activities that compare, fix, and store findings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from temporalio import activity
from temporalio.converter import value_to_type

from activities.failures import as_temporal_failures
from domain.reconciliation.differences import Discrepancy
from domain.reconciliation.passes import PAGES_PER_ACTIVITY, Stage, Walk
from domain.reconciliation.planning import Plan, plan
from domain.reconciliation.ports import (
    Comparison,
    Found,
    Page,
    PageInspector,
    SubscriptionHealer,
    Walked,
    WalkRequest,
)
from domain.reconciliation.runs import RunReport

FOUND_AT_ONCE: Final = 100
"""Differences after which an activity ends, so that they are healed, and its result stays small."""
BEAT_EVERY: Final = 20.0
"""Seconds. The SDK passes on one a minute, and Temporal waits for two."""
REPORTS_OF: Final = timedelta(days=3)
"""How far back runs are looked at; a shard that none of them has compared is due."""


@dataclass(frozen=True)
class PageRequest:
    """Requests the page at `cursor`; None: the first."""

    cursor: str | None
    run_began: datetime
    without_provider: bool = False
    """The provider does not respond: compare only what does not need it."""
    asks_every_workflow: bool = False
    """Ask each workflow for its state, also where it shows what is stored."""


@dataclass(frozen=True)
class HealRequest:
    """Differences of one subscription."""

    run: str
    found: tuple[Discrepancy, ...]


@dataclass(frozen=True)
class NoteRequest:
    run: str
    found: tuple[Found, ...]


@dataclass(frozen=True)
class PlanRequest:
    """Requests what the hourly run that began then compares."""

    run_began: datetime


class ReconcileActivities:
    """The activities of reconciliation; one per worker."""

    def __init__(self, inspector: PageInspector, healer: SubscriptionHealer, comparison: Comparison) -> None:
        self._inspector = inspector
        self._healer = healer
        self._comparison = comparison

    @activity.defn(name="plan_reconciliation")
    async def plan_reconciliation(self, request: PlanRequest) -> Plan:
        """Decide what an hourly run compares, by what earlier ones have compared. Changes nothing."""
        with as_temporal_failures():
            reports = await self._comparison.reports(request.run_began - REPORTS_OF)
            return plan(request.run_began, reports)

    @activity.defn(name="compare_pages")
    async def compare_pages(self, request: WalkRequest) -> Walked:
        """Compare the next pages of a walk, up to fifty, and up to the end of a stage in which something differs.

        Changes only when agreements were last seen. What was compared is in the details of the heartbeats: another
        attempt goes on from there.
        """
        walked = _walked_before(request)
        with as_temporal_failures():
            async with _beating(lambda: walked):
                while not _is_enough(walked, request):
                    page = await self._inspector.page(replace(request, walk=walked.walk))
                    walked = walked.with_page(page)
                    activity.heartbeat(walked)
        return walked

    @activity.defn(name="compare_agreements")
    async def compare_agreements(self, request: PageRequest) -> Page:
        """Compare a page of the provider's agreements, for runs that began before `compare_pages`."""
        return await self._page(Stage.AGREEMENTS, request)

    @activity.defn(name="compare_subscriptions")
    async def compare_subscriptions(self, request: PageRequest) -> Page:
        """Compare a page of our subscriptions, for runs that began before `compare_pages`."""
        return await self._page(Stage.SUBSCRIPTIONS, request)

    @activity.defn(name="compare_mails")
    async def compare_mails(self, request: PageRequest) -> Page:
        """Compare a page of long-waiting mails, for runs that began before `compare_pages`."""
        return await self._page(Stage.MAILS, request)

    async def _page(self, stage: Stage, it: PageRequest) -> Page:
        walk = Walk((stage,), cursor=it.cursor)
        with as_temporal_failures():
            return await self._inspector.page(
                WalkRequest(
                    walk,
                    it.run_began,
                    without_provider=it.without_provider,
                    asks_every_workflow=it.asks_every_workflow,
                )
            )

    @activity.defn(name="heal_subscription")
    async def heal_subscription(self, request: HealRequest) -> tuple[Found, ...]:
        """Fix what can be fixed, and return the outcomes. Idempotent: what is right stays unchanged."""
        with as_temporal_failures():
            return tuple(await self._healer.heal(request.run, request.found))

    @activity.defn(name="note_findings")
    async def note_findings(self, request: NoteRequest) -> None:
        """Store findings. Idempotent by run, kind, subscription and agreement."""
        with as_temporal_failures():
            await self._comparison.keep(request.run, request.found)

    @activity.defn(name="note_reconciliation")
    async def note_reconciliation(self, report: RunReport) -> None:
        """Store what a run has found, and close what it has not found any more. Idempotent by run."""
        with as_temporal_failures():
            await self._comparison.end_run(report)

    @activity.defn(name="forget_old_findings")
    async def forget_old_findings(self) -> None:
        """Remove findings and runs older than a month."""
        with as_temporal_failures():
            await self._comparison.forget_old()


def _is_enough(walked: Walked, request: WalkRequest) -> bool:
    if walked.walk.is_done or walked.pages >= PAGES_PER_ACTIVITY or len(walked.found) >= FOUND_AT_ONCE:
        return True
    # What a stage has found is healed before the next one, where what results from it would differ as well.
    return bool(walked.found) and walked.walk.stages != request.walk.stages


def _walked_before(request: WalkRequest) -> Walked:
    """How far the previous attempt came."""
    details = activity.info().heartbeat_details
    found: Walked = value_to_type(Walked, details[0]) if details else Walked(request.walk)
    return found


@asynccontextmanager
async def _beating(details: Callable[[], Walked]) -> AsyncIterator[None]:
    """Heartbeats inside the block, also while one page takes long."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY)
            activity.heartbeat(details())

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
