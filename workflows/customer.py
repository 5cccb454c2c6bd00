"""Propagates a change of one customer: starts with the change, ends once everyone who must know has been notified."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.customers import CustomerActivities, HeardRequest
    from domain.names import PAYMENTS_QUEUE, RECORDS_QUEUE
    from workflows.retries import HEARTBEAT_TIMEOUT, retry_forever

LIMITED_RETRIES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=5)
"""After that the change is left to the next sweep, so that later changes do not queue up behind it."""
RETRIES = retry_forever(max_interval=timedelta(minutes=5))


@workflow.defn(name="CustomerWorkflow")
class CustomerWorkflow:
    """Notifies a customer's subscription and the payment provider, and reads changes made there. Carries ids only."""

    @workflow.init
    def __init__(self, customer: str) -> None:
        self._customer = customer
        self._is_changed = False
        self._latest_event = ""
        """The latest provider event that has not been processed yet."""

    @workflow.run
    async def run(self, customer: str) -> None:
        read: workflow.ActivityHandle[None] | None = None
        while self._is_changed or self._latest_event or read is not None:
            if self._is_changed:
                self._is_changed = False
                await self._notify(customer)
            if read is None and self._latest_event:
                read, self._latest_event = self._start_reading(customer), ""
            if read is not None:
                await workflow.wait_condition(lambda now=read: self._is_changed or now.done())  # type: ignore[misc]  # bound at once
                if read.done():
                    await read
                    read, self._is_changed = None, True

    async def _notify(self, customer: str) -> None:
        try:
            await workflow.execute_activity_method(
                CustomerActivities.notify_subscription,
                customer,
                task_queue=RECORDS_QUEUE,
                start_to_close_timeout=timedelta(minutes=1),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=LIMITED_RETRIES,
                summary="Notify the customer's subscription",
            )
            await workflow.execute_activity_method(
                CustomerActivities.sync_to_provider,
                customer,
                task_queue=PAYMENTS_QUEUE,
                start_to_close_timeout=timedelta(seconds=45),
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=LIMITED_RETRIES,
                summary="Update the customer at the payment provider",
            )
        except ActivityError as error:
            workflow.logger.warning("left to the next sweep: %s", error.cause or error)

    def _start_reading(self, customer: str) -> "workflow.ActivityHandle[None]":
        return workflow.start_activity_method(
            CustomerActivities.sync_from_provider,
            HeardRequest(customer, self._latest_event),
            task_queue=PAYMENTS_QUEUE,
            start_to_close_timeout=timedelta(seconds=45),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            retry_policy=RETRIES,
            summary="Read the customer from the payment provider",
        )

    @workflow.signal(name="changed", description="The customer was changed here.")
    def changed(self) -> None:
        """The customer was changed here."""
        self._is_changed = True

    @workflow.signal(name="heard", description="The customer was changed at the payment provider.")
    def changed_at_provider(self, event: str) -> None:
        """The customer was changed at the provider; *event* is the id of the event that says so."""
        self._latest_event = event
