"""Runs that began when each page was an activity; delete it once none of them can be running or kept."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.inbox import InboxActivities
    from activities.reconciling import PageRequest, ReconcileActivities
    from domain.reconciliation.passes import Stage
    from domain.reconciliation.ports import Page
    from workflows.reconciliation_run import COMPARING, FETCHING, SWEEPING, ReconciliationRun

PAGES_PER_RUN = 50
WITHOUT_PROVIDER = "without-provider"
"""A change to the order of commands: before, nothing was compared while the provider did not respond."""
IN_ORDER = (Stage.AGREEMENTS, Stage.SUBSCRIPTIONS, Stage.MAILS, Stage.MESSAGES, Stage.DONE)


class PageByPage:
    """Works a run through, page by page, and its messages last."""

    def __init__(self, run: ReconciliationRun) -> None:
        self._run = run

    async def work_through(self) -> None:
        """Compare everything, and deliver what was missed; goes on as new when the history is long."""
        pages = 0
        while self._run.progress.stage is not Stage.DONE:
            if pages >= PAGES_PER_RUN or workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._run.progress)
            if self._run.progress.stage is Stage.MESSAGES:
                await self._deliver_missed_events()
            else:
                await self._reconcile_page()
            pages += 1
            self._run.show()

    async def _reconcile_page(self) -> None:
        stage = self._run.progress.stage
        try:
            page = await self._compare()
        except ActivityError as error:
            if stage is not Stage.AGREEMENTS or not workflow.patched(WITHOUT_PROVIDER):
                raise
            self._run.note_not_compared(error)
            self._run.progress = replace(self._run.progress, stage=Stage.SUBSCRIPTIONS, cursor=None)
            return
        found = await self._run.settle(page.found)
        progress = self._run.progress
        is_last = page.next_cursor is None
        self._run.progress = replace(
            progress,
            stage=IN_ORDER[IN_ORDER.index(stage) + 1] if is_last else stage,
            cursor=page.next_cursor,
            tally=progress.tally.adding(
                found,
                agreements=page.compared if stage is Stage.AGREEMENTS else 0,
                subscriptions=page.compared if stage is Stage.SUBSCRIPTIONS else 0,
                not_ours=page.not_ours,
                under_way=page.under_way,
            ),
        )

    async def _deliver_missed_events(self) -> None:
        progress = self._run.progress
        if progress.heals and progress.restored:
            # Failures from here on are reported, but do not fail the run: everything else is done.
            try:
                await workflow.execute_activity_method(
                    InboxActivities.sweep, **SWEEPING, summary="Deliver events that waited for lost workflows"
                )
            except ActivityError as error:
                self._run.note_not_heard(str(error.cause or error))
        if progress.heals:
            try:
                fetched = await workflow.execute_activity_method(
                    InboxActivities.fetch_unheard, **FETCHING, summary="Fetch events that never arrived"
                )
                tally = replace(self._run.progress.tally, unheard=fetched.new)
                self._run.progress = replace(self._run.progress, tally=tally)
                if not fetched.is_all:
                    self._run.note_not_heard("time ran out")
            except ActivityError as error:
                self._run.note_not_heard(str(error.cause or error))
        self._run.progress = replace(self._run.progress, stage=Stage.DONE)

    async def _compare(self) -> Page:
        compare: dict[Stage, Callable[..., Any]] = {
            Stage.AGREEMENTS: ReconcileActivities.compare_agreements,
            Stage.SUBSCRIPTIONS: ReconcileActivities.compare_subscriptions,
            Stage.MAILS: ReconcileActivities.compare_mails,
        }
        progress = self._run.progress
        request = PageRequest(
            progress.cursor,
            self._run.began,
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
