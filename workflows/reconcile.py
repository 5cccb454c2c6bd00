"""Reconciliation: provider, database and workflow compared page by page, hourly by a Temporal Schedule or by hand."""

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
    from activities.reconciling import HealRequest, NoteRequest, Page, PageRequest, ReconcileActivities
    from domain.names import PAYMENTS_QUEUE, RECORDS_QUEUE
    from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome
    from domain.reconciliation.ports import Found

PAGES_PER_RUN = 50
HEALED_AT_ONCE = 5
TOO_MANY_LOST = "more workflows are lost than are restored without a word: look why, then run `tenure reconcile --fix`"
WITHOUT_PROVIDER = "without-provider"
"""A change to the order of commands: until then nothing was compared while the provider gave no answer."""
LAST = Priority(priority_key=5)
"""Whatever else waits for the provider goes first."""


class _Options(TypedDict):
    task_queue: str
    start_to_close_timeout: timedelta
    schedule_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    priority: Priority


RETRY_FOREVER = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=2))
COMPARING: _Options = {
    "task_queue": PAYMENTS_QUEUE,
    # A page on which many workflows do not answer takes minutes.
    "start_to_close_timeout": timedelta(minutes=10),
    # Then the next hour's run begins anew.
    "schedule_to_close_timeout": timedelta(minutes=45),
    "retry_policy": RETRY_FOREVER,
    "priority": LAST,
}
HEALING: _Options = COMPARING | {
    "start_to_close_timeout": timedelta(seconds=45),
    "schedule_to_close_timeout": timedelta(minutes=3),
}
HEARING: _Options = COMPARING | {
    # They work for a minute and a half, then finish what they have begun.
    "start_to_close_timeout": timedelta(minutes=3),
    "schedule_to_close_timeout": timedelta(minutes=15),
    # Everything else is done by then; what is still not heard is the sweeper's, or the next hour's.
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3),
}
SWEEPING: _Options = HEARING | {"task_queue": RECORDS_QUEUE}
NOTING: _Options = COMPARING | {"task_queue": RECORDS_QUEUE, "start_to_close_timeout": timedelta(seconds=30)}


class Stage(StrEnum):
    """What is looked through, in this order."""

    AGREEMENTS = "agreements"
    SUBSCRIPTIONS = "subscriptions"
    MAILS = "mails"
    MESSAGES = "messages"
    """Of the provider: those that waited for a workflow that was lost, and those that never came."""
    DONE = "done"


@dataclass(frozen=True)
class Tally:
    """What a reconciliation has come to."""

    agreements: int = 0
    """Compared with a subscription of ours."""
    subscriptions: int = 0
    """Compared with their workflows."""
    not_ours: int = 0
    under_way: int = 0
    unheard: int = 0
    """Messages of the provider that had never come."""
    found: dict[str, dict[str, int]] = field(default_factory=dict)
    """How many of each kind came to each outcome."""
    not_heard: str = ""
    """Why messages of the provider may be left that were not delivered or fetched; empty: none are."""
    not_compared: str = ""
    """Why the provider's agreements were not looked through; empty: they were."""

    def after(self, page: Page, stage: Stage, found: Sequence[Found]) -> "Tally":
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
        fetched = f", {self.unheard} messages fetched that never came" if self.unheard else ""
        left = f"; not all messages were heard: {self.not_heard}" if self.not_heard else ""
        unseen = f"; not all agreements were compared: {self.not_compared}" if self.not_compared else ""
        return f"{compared}: {counts}; {others}{fetched}{left}{unseen}"


@dataclass(frozen=True)
class Reconciliation:
    """What to do, and from run to run how far it has come."""

    heals: bool
    restores_at_most: int | None = None
    """So many lost workflows are started again; None: all."""
    stage: Stage = Stage.AGREEMENTS
    cursor: str | None = None
    began: datetime | None = None
    restored: int = 0
    tally: Tally = field(default_factory=Tally)


@dataclass(frozen=True)
class Reconciled:
    """The end of it: under `run` the table `discrepancies` has each difference."""

    run: str
    tally: Tally


