"""Compares provider, database and workflows page by page, hourly on a Temporal Schedule or on demand."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypedDict

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.inbox import InboxActivities
    from activities.reconciling import HealRequest, NoteRequest, PageRequest, ReconcileActivities
    from domain.names import PAYMENTS_QUEUE, RECORDS_QUEUE
    from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome
    from domain.reconciliation.ports import Found, Page
    from domain.reconciliation.runs import RunReport
    from workflows.retries import HEARTBEAT_TIMEOUT, retry_forever

PAGES_PER_RUN = 50
HEAL_CONCURRENCY = 5
TOO_MANY_LOST = (
    "more workflows are lost than are restored automatically: find out why, then run `tenure reconcile --fix`"
)
WITHOUT_PROVIDER = "without-provider"
"""A change to the order of commands: before, nothing was compared while the provider did not respond."""
NOTES_RUN = "note-reconciliation"
"""A change to the order of commands: before, a run left no record of itself, and differences were never closed."""
RESTARTS_OLDER = "restart-older-workflows"
"""A change to the order of commands: before, workflows that are older than the database were left to operators."""
RESTORED = (DifferenceKind.WORKFLOW_MISSING, DifferenceKind.WORKFLOW_BEHIND)
"""Differences that are healed by starting a workflow again."""
LOWEST_PRIORITY = Priority(priority_key=5)
"""Everything else that waits for the provider goes first."""


class _Options(TypedDict):
    task_queue: str
    start_to_close_timeout: timedelta
    heartbeat_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


COMPARING: _Options = {
    "task_queue": PAYMENTS_QUEUE,
    # A page with many unresponsive workflows takes minutes.
    "start_to_close_timeout": timedelta(minutes=10),
    "heartbeat_timeout": HEARTBEAT_TIMEOUT,
    # After that the next hourly run starts over.
    "schedule_to_close_timeout": timedelta(minutes=45),
    "retry_policy": retry_forever(max_interval=timedelta(minutes=2)),
    "priority": LOWEST_PRIORITY,
}
HEALING: _Options = COMPARING | {
    "start_to_close_timeout": timedelta(seconds=45),
    "schedule_to_close_timeout": timedelta(minutes=3),
}
FETCHING: _Options = COMPARING | {
    # They work for a minute and a half, then finish what they have started.
    "start_to_close_timeout": timedelta(minutes=3),
    "schedule_to_close_timeout": timedelta(minutes=15),
    # Everything else is done by then; events still missing are left to the sweep or the next hourly run.
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3),
}
SWEEPING: _Options = FETCHING | {"task_queue": RECORDS_QUEUE}
RECORDING: _Options = COMPARING | {"task_queue": RECORDS_QUEUE, "start_to_close_timeout": timedelta(seconds=30)}


class Stage(StrEnum):
    """What is compared, in this order."""

    AGREEMENTS = "agreements"
    SUBSCRIPTIONS = "subscriptions"
    MAILS = "mails"
    MESSAGES = "messages"
    """Provider events: those that waited for a lost workflow, and those that never arrived."""
    DONE = "done"


@dataclass(frozen=True)
class Tally:
    """The result of a reconciliation, in counts."""

    agreements: int = 0
    """Provider agreements compared with our subscriptions."""
    subscriptions: int = 0
    """Subscriptions compared with their workflows."""
    not_ours: int = 0
    under_way: int = 0
    unheard: int = 0
    """Provider events that had never arrived."""
    found: dict[str, dict[str, int]] = field(default_factory=dict)
    """The number of differences by kind and outcome."""
    not_heard: str = ""
    """Why some provider events may not have been delivered or fetched; empty: all were."""
    not_compared: str = ""
    """Why the provider's agreements were not compared; empty: they were."""

    def with_page(self, page: Page, stage: Stage, found: Sequence[Found]) -> "Tally":
        counts = {kind: dict(outcomes) for kind, outcomes in self.found.items()}
        for each in found:
            of_kind = counts.setdefault(each.discrepancy.kind.value, {})
            of_kind[each.outcome.value] = of_kind.get(each.outcome.value, 0) + 1
        return Tally(
            self.agreements + (page.compared if stage is Stage.AGREEMENTS else 0),
            self.subscriptions + (page.compared if stage is Stage.SUBSCRIPTIONS else 0),
            self.not_ours + page.not_ours,
            self.under_way + page.under_way,
            self.unheard,
            counts,
            self.not_heard,
            self.not_compared,
        )

    def count(self, outcome: Outcome) -> int:
        return sum(outcomes.get(outcome.value, 0) for outcomes in self.found.values())

    def in_words(self) -> str:
        """One line for an operator."""
        counts = ", ".join(f"{self.count(outcome)} {outcome}" for outcome in Outcome)
        compared = f"{self.agreements} agreements and {self.subscriptions} subscriptions compared"
        others = f"{self.under_way} under way, {self.not_ours} agreements are not ours"
        fetched = f", {self.unheard} missing events fetched" if self.unheard else ""
        undelivered = f"; not all events were delivered: {self.not_heard}" if self.not_heard else ""
        not_compared = f"; not all agreements were compared: {self.not_compared}" if self.not_compared else ""
        return f"{compared}: {counts}; {others}{fetched}{undelivered}{not_compared}"


