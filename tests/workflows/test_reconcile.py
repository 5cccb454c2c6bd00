"""What a reconciliation compares, in which order, and what it does about what it finds."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker

from activities.reconciling import HealRequest, NoteRequest, PlanRequest
from domain.names import LIFECYCLE_QUEUE, PAYMENTS_QUEUE, RECORDS_QUEUE
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome
from domain.reconciliation.passes import NEED_PROVIDER, Scope, Stage, Walk
from domain.reconciliation.planning import Plan
from domain.reconciliation.ports import Found, Walked, WalkRequest
from domain.reconciliation.runs import RunReport
from domain.webhooks.ports import Fetched
from tests.workflows.namespaces import elsewhere
from workflows.reconcile import ReconcileWorkflow
from workflows.reconciliation_run import Reconciled, Reconciliation

NOW = datetime(2027, 3, 1, tzinfo=UTC)
SINCE = NOW - timedelta(hours=4)
MISSING = Discrepancy(DifferenceKind.WORKFLOW_MISSING, "none runs", "s-1")
STRANGE = Discrepancy(DifferenceKind.UNKNOWN_AGREEMENT, "whose is it?", agreement_ref="sub_9")


class Work:
    """The activities of a reconciliation, and what was asked of them."""

    def __init__(self, *found: Discrepancy, shards: tuple[int, ...] = (7,)) -> None:
        self.done: list[str] = []
        self.requests: list[WalkRequest] = []
        self.report: RunReport | None = None
        self.kept: list[Found] = []
        self.provider_is_down = False
        self.pages_left = 0
        self._found = found
        self._shards = shards

    @activity.defn(name="fetch_unheard_webhooks")
    async def fetch(self) -> Fetched:
        self._refuse_if_down()
        self.done.append("fetch events")
        return Fetched(3, is_all=True)

    @activity.defn(name="sweep_webhooks")
    async def sweep(self) -> int:
        self.done.append("sweep")
        return 0

    @activity.defn(name="plan_reconciliation")
    async def plan(self, _request: PlanRequest) -> Plan:
        self.done.append("plan")
        return Plan(SINCE, self._shards)

    @activity.defn(name="compare_pages")
    async def compare(self, request: WalkRequest) -> Walked:
        walk = request.walk
        if walk.stages[0] in NEED_PROVIDER:
            self._refuse_if_down()
        self.requests.append(request)
        self.done.append(f"{walk.stages[0]}{'' if walk.shard is None else f' {walk.shard}'}")
        if self.pages_left:
            self.pages_left -= 1
            return Walked(walk.after_page("more"), pages=50, agreements=5000)
        found = self._found if walk.stages[0] in (Stage.MADE, Stage.AGREEMENTS) else ()
        return Walked(Walk(()), found, agreements=1, subscriptions=2, under_way=1, pages=1)

    @activity.defn(name="heal_subscription")
    async def heal(self, request: HealRequest) -> tuple[Found, ...]:
        self.done.append(f"heal {request.found[0].subscription}")
        return tuple(Found(each, Outcome.HEALED) for each in request.found)

    @activity.defn(name="note_findings")
    async def note(self, request: NoteRequest) -> None:
        self.kept += request.found

    @activity.defn(name="note_reconciliation")
    async def end(self, report: RunReport) -> None:
        self.report = report

    @activity.defn(name="forget_old_findings")
    async def forget(self) -> None:
        self.done.append("forget")

    @property
    def payments(self) -> list[Callable[..., Any]]:
        return [self.fetch, self.compare, self.heal]

    @property
    def records(self) -> list[Callable[..., Any]]:
        return [self.sweep, self.plan, self.note, self.end, self.forget]

    def _refuse_if_down(self) -> None:
        if self.provider_is_down:
            raise ApplicationError("no answer", non_retryable=True)


class Hanging(Work):
    """A comparison that comes to no end."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()

    @activity.defn(name="compare_pages")
    async def compare(self, _request: WalkRequest) -> Walked:
        self.begun.set()
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.1)


Run = Callable[[Work, Reconciliation], Any]


@pytest.fixture(scope="module")
async def client(environment: WorkflowEnvironment) -> Client:
    return await elsewhere(environment.client, "reconciling")


@pytest.fixture
def run(client: Client, request: pytest.FixtureRequest) -> Run:
    """Reconcile, and replay what was done."""

    async def run(work: Work, start: Reconciliation) -> Reconciled:
        handle = await begun(client, request.node.name, start)
        async with workers(client, work):
            done = await handle.result()
        await Replayer(workflows=[ReconcileWorkflow], workflow_runner=UnsandboxedWorkflowRunner()).replay_workflow(
            await handle.fetch_history()
        )
        return done

    return run


async def begun(client: Client, id_: str, start: Reconciliation) -> "WorkflowHandle[ReconcileWorkflow, Reconciled]":
    return await client.start_workflow(
        ReconcileWorkflow.run, start, id=id_, task_queue=LIFECYCLE_QUEUE, execution_timeout=timedelta(minutes=5)
    )


