"""Starts the sending of queued mails, each under the mail's id."""

from collections.abc import Sequence

from temporalio.client import Client

from activities.mail import MailActivities
from domain.names import mail_workflow_id
from domain.notifications.ports import QueuedMail
from services.customer_dispatcher import start_customer_sync
from services.delivery_starter import DeliveryCall, DeliveryStarter, WorkflowStarter
from workflows.mail import MAIL_OPTIONS, MailWorkflow
from workflows.priorities import mail_priority


class TemporalMailDispatcher:
    """Implements the port `Dispatcher`; a mail that is being sent already is not started again."""

    def __init__(self, client: Client, starter: DeliveryStarter | None = None) -> None:
        """Start mails by *starter*, by default as a workflow each."""
        self._client = client
        self._starter = starter or WorkflowStarter(client)

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None:
        for mail in mails:
            await self._starter.start(_call(mail))

    async def dispatch_again(self, mail: QueuedMail) -> None:
        """Send a mail whose sending has come to its end, as after it was given up; one under way goes on.

        Raises:
            GatewayUnavailable: Temporal does not respond.
        """
        await self._starter.start(_call(mail), again=True)

    async def start_customer_sync(self, customer: str) -> None:
        await start_customer_sync(self._client, customer)


def _call(mail: QueuedMail) -> DeliveryCall:
    return DeliveryCall(
        id=mail_workflow_id(mail.id),
        argument=mail.id,
        workflow=MailWorkflow.run,
        activity=MailActivities.deliver,
        options=MAIL_OPTIONS,
        priority=mail_priority(mail.occasion),
        summary=f"Mail: {mail.occasion.replace('_', ' ')}",
        details=f"For subscription `{mail.subscription}`" if mail.subscription else "For an operator",
    )
