"""The Temporal Schedules: webhook sweep, usage reports, reconciliation, and usage roll-up."""

from collections.abc import Mapping
from datetime import timedelta

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from domain.names import (
    LIFECYCLE_QUEUE,
    reconcile_schedule_id,
    report_usage_schedule_id,
    roll_up_schedule_id,
    sweep_schedule_id,
)
from domain.reconciliation.passes import Scope
from workflows.reconcile import ReconcileWorkflow
from workflows.reconciliation_run import Reconciliation
from workflows.sweep_webhooks import SweepWebhooksWorkflow
from workflows.usage_report import ReportUsageWorkflow
from workflows.usage_roll_up import RollUpUsageWorkflow

SWEEP_EVERY = timedelta(minutes=1)
REPORT_USAGE_EVERY = timedelta(minutes=5)
"""Well within the hour for which the provider keeps the invoice of an ended period open."""
RECONCILE_EVERY = timedelta(hours=1)
ROLL_UP_EVERY = timedelta(hours=6)
REVISION = 3
"""Raise it with every change to a schedule: a worker leaves schedules alone that a later revision has written."""
REVISION_MEMO = "schedule_revision"
MAX_AUTOMATIC_RESTORES = 20
"""How many lost workflows the hourly run restarts; if more are lost, an operator must find out why."""


async def ensure_schedules(client: Client) -> None:
    """Create the schedules, or bring them up to date; safe to call at every start.

    A worker of an earlier release, which may start again during a rollout, does not take a schedule back.
    """
    for schedule_id, schedule in definitions().items():
        try:
            await client.create_schedule(schedule_id, schedule)
        except ScheduleAlreadyRunningError:
            await _update(client, schedule_id, schedule)


def definitions() -> Mapping[str, Schedule]:
    """The schedules of this release, by id."""
    return {
        sweep_schedule_id(): _sweep(),
        report_usage_schedule_id(): _report_usage(),
        reconcile_schedule_id(): _reconcile(),
        roll_up_schedule_id(): _roll_up(),
    }


async def _update(client: Client, schedule_id: str, wanted: Schedule) -> None:
    async def updated(known: ScheduleUpdateInput) -> ScheduleUpdate | None:
        """The wanted schedule, still paused if an operator has paused it; None to leave it as it is."""
        if await _revision(client, known.description.schedule) > REVISION:
            return None
        wanted.state = known.description.schedule.state
        return ScheduleUpdate(wanted)

    await client.get_schedule_handle(schedule_id).update(updated)


async def _revision(client: Client, schedule: Schedule) -> int:
    """The revision of the definition that a schedule follows; 0 if it is older than revisions."""
    action = schedule.action
    memo = action.memo if isinstance(action, ScheduleActionStartWorkflow) else None
    written = (memo or {}).get(REVISION_MEMO)
    if isinstance(written, Payload):
        [written] = await client.data_converter.decode([written])
    return written if isinstance(written, int) else 0


def _sweep() -> Schedule:
    # After an outage one sweep catches up for all missed ones.
    return _schedule(
        ScheduleActionStartWorkflow(
            SweepWebhooksWorkflow.run,
            id=sweep_schedule_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(minutes=10),
            static_summary="Deliver webhooks that could not be delivered on arrival",
        ),
        every=SWEEP_EVERY,
        note="Run it manually with Trigger; nothing is delivered twice.",
    )


def _report_usage() -> Schedule:
    return _schedule(
        ScheduleActionStartWorkflow(
            ReportUsageWorkflow.run,
            id=report_usage_schedule_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(hours=3),
            static_summary="Report usage beyond plan limits to the payment provider",
        ),
        every=REPORT_USAGE_EVERY,
        note="Run it manually with Trigger, or `tenure usage report`; nothing is billed twice.",
    )


def _reconcile() -> Schedule:
    return _schedule(
        ScheduleActionStartWorkflow(
            ReconcileWorkflow.run,
            Reconciliation(heals=True, restores_at_most=MAX_AUTOMATIC_RESTORES, scope=Scope.PART),
            id=reconcile_schedule_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(hours=12),
            static_summary="Compare what has changed and a part of everything, and heal what differs",
        ),
        every=RECONCILE_EVERY,
        # Not on the hour, when renewals and many other actions fall due.
        offset=timedelta(minutes=37),
        # Where the shard of an hour takes longer than an hour, the next one begins as soon as it is done.
        overlap=ScheduleOverlapPolicy.BUFFER_ONE,
        note="Run it manually with Trigger; `tenure reconcile --fix` compares everything.",
    )


def _roll_up() -> Schedule:
    return _schedule(
        ScheduleActionStartWorkflow(
            RollUpUsageWorkflow.run,
            id=roll_up_schedule_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(hours=5),
            static_summary="Roll usage up: late notices, gauge samples, statistics, and retention",
        ),
        every=ROLL_UP_EVERY,
        # The day's last run is shortly before midnight UTC, so that the sample shows the evening's values.
        offset=timedelta(hours=5, minutes=47),
        note="Run it manually with Trigger, or `tenure usage rollup`; nothing is counted twice.",
    )


def _schedule(
    action: ScheduleActionStartWorkflow,
    *,
    every: timedelta,
    note: str,
    offset: timedelta | None = None,
    overlap: ScheduleOverlapPolicy = ScheduleOverlapPolicy.SKIP,
) -> Schedule:
    """One run at a time; after an outage, only runs missed within the last interval are made up for."""
    action.memo = {REVISION_MEMO: REVISION}
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every, offset=offset)]),
        policy=SchedulePolicy(overlap=overlap, catchup_window=every),
        state=ScheduleState(note=note),
    )
