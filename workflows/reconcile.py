"""Compares provider, database and workflows, hourly on a Temporal Schedule or on demand.

On demand everything is compared. The hourly run compares what has changed since the last one, and a shard of
everything, so that a whole pass takes a day (`domain.reconciliation.passes`).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.inbox import InboxActivities
    from activities.reconciling import PlanRequest, ReconcileActivities
    from domain.reconciliation.passes import NEED_PROVIDER, OF_OURS, Parts, Scope, Stage, Walk, part, whole
    from domain.reconciliation.ports import Walked, WalkRequest
    from workflows.reconcile_page_by_page import PageByPage
    from workflows.reconciliation_run import (
        COMPARING,
        FETCHING,
        RECORDING,
        SWEEPING,
        Reconciled,
        Reconciliation,
        ReconciliationRun,
    )

ROUNDS_PER_RUN = 50
NOTES_RUN = "note-reconciliation"
"""A change to the order of commands: before, a run left no record of itself, and differences were never closed."""
IN_WALKS = "reconcile-in-walks"
"""A change to the order of commands: before, each page was an activity, and messages came last."""
WALKING = COMPARING | {
    "start_to_close_timeout": timedelta(minutes=30),
    # The activity heartbeats by itself, with how far it is; the SDK passes on one a minute.
    "heartbeat_timeout": timedelta(minutes=2),
}


@workflow.defn(name="ReconcileWorkflow")
class ReconcileWorkflow:
    """Compares everything, or an hour's part of it; differences are healed, or listed for an operator."""

    @workflow.init
    def __init__(self, start: Reconciliation) -> None:
        self._run = ReconciliationRun(start)

    @workflow.run
    async def run(self, _start: Reconciliation) -> Reconciled:
        if workflow.patched(IN_WALKS):
            await self._work_through()
        else:
            await PageByPage(self._run).work_through()
        if workflow.patched(NOTES_RUN):
            await workflow.execute_activity_method(
                ReconcileActivities.note_reconciliation, self._run.report, **RECORDING, summary="Record the run"
            )
        await workflow.execute_activity_method(
            ReconcileActivities.forget_old_findings, **RECORDING, summary="Delete findings older than a month"
        )
        return self._run.result

    @workflow.query(name="so_far", description="The result so far.")
    def so_far(self) -> Reconciled:
        """The result so far."""
        return self._run.result

    async def _work_through(self) -> None:
        if self._run.progress.scope is Scope.PART:
            await self._fetch_missed_events()
        await self._plan()
        rounds = 0
        while parts := self._run.progress.parts:
            if rounds >= ROUNDS_PER_RUN or workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._run.progress)
            await self._go_on(parts)
            rounds += 1
            self._run.show()
        await self._deliver_to_restored()
        # Unless it was the first: on demand, everything is compared as it stands.
        await self._fetch_missed_events()

    async def _fetch_missed_events(self) -> None:
        """Fetch events that the provider could not deliver. Failures are reported, but do not fail the run.

        An hourly run does so first: what they tell need not be found and healed one by one, and it is told however long
        the rest takes.
        """
        progress = self._run.progress
        if progress.has_heard or not progress.heals:
            return
        self._run.progress = replace(progress, has_heard=True)
        try:
            fetched = await workflow.execute_activity_method(
                InboxActivities.fetch_unheard, **FETCHING, summary="Fetch events that never arrived"
            )
        except ActivityError as error:
            _raise_if_canceled(error)
            self._run.note_not_heard(str(error.cause or error))
            return
        tally = replace(self._run.progress.tally, unheard=fetched.new)
        self._run.progress = replace(self._run.progress, tally=tally)
        if not fetched.is_all:
            self._run.note_not_heard("time ran out")

    async def _plan(self) -> None:
        progress = self._run.progress
        if progress.parts is not None:
            return
        if progress.scope is Scope.WHOLE:
            self._run.progress = replace(progress, parts=_parts_from(progress.stage, progress.cursor))
            return
        planned = await workflow.execute_activity_method(
            ReconcileActivities.plan_reconciliation,
            PlanRequest(self._run.began),
            **RECORDING,
            summary="Decide what this hour compares",
        )
        self._run.progress = replace(progress, parts=part(planned.shards), since=planned.since, shards=planned.shards)

    async def _go_on(self, parts: Parts) -> None:
        """Compare the next pages of each walk of the first part, and settle what they have found."""
        walks, later = parts[0], parts[1:]
        needs_provider = any(walk.stages[0] in NEED_PROVIDER for walk in walks)
        if needs_provider and self._run.progress.tally.not_compared:
            self._run.progress = replace(self._run.progress, parts=later)
            return
        results = await asyncio.gather(*(self._compare(walk) for walk in walks), return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        for failure in failures:
            if not needs_provider or not isinstance(failure, ActivityError) or is_cancelled_exception(failure):
                raise failure
            self._run.note_not_compared(failure)
        walked = [result for result in results if isinstance(result, Walked)]
        await self._settle(walked)
        left = () if failures else tuple(each.walk for each in walked if not each.walk.is_done)
        self._run.progress = replace(self._run.progress, parts=(left, *later) if left else later)

    async def _settle(self, walked: Sequence[Walked]) -> None:
        for each in walked:
            found = await self._run.settle(self._run.new_among(each.found))
            tally = self._run.progress.tally.adding(
                found,
                agreements=each.agreements,
                subscriptions=each.subscriptions,
                not_ours=each.not_ours,
                under_way=each.under_way,
            )
            self._run.progress = replace(self._run.progress, tally=tally)

    async def _compare(self, walk: Walk) -> Walked:
        progress = self._run.progress
        request = WalkRequest(
            walk,
            self._run.began,
            progress.since,
            without_provider=bool(progress.tally.not_compared),
            asks_every_workflow=progress.asks_every_workflow,
        )
        of_shard = "" if walk.shard is None else f" of shard {walk.shard}"
        return await workflow.execute_activity_method(
            ReconcileActivities.compare_pages,
            request,
            **WALKING,
            summary=f"Compare {', '.join(walk.stages)}{of_shard}",
        )

    async def _deliver_to_restored(self) -> None:
        if not self._run.progress.heals or not self._run.progress.restored:
            return
        try:
            await workflow.execute_activity_method(
                InboxActivities.sweep, **SWEEPING, summary="Deliver events that waited for lost workflows"
            )
        except ActivityError as error:
            _raise_if_canceled(error)
            self._run.note_not_heard(str(error.cause or error))


def _parts_from(stage: Stage, cursor: str | None) -> Parts:
    """What is left of a whole pass; an earlier release may have begun it, and come to this stage."""
    match stage:
        case Stage.AGREEMENTS:
            of_provider, *others = whole()
            return (tuple(replace(walk, cursor=cursor) for walk in of_provider), *others)
        case Stage.SUBSCRIPTIONS:
            return ((Walk(OF_OURS, cursor=cursor),),)
        case Stage.MAILS:
            return ((Walk((Stage.MAILS, Stage.WORKFLOWS, Stage.REVENUE), cursor=cursor),),)
        case _:
            return ()


def _raise_if_canceled(error: ActivityError) -> None:
    if is_cancelled_exception(error):
        raise error
