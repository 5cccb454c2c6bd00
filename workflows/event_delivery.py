"""Delivers one event to one endpoint: starts once the delivery is stored, ends when it was taken or given up."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.events import EventActivities
    from domain.events.deliveries import QueuedDelivery
    from domain.names import EVENTS_QUEUE
    from workflows.delivery_options import DeliveryOptions
    from workflows.priorities import delivery_priority
    from workflows.retries import HEARTBEAT_TIMEOUT, retry_forever

EVENT_OPTIONS = DeliveryOptions(
    task_queue=EVENTS_QUEUE,
    start_to_close=timedelta(seconds=60),
    # As long as deliveries are stored. The last attempt of the schedule ends it after 76 hours.
    schedule_to_close=timedelta(days=30),
    # For what fails on our side. An attempt that the endpoint did not take asks for the delay of its own.
    retry_policy=retry_forever(max_interval=timedelta(minutes=10)),
)


@workflow.defn(name="EventDeliveryWorkflow")
class EventDeliveryWorkflow:
    """Delivers one event to one endpoint, however long it is away."""

    @workflow.run
    async def run(self, delivery: QueuedDelivery) -> str:
        return await workflow.execute_activity_method(
            EventActivities.deliver,
            delivery,
            task_queue=EVENT_OPTIONS.task_queue,
            start_to_close_timeout=EVENT_OPTIONS.start_to_close,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            schedule_to_close_timeout=EVENT_OPTIONS.schedule_to_close,
            retry_policy=EVENT_OPTIONS.retry_policy,
            priority=delivery_priority(delivery.endpoint),
            summary="Send the event",
        )