@workflow.defn(name="ReconcileWorkflow")
class ReconcileWorkflow:
    """Looks once through everything; what differs is healed, or listed for an operator."""

    @workflow.init
    def __init__(self, asked: Reconciliation) -> None:
        self._stands = asked if asked.began is not None else replace(asked, began=workflow.now())

    @workflow.run
    async def run(self, _asked: Reconciliation) -> Reconciled:
        pages = 0
        while self._stands.stage is not Stage.DONE:
            if pages >= PAGES_PER_RUN or workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._stands)
            if self._stands.stage is Stage.MESSAGES:
                await self._hear_what_was_missed()
            else:
                await self._look_through_a_page()
            pages += 1
            self._show()
        await workflow.execute_activity_method(
            ReconcileActivities.forget_old_findings, **NOTING, summary="Forget what was found a month ago"
        )
        return Reconciled(self._run_id, self._stands.tally)

    @workflow.query(name="so_far")
    def so_far(self) -> Reconciled:
        """What it has come to so far."""
        return Reconciled(self._run_id, self._stands.tally)

    @property
    def _run_id(self) -> str:
        """The same however often it continues as new."""
        return workflow.info().first_execution_run_id

    async def _look_through_a_page(self) -> None:
        stands = self._stands
        try:
            page = await self._compare(stands)
        except ActivityError as error:
            if stands.stage is not Stage.AGREEMENTS or not workflow.patched(WITHOUT_PROVIDER):
                raise
            # What can be seen without the provider is: above all what waits because it does not let us in.
            tally = replace(stands.tally, not_compared=str(error.cause or error))
            self._stands = replace(stands, stage=Stage.SUBSCRIPTIONS, cursor=None, tally=tally)
            return
        found = await self._settle(page.found)
        if found:
            await workflow.execute_activity_method(
                ReconcileActivities.note_findings,
                NoteRequest(self._run_id, tuple(found)),
                **NOTING,
                summary=f"Write down {len(found)} differences",
            )
        stages = list(Stage)
        is_last = page.next_cursor is None
        self._stands = replace(
            self._stands,
            stage=stages[stages.index(stands.stage) + 1] if is_last else stands.stage,
            cursor=page.next_cursor,
            tally=stands.tally.after(page, stands.stage, found),
        )

    async def _hear_what_was_missed(self) -> None:
        """Last of all: what differs has its name by now, and only a message tells of a refund or of a card given."""
        stands, tally = self._stands, self._stands.tally
        why_not: list[str] = []
        if stands.heals and stands.restored:
            # What fails from here on is noted: all else is done, and is not to count as failed for it.
            try:
                await workflow.execute_activity_method(
                    InboxActivities.sweep, **SWEEPING, summary="Deliver what waited for lost workflows"
                )
            except ActivityError as error:
                why_not.append(str(error.cause or error))
        if stands.heals:
            try:
                fetched = await workflow.execute_activity_method(
                    InboxActivities.fetch_unheard, **HEARING, summary="Fetch messages that never came"
                )
                tally = replace(tally, unheard=fetched.new)
                why_not += [] if fetched.is_all else ["the time was up"]
            except ActivityError as error:
                why_not.append(str(error.cause or error))
        self._stands = replace(stands, stage=Stage.DONE, tally=replace(tally, not_heard="; ".join(why_not)))

    async def _compare(self, stands: Reconciliation) -> Page:
        compare: dict[Stage, Callable[..., Any]] = {
            Stage.AGREEMENTS: ReconcileActivities.compare_agreements,
            Stage.SUBSCRIPTIONS: ReconcileActivities.compare_subscriptions,
            Stage.MAILS: ReconcileActivities.compare_mails,
        }
        request = PageRequest(
            stands.cursor, stands.began or workflow.now(), without_provider=bool(stands.tally.not_compared)
        )
        page: Page = await workflow.execute_activity_method(
            compare[stands.stage],
            request,
            **COMPARING,
            summary=f"Compare a page of {stands.stage}",
        )
        return page

    async def _settle(self, found: Sequence[Discrepancy]) -> list[Found]:
        """Heal what can be healed, a few subscriptions side by side, and tell of everything what came of it."""
        done: list[Found] = []
        by_subscription: dict[str, list[Discrepancy]] = {}
        for each in found:
            if not (self._puts_right(each.kind) and each.is_healable):
                done.append(Found(each))
            elif each.kind is DifferenceKind.WORKFLOW_MISSING and not self._may_restore():
                done.append(Found(each, Outcome.LISTED, TOO_MANY_LOST))
            else:
                by_subscription.setdefault(each.subscription, []).append(each)
        groups = list(by_subscription.values())
        for start in range(0, len(groups), HEALED_AT_ONCE):
            healing: list[Coroutine[Any, Any, Sequence[Found]]] = [
                self._heal(group) for group in groups[start : start + HEALED_AT_ONCE]
            ]
            for healed in await asyncio.gather(*healing):
                done += healed
        return done

    def _puts_right(self, kind: DifferenceKind) -> bool:
        """What is blocked is tried again in any case: it is due, and would be tried within the hour anyway."""
        return self._stands.heals or kind is DifferenceKind.BLOCKED

    def _may_restore(self) -> bool:
        limit = self._stands.restores_at_most
        if limit is not None and self._stands.restored >= limit:
            return False
        self._stands = replace(self._stands, restored=self._stands.restored + 1)
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
            for kind, outcomes in sorted(self._stands.tally.found.items())
            for outcome, count in sorted(outcomes.items())
        ]
        table = ["", "| difference | outcome | how many |", "|---|---|---|", *rows] if rows else []
        workflow.set_current_details("\n".join([self._stands.tally.in_words(), *table]))
