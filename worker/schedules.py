"""The Temporal Schedules: the sweep of webhooks, reports of billed use, reconciliation, and the roll-up of use."""

from datetime import timedelta

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
from workflows.reconcile import ReconcileWorkflow, Reconciliation
from workflows.sweep_webhooks import SweepWebhooksWorkflow
from workflows.usage_report import ReportUsageWorkflow
from workflows.usage_roll_up import RollUpUsageWorkflow

SWEEP_EVERY = timedelta(minutes=1)
REPORT_USAGE_EVERY = timedelta(minutes=5)
"""Well within the hour for which the provider leaves the bill of a period open that is over."""
RECONCILE_EVERY = timedelta(hours=1)
ROLL_UP_EVERY = timedelta(hours=6)
RESTORED_WITHOUT_A_WORD = 20
"""Lost workflows that the hourly run starts again; if more are lost, something is wrong that a person must see."""


async def ensure_schedules(client: Client) -> None:
    """Create the schedules, or bring them up to date; safe to call at every start."""
    wanted = {
        sweep_schedule_id(): _sweep(),
        report_usage_schedule_id(): _report_usage(),
        reconcile_schedule_id(): _reconcile(),
        roll_up_schedule_id(): _roll_up(),
    }
    for schedule_id, schedule in wanted.items():
        try:
            await client.create_schedule(schedule_id, schedule)
        except ScheduleAlreadyRunningError:
            await _renew(client, schedule_id, schedule)


async def _renew(client: Client, schedule_id: str, wanted: Schedule) -> None:
    def renewed(known: ScheduleUpdateInput) -> ScheduleUpdate:
        """The wanted schedule, still paused if an operator has paused it."""
        wanted.state = known.description.schedule.state
        return ScheduleUpdate(wanted)

    await client.get_schedule_handle(schedule_id).update(renewed)


def _sweep() -> Schedule:
    # After an outage one sweep does the work of all that were missed.
    return _schedule(
        ScheduleActionStartWorkflow(
            SweepWebhooksWorkflow.run,
            id=sweep_schedule_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(minutes=10),
            static_summary="Deliver webhooks that could not be delivered when they came",
        ),
        every=SWEEP_EVERY,
        note="Run it by hand with Trigger; nothing is delivered twice.",
    )


def _report_usage() -> Schedule:
    return _schedule(
        ScheduleActionStartWorkflow(
            ReportUsageWorkflow.run,
            id=report_usage_schedule_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(hours=3),
            static_summary="Tell the payment provider what was used beyond plans' limits",
        ),
        every=REPORT_USAGE_EVERY,
        note="Run it by hand with Trigger, or `tenure usage report`; nothing is billed twice.",
    )


def _reconcile() -> Schedule:
    return _schedule(
        ScheduleActionStartWorkflow(
            ReconcileWorkflow.run,
            Reconciliation(heals=True, restores_at_most=RESTORED_WITHOUT_A_WORD),
            id=reconcile_schedule_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(hours=12),
            static_summary="Compare the payment provider, the database and the workflows, and heal what differs",
        ),
        every=RECONCILE_EVERY,
        # Not at the full hour, when renewals and much else fall due.
        offset=timedelta(minutes=37),
        note="Run it by hand with Trigger, or `tenure reconcile --fix`.",
    )


def _roll_up() -> Schedule:
    return _schedule(
        ScheduleActionStartWorkflow(
            RollUpUsageWorkflow.run,
            id=roll_up_schedule_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(hours=5),
            static_summary="Roll usage up: late notices, samples of gauges, statistics, and forgetting what is old",
        ),
        every=ROLL_UP_EVERY,
        # The last of a day's is shortly before its end, by UTC, so that what there was in the evening is seen.
        offset=timedelta(hours=5, minutes=47),
        note="Run it by hand with Trigger, or `tenure usage rollup`; nothing is counted twice.",
    )


def _schedule(
    action: ScheduleActionStartWorkflow, *, every: timedelta, note: str, offset: timedelta | None = None
) -> Schedule:
    """One run at a time, and of those that an outage kept from beginning only what one interval holds."""
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every, offset=offset)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
        state=ScheduleState(note=note),
    )