@dataclass(frozen=True)
class Reconciliation:
    """What to do, and how far earlier runs got."""

    heals: bool
    restores_at_most: int | None = None
    """At most this many lost workflows are started again; None: all."""
    stage: Stage = Stage.AGREEMENTS
    cursor: str | None = None
    began: datetime | None = None
    restored: int = 0
    asks_every_workflow: bool = False
    """Ask each workflow for its state, also where it shows what is stored: as after a restore."""
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True)
class Reconciled:
    """The result; the table `discrepancies` lists each difference under `run`."""

    run: str
    tally: Tally


@workflow.defn(name="ReconcileWorkflow")
class ReconcileWorkflow:
    """Compares everything once; differences are healed, or listed for an operator."""

    @workflow.init
    def __init__(self, start: Reconciliation) -> None:
        self._progress = start if start.began is not None else replace(start, began=workflow.now())

    @workflow.run
    async def run(self, _start: Reconciliation) -> Reconciled:
        pages = 0
        while self._progress.stage is not Stage.DONE:
            if pages >= PAGES_PER_RUN or workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._progress)
            if self._progress.stage is Stage.MESSAGES:
                await self._deliver_missed_events()
            else:
                await self._reconcile_page()
            pages += 1
            self._show()
        if workflow.patched(NOTES_RUN):
            await workflow.execute_activity_method(
                ReconcileActivities.note_reconciliation, self._report(), **RECORDING, summary="Record the run"
            )
        await workflow.execute_activity_method(
            ReconcileActivities.forget_old_findings, **RECORDING, summary="Delete findings older than a month"
        )
        return Reconciled(self._run_id, self._progress.tally)

    @workflow.query(name="so_far", description="The result so far.")
    def so_far(self) -> Reconciled:
        """The result so far."""
        return Reconciled(self._run_id, self._progress.tally)

    @property
    def _run_id(self) -> str:
        """Stays the same across continue-as-new."""
        return workflow.info().first_execution_run_id

    def _report(self) -> RunReport:
        progress, tally = self._progress, self._progress.tally
        return RunReport(
            self._run_id,
            progress.began or workflow.now(),
            progress.heals,
            tally.agreements,
            tally.subscriptions,
            tally.not_ours,
            tally.under_way,
            tally.unheard,
            tally.found,
            tally.not_heard,
            tally.not_compared,
        )

    async def _reconcile_page(self) -> None:
        progress = self._progress
        try:
            page = await self._compare(progress)
        except ActivityError as error:
            if progress.stage is not Stage.AGREEMENTS or not workflow.patched(WITHOUT_PROVIDER):
                raise
            # Compare what needs no provider; above all the steps that are blocked because it denies us access.
            tally = replace(progress.tally, not_compared=str(error.cause or error))
            self._progress = replace(progress, stage=Stage.SUBSCRIPTIONS, cursor=None, tally=tally)
            return
        found = await self._heal_or_list(page.found)
        if found:
            await workflow.execute_activity_method(
                ReconcileActivities.note_findings,
                NoteRequest(self._run_id, tuple(found)),
                **RECORDING,
                summary=f"Record {len(found)} differences",
            )
        stages = list(Stage)
        is_last = page.next_cursor is None
        self._progress = replace(
            self._progress,
            stage=stages[stages.index(progress.stage) + 1] if is_last else progress.stage,
            cursor=page.next_cursor,
            tally=progress.tally.with_page(page, progress.stage, found),
        )

    async def _deliver_missed_events(self) -> None:
        """Runs last: all differences are known by then, and only an event reveals a refund or a new card."""
        progress, tally = self._progress, self._progress.tally
        problems: list[str] = []
        if progress.heals and progress.restored:
            # Failures from here on are reported, but do not fail the run: everything else is done.
            try:
                await workflow.execute_activity_method(
                    InboxActivities.sweep, **SWEEPING, summary="Deliver events that waited for lost workflows"
                )
            except ActivityError as error:
                problems.append(str(error.cause or error))
        if progress.heals:
            try:
                fetched = await workflow.execute_activity_method(
                    InboxActivities.fetch_unheard, **FETCHING, summary="Fetch events that never arrived"
                )
                tally = replace(tally, unheard=fetched.new)
                problems += [] if fetched.is_all else ["time ran out"]
            except ActivityError as error:
                problems.append(str(error.cause or error))
        self._progress = replace(progress, stage=Stage.DONE, tally=replace(tally, not_heard="; ".join(problems)))

    async def _compare(self, progress: Reconciliation) -> Page:
        compare: dict[Stage, Callable[..., Any]] = {
            Stage.AGREEMENTS: ReconcileActivities.compare_agreements,
            Stage.SUBSCRIPTIONS: ReconcileActivities.compare_subscriptions,
            Stage.MAILS: ReconcileActivities.compare_mails,
        }
        request = PageRequest(
            progress.cursor,
            progress.began or workflow.now(),
            without_provider=bool(progress.tally.not_compared),
            asks_every_workflow=progress.asks_every_workflow,
        )
        page: Page = await workflow.execute_activity_method(
            compare[progress.stage],
            request,
            **COMPARING,
            summary=f"Compare a page of {progress.stage}",
        )
        return page

    async def _heal_or_list(self, found: Sequence[Discrepancy]) -> list[Found]:
        """Heal what can be healed, a few subscriptions in parallel, and return the outcome of every difference."""
        done: list[Found] = []
        by_subscription: dict[str, list[Discrepancy]] = {}
        for each in found:
            if not self._should_heal(each):
                done.append(Found(each))
            elif each.kind in RESTORED and not self._claim_restore():
                done.append(Found(each, Outcome.LISTED, TOO_MANY_LOST))
            else:
                by_subscription.setdefault(each.subscription, []).append(each)
        groups = list(by_subscription.values())
        for start in range(0, len(groups), HEAL_CONCURRENCY):
            healing: list[Coroutine[Any, Any, Sequence[Found]]] = [
                self._heal(group) for group in groups[start : start + HEAL_CONCURRENCY]
            ]
            for healed in await asyncio.gather(*healing):
                done += healed
        return done

    def _should_heal(self, it: Discrepancy) -> bool:
        """Blocked steps are always retried: they are due, and would be retried within the hour anyway."""
        if not it.is_healable or not (self._progress.heals or it.kind is DifferenceKind.BLOCKED):
            return False
        return it.kind is not DifferenceKind.WORKFLOW_BEHIND or workflow.patched(RESTARTS_OLDER)

    def _claim_restore(self) -> bool:
        """Count one more restored workflow; False once the limit is reached."""
        limit = self._progress.restores_at_most
        if limit is not None and self._progress.restored >= limit:
            return False
        self._progress = replace(self._progress, restored=self._progress.restored + 1)
        return True

    async def _heal(self, found: Sequence[Discrepancy]) -> Sequence[Found]:
        kinds = ", ".join(sorted({each.kind.value for each in found}))
        try:
            return await workflow.execute_activity_method(
                ReconcileActivities.heal_subscription,
                HealRequest(self._run_id, tuple(found)),
                **HEALING,
                summary=f"Heal {kinds} of {found[0].subscription}",
            )
        except ActivityError as error:
            return [Found(each, Outcome.FAILED, str(error.cause or error)) for each in found]

    def _show(self) -> None:
        rows = [
            f"| {kind} | {outcome} | {count} |"
            for kind, outcomes in sorted(self._progress.tally.found.items())
            for outcome, count in sorted(outcomes.items())
        ]
        table = ["", "| difference | outcome | count |", "|---|---|---|", *rows] if rows else []
        workflow.set_current_details("\n".join([self._progress.tally.in_words(), *table]))
