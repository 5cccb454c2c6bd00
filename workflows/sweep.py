"""The sweep of webhooks that could not be delivered when they came, every minute by a Temporal Schedule."""

from datetime import timedelta

from temporalio import workflow
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
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from activities.inbox import InboxActivities
    from domain.names import LIFECYCLE_QUEUE, RECORDS_QUEUE, sweep_schedule_id

EVERY = timedelta(minutes=1)
CATCH_UP = timedelta(minutes=1)
"""After an outage one sweep does the work of all that were missed."""


@workflow.defn
class SweepWebhooksWorkflow:
    """Delivers the webhooks that wait. Started every minute, ended when it has looked through the inbox once."""

    @workflow.run
    async def run(self) -> int:
        delivered = await workflow.execute_activity_method(
            InboxActivities.sweep,
            task_queue=RECORDS_QUEUE,
            start_to_close_timeout=timedelta(minutes=2),
            # What fails three times is left to the next sweep.
            retry_policy=RetryPolicy(maximum_attempts=3),
            summary="Deliver the webhooks that wait",
        )
        workflow.set_current_details(f"{delivered} webhooks delivered late")
        return delivered


async def ensure_schedules(client: Client) -> None:
    """Create the schedules, or bring them up to date; safe to call at every start."""
    schedule = _sweep()
    try:
        await client.create_schedule(sweep_schedule_id(), schedule)
    except ScheduleAlreadyRunningError:
        handle = client.get_schedule_handle(sweep_schedule_id())
        await handle.update(lambda known: _renewed(known, schedule))


def _sweep() -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            SweepWebhooksWorkflow.run,
            id=sweep_schedule_id(),
            task_queue=LIFECYCLE_QUEUE,
            execution_timeout=timedelta(minutes=10),
            static_summary="Deliver webhooks that could not be delivered when they came",
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
        state=ScheduleState(note="Run it by hand with Trigger; nothing is delivered twice."),
    )


def _renewed(known: ScheduleUpdateInput, wanted: Schedule) -> ScheduleUpdate:
    """The wanted schedule, still paused if an operator has paused it."""
    wanted.state = known.description.schedule.state
    return ScheduleUpdate(wanted)