class workers:  # noqa: N801 - used as a function
    """Workers for the activities of *work*."""

    def __init__(self, client: Client, work: Work) -> None:
        runner = UnsandboxedWorkflowRunner()
        self._workers = (
            Worker(client, task_queue=LIFECYCLE_QUEUE, workflows=[ReconcileWorkflow], workflow_runner=runner),
            Worker(client, task_queue=PAYMENTS_QUEUE, activities=work.payments),
            Worker(client, task_queue=RECORDS_QUEUE, activities=work.records),
        )

    async def __aenter__(self) -> None:
        for worker in self._workers:
            await worker.__aenter__()

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(worker.shutdown() for worker in self._workers))


async def test_an_hour_fetches_events_then_compares_what_has_changed_and_then_its_shard(run: Run) -> None:
    work = Work(STRANGE)

    done = await run(work, Reconciliation(heals=True, scope=Scope.PART))

    assert work.done == ["fetch events", "plan", "made", "open", "agreements 7", "subscriptions 7", "forget"]
    assert {each.since for each in work.requests} == {SINCE}
    assert work.report is not None
    assert (work.report.scope, work.report.shards, work.report.not_compared) == (Scope.PART, (7,), "")
    assert (done.tally.agreements, done.tally.subscriptions, done.tally.unheard) == (4, 8, 3)
    assert [each.outcome for each in work.kept] == [Outcome.LISTED], "though two stages have found it"
    assert done.tally.found == {"unknown_agreement": {"listed": 1}}


async def test_two_shards_are_compared_at_once(run: Run) -> None:
    work = Work(shards=(3, 4))

    await run(work, Reconciliation(heals=True, scope=Scope.PART))

    assert work.done[:4] == ["fetch events", "plan", "made", "open"]
    assert set(work.done[4:6]) == {"agreements 3", "agreements 4"}
    assert set(work.done[6:8]) == {"subscriptions 3", "subscriptions 4"}


async def test_on_demand_everything_is_compared_as_it_stands_before_events_are_fetched(run: Run) -> None:
    work = Work(STRANGE)

    done = await run(work, Reconciliation(heals=True))

    assert work.done == ["agreements", "subscriptions", "fetch events", "forget"]
    assert done.tally.unheard == 3


async def test_on_demand_nothing_is_fetched_unless_it_heals(run: Run) -> None:
    work = Work()

    await run(work, Reconciliation(heals=False))

    assert work.done == ["agreements", "subscriptions", "forget"]
    assert [each.walk.stages[-1] for each in work.requests] == [Stage.AGREEMENTS, Stage.MAILS]
    assert {each.since for each in work.requests} == {None}
    assert work.report is not None
    assert (work.report.scope, work.report.shards) == (Scope.WHOLE, ())


async def test_a_walk_of_many_pages_goes_on_where_it_was(run: Run) -> None:
    work = Work()
    work.pages_left = 2

    done = await run(work, Reconciliation(heals=False))

    assert [each.walk.cursor for each in work.requests] == [None, "more", "more", None]
    assert done.tally.agreements == 10002


async def test_what_needs_no_provider_is_compared_while_it_is_down(run: Run) -> None:
    work = Work()
    work.provider_is_down = True

    done = await run(work, Reconciliation(heals=True, scope=Scope.PART))

    assert work.done == ["plan", "open", "subscriptions 7", "forget"]
    assert {each.without_provider for each in work.requests} == {True}
    assert (done.tally.not_heard, done.tally.not_compared) == ("no answer", "no answer")


async def test_events_that_waited_for_a_lost_workflow_are_delivered_when_it_is_restored(run: Run) -> None:
    work = Work(MISSING)

    await run(work, Reconciliation(heals=True))

    assert work.done == ["agreements", "heal s-1", "subscriptions", "sweep", "fetch events", "forget"]


async def test_no_more_workflows_are_restored_than_allowed(run: Run) -> None:
    work = Work(MISSING)

    await run(work, Reconciliation(heals=True, restores_at_most=0))

    [found] = work.kept
    assert found.outcome is Outcome.LISTED
    assert "find out why" in found.why_not
    assert "sweep" not in work.done


async def test_a_run_of_an_earlier_release_goes_on_with_the_stage_that_it_had_come_to(run: Run) -> None:
    work = Work()

    await run(work, Reconciliation(heals=False, stage=Stage.SUBSCRIPTIONS, cursor="s-9", began=NOW))

    [request] = work.requests
    assert (request.walk.stages[0], request.walk.cursor, request.run_began) == (Stage.SUBSCRIPTIONS, "s-9", NOW)


async def test_a_canceled_run_ends_and_is_not_taken_for_one_without_provider(
    client: Client, request: pytest.FixtureRequest
) -> None:
    work = Hanging()
    handle = await begun(client, request.node.name, Reconciliation(heals=False))
    async with workers(client, work):
        await work.begun.wait()
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as failure:
            await handle.result()

    assert isinstance(failure.value.cause, CancelledError)
    assert work.report is None
