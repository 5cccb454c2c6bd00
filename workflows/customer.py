"""One customer who was changed: started with the change, ended when all who must know it do."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.customers import CustomerActivities, HeardRequest
    from domain.names import PAYMENTS_QUEUE, RECORDS_QUEUE

A_FEW_TIMES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=5)
"""What fails so often is left to the next sweep, so that nothing that comes meanwhile waits behind it."""
RETRY_FOREVER = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=5))


@workflow.defn(name="CustomerWorkflow")
class CustomerWorkflow:
    """Tells a customer's subscription and the payment provider, and hears the latter. Carries ids alone."""

    @workflow.init
    def __init__(self, customer: str) -> None:
        self._customer = customer
        self._is_changed = False
        self._heard = ""
        """The latest message of the provider that was not looked into."""

    @workflow.run
    async def run(self, customer: str) -> None:
        looking: workflow.ActivityHandle[None] | None = None
        while self._is_changed or self._heard or looking is not None:
            if self._is_changed:
                self._is_changed = False
                await self._tell(customer)
            if looking is None and self._heard:
                looking, self._heard = self._look(customer), ""
            if looking is not None:
                await workflow.wait_condition(lambda now=looking: self._is_changed or now.done())  # type: ignore[misc]  # bound at once
                if looking.done():
                    await looking
                    looking, self._is_changed = None, True

    async def _tell(self, customer: str) -> None:
        try:
            await workflow.execute_activity_method(
                CustomerActivities.tell_subscription,
                customer,
                task_queue=RECORDS_QUEUE,
                start_to_close_timeout=timedelta(minutes=1),
                retry_policy=A_FEW_TIMES,
                summary="Tell the customer's subscription",
            )
            await workflow.execute_activity_method(
                CustomerActivities.carry_customer,
                customer,
                task_queue=PAYMENTS_QUEUE,
                start_to_close_timeout=timedelta(seconds=45),
                retry_policy=A_FEW_TIMES,
                summary="Tell the payment provider",
            )
        except ActivityError as error:
            workflow.logger.warning("left to the next sweep: %s", error.cause or error)

    def _look(self, customer: str) -> "workflow.ActivityHandle[None]":
        return workflow.start_activity_method(
            CustomerActivities.hear_customer,
            HeardRequest(customer, self._heard),
            task_queue=PAYMENTS_QUEUE,
            start_to_close_timeout=timedelta(seconds=45),
            retry_policy=RETRY_FOREVER,
            summary="Look at the provider for who they are",
        )

    @workflow.signal(name="changed")
    def changed(self) -> None:
        """There is a change to tell of."""
        self._is_changed = True

    @workflow.signal(name="heard")
    def heard(self, event: str) -> None:
        """The provider says that it was changed there; *event* names its message."""
        self._heard = event
