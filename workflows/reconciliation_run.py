"""What every reconciliation carries along, and how it settles what it finds."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypedDict

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.reconciling import HealRequest, NoteRequest, ReconcileActivities
    from domain.names import PAYMENTS_QUEUE, RECORDS_QUEUE
    from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome
    from domain.reconciliation.passes import Parts, Scope, Stage
    from domain.reconciliation.ports import Found
    from domain.reconciliation.runs import RunReport
    from workflows.retries import HEARTBEAT_TIMEOUT, retry_forever

HEAL_CONCURRENCY = 5
MOST_SETTLED = 1000
"""This many keys are carried along; what is beyond is settled twice, which does no harm."""
TOO_MANY_LOST = (
    "more workflows are lost than are restored automatically: find out why, then run `tenure reconcile --fix`"
)
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
RECORDING: _Options = COMPARING | {"task_queue": RECORDS_QUEUE, "start_to_close_timeout": timedelta(seconds=30)}
FETCHING: _Options = COMPARING | {
    # They work for a minute and a half, then finish what they have started.
    "start_to_close_timeout": timedelta(minutes=3),
    "schedule_to_close_timeout": timedelta(minutes=15),
    # Events still missing are left to the sweep or the next hourly run.
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3),
}
SWEEPING: _Options = FETCHING | {"task_queue": RECORDS_QUEUE}


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

    def adding(
        self,
        found: Sequence[Found],
        *,
        agreements: int = 0,
        subscriptions: int = 0,
        not_ours: int = 0,
        under_way: int = 0,
    ) -> "Tally":
        """The result with what more pages have found."""
        counts = {kind: dict(outcomes) for kind, outcomes in self.found.items()}
        for each in found:
            of_kind = counts.setdefault(each.discrepancy.kind.value, {})
            of_kind[each.outcome.value] = of_kind.get(each.outcome.value, 0) + 1
        return replace(
            self,
            agreements=self.agreements + agreements,
            subscriptions=self.subscriptions + subscriptions,
            not_ours=self.not_ours + not_ours,
            under_way=self.under_way + under_way,
            found=counts,
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
    """Where a run goes on that was begun by an earlier release."""
    cursor: str | None = None
    """Of `stage`."""
    began: datetime | None = None
    restored: int = 0
    asks_every_workflow: bool = False
    """Ask each workflow for its state, also where it shows what is stored: as after a restore."""
    tally: Tally = field(default_factory=Tally)
    scope: Scope = Scope.WHOLE
    has_heard: bool = False
    """The provider events that never arrived were fetched."""
    parts: Parts | None = None
    """What is left to be compared; None: that is still to be decided."""
    since: datetime | None = None
    """When what has changed since the last run began to change."""
    shards: tuple[int, ...] = ()
    """Those that a run compares in full that does not compare everything."""
    settled: tuple[str, ...] = ()
    """The keys of what was found: another stage may come upon the same."""


@dataclass(frozen=True)
class Reconciled:
    """The result; the table `discrepancies` lists each difference under `run`."""

    run: str
    tally: Tally


class ReconciliationRun:
    """A run in progress: how far it is, and what it does about what it finds."""

    def __init__(self, start: Reconciliation) -> None:
        self.began = start.began or workflow.now()
        self.progress = replace(start, began=self.began)

    @property
    def id(self) -> str:
        """Stays the same across continue-as-new."""
        return workflow.info().first_execution_run_id

    @property
    def result(self) -> Reconciled:
        return Reconciled(self.id, self.progress.tally)

    @property
    def report(self) -> RunReport:
        progress, tally = self.progress, self.progress.tally
        return RunReport(
            self.id,
            self.began,
            progress.heals,
            tally.agreements,
            tally.subscriptions,
            tally.not_ours,
            tally.under_way,
            tally.unheard,
            tally.found,
            tally.not_heard,
            tally.not_compared,
            progress.scope,
            progress.shards,
        )

    def note_not_compared(self, error: BaseException) -> None:
        """Go on without the provider; above all with steps that are blocked because it denies us access."""
        tally = replace(self.progress.tally, not_compared=str(error.__cause__ or error))
        self.progress = replace(self.progress, tally=tally)

    def note_not_heard(self, why: str) -> None:
        """Some events may not have been fetched or delivered; the next run goes on."""
        tally = self.progress.tally
        words = "; ".join(filter(None, (tally.not_heard, why)))
        self.progress = replace(self.progress, tally=replace(tally, not_heard=words))

    def new_among(self, found: Sequence[Discrepancy]) -> list[Discrepancy]:
        """Those that no earlier stage has come upon; they count as settled from now on."""
        known = dict.fromkeys(self.progress.settled)
        new = {key: each for each in found if (key := _key(each)) not in known}
        self.progress = replace(self.progress, settled=(*self.progress.settled, *new)[-MOST_SETTLED:])
        return list(new.values())

    async def settle(self, found: Sequence[Discrepancy]) -> list[Found]:
        """Heal what can be healed, record everything, and return what came of it."""
        settled = await self._heal_or_list(found)
        if settled:
            await workflow.execute_activity_method(
                ReconcileActivities.note_findings,
                NoteRequest(self.id, tuple(settled)),
                **RECORDING,
                summary=f"Record {len(settled)} differences",
            )
        return settled

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
        if not it.is_healable or not (self.progress.heals or it.kind is DifferenceKind.BLOCKED):
            return False
        return it.kind is not DifferenceKind.WORKFLOW_BEHIND or workflow.patched(RESTARTS_OLDER)

    def _claim_restore(self) -> bool:
        """Count one more restored workflow; False once the limit is reached."""
        limit = self.progress.restores_at_most
        if limit is not None and self.progress.restored >= limit:
            return False
        self.progress = replace(self.progress, restored=self.progress.restored + 1)
        return True

    async def _heal(self, found: Sequence[Discrepancy]) -> Sequence[Found]:
        kinds = ", ".join(sorted({each.kind.value for each in found}))
        try:
            return await workflow.execute_activity_method(
                ReconcileActivities.heal_subscription,
                HealRequest(self.id, tuple(found)),
                **HEALING,
                summary=f"Heal {kinds} of {found[0].subscription}",
            )
        except ActivityError as error:
            return [Found(each, Outcome.FAILED, str(error.cause or error)) for each in found]

    def show(self) -> None:
        """Show the result so far in the Temporal UI."""
        tally = self.progress.tally
        rows = [
            f"| {kind} | {outcome} | {count} |"
            for kind, outcomes in sorted(tally.found.items())
            for outcome, count in sorted(outcomes.items())
        ]
        table = ["", "| difference | outcome | count |", "|---|---|---|", *rows] if rows else []
        workflow.set_current_details("\n".join([tally.in_words(), *table]))


def _key(it: Discrepancy) -> str:
    return f"{it.kind}/{it.subscription}/{it.agreement_ref}"
