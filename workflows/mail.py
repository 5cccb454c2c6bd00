"""Delivers one mail: starts once the mail is stored, ends when it was sent, withdrawn or given up."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, RetryState

with workflow.unsafe.imports_passed_through():
    from activities.mail import MailActivities
    from domain.names import MAIL_QUEUE
    from workflows.delivery_options import DeliveryOptions
    from workflows.retries import HEARTBEAT_TIMEOUT, retry_forever

MAIL_OPTIONS = DeliveryOptions(
    task_queue=MAIL_QUEUE,
    start_to_close=timedelta(seconds=60),
    schedule_to_close=timedelta(days=3),
    retry_policy=retry_forever(max_interval=timedelta(minutes=10)),
)


@workflow.defn(name="MailWorkflow")
class MailWorkflow:
    """Delivers one mail, however long the mail server is down."""

    @workflow.run
    async def run(self, mail_id: str) -> str:
        try:
            return await workflow.execute_activity_method(
                MailActivities.deliver,
                mail_id,
                task_queue=MAIL_OPTIONS.task_queue,
                start_to_close_timeout=MAIL_OPTIONS.start_to_close,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                schedule_to_close_timeout=MAIL_OPTIONS.schedule_to_close,
                retry_policy=MAIL_OPTIONS.retry_policy,
                summary="Hand the mail to the mail server",
            )
        except ActivityError as error:
            if error.retry_state is RetryState.NON_RETRYABLE_FAILURE:
                raise  # our own bug: shows as a failed workflow, and the mail is sent once it is fixed
            return await workflow.execute_activity_method(
                MailActivities.give_up,
                mail_id,
                task_queue=MAIL_OPTIONS.task_queue,
                start_to_close_timeout=MAIL_OPTIONS.start_to_close,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=MAIL_OPTIONS.retry_policy,
                summary="Record that the mail was given up",
            )
