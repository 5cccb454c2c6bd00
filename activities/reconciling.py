"""Reconciliation: activities that compare, fix, and store findings."""

from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.reconciliation.differences import Discrepancy
from domain.reconciliation.ports import Comparison, Found, Inspector, MailInspector, Page, SubscriptionHealer
from domain.reconciliation.runs import RunReport


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


class ReconcileActivities:
    """The activities of reconciliation; one per worker."""

    def __init__(
        self, inspector: Inspector, mails: MailInspector, healer: SubscriptionHealer, comparison: Comparison
    ) -> None:
        self._inspector = inspector
        self._mails = mails
        self._healer = healer
        self._comparison = comparison

    @activity.defn(name="compare_agreements")
    async def compare_agreements(self, request: PageRequest) -> Page:
        """Compare a page of the provider's agreements to our subscriptions. Changes only when they were last seen."""
        with as_temporal_failures():
            return await self._inspector.agreements(request.cursor, request.run_began)

    @activity.defn(name="compare_subscriptions")
    async def compare_subscriptions(self, request: PageRequest) -> Page:
        """Compare a page of our subscriptions to their workflows. Changes nothing."""
        with as_temporal_failures():
            return await self._inspector.subscriptions(
                request.cursor,
                request.run_began,
                without_provider=request.without_provider,
                asks_every_workflow=request.asks_every_workflow,
            )

    @activity.defn(name="compare_mails")
    async def compare_mails(self, request: PageRequest) -> Page:
        """Compare a page of long-waiting mails to the workflows that should send them. Changes nothing."""
        with as_temporal_failures():
            return await self._mails.mails(request.cursor)

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
