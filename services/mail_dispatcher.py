"""Sends each queued mail exactly once: one small workflow per mail, with the mail's id."""

from collections.abc import Sequence

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from domain.errors import GatewayUnavailable
from domain.names import LIFECYCLE_QUEUE, mail_workflow_id
from domain.notifications.ports import QueuedMail
from services.customer_dispatcher import start_customer_sync
from workflows.mail import MailWorkflow
from workflows.priorities import mail_priority


class TemporalMailDispatcher:
    """Implements the port `Dispatcher`; a mail whose workflow already exists is not started again."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None:
        for mail in mails:
            await self._start(mail, WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY)

    async def dispatch_again(self, mail: QueuedMail) -> None:
        """Send a mail whose workflow has come to its end, as after it was given up; one that runs goes on.

        Raises:
            GatewayUnavailable: Temporal does not respond.
        """
        await self._start(mail, WorkflowIDReusePolicy.ALLOW_DUPLICATE)

    async def _start(self, mail: QueuedMail, reuse: WorkflowIDReusePolicy) -> None:
        try:
            await self._client.start_workflow(
                MailWorkflow.run,
                mail.id,
                id=mail_workflow_id(mail.id),
                task_queue=LIFECYCLE_QUEUE,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=reuse,
                priority=mail_priority(mail.occasion),
                static_summary=f"Mail: {mail.occasion.replace('_', ' ')}",
                static_details=f"For subscription `{mail.subscription}`" if mail.subscription else "For an operator",
            )
        except WorkflowAlreadyStartedError:
            return
        except RPCError as error:
            raise GatewayUnavailable(f"Temporal did not take the mail: {error.message}") from error

    async def start_customer_sync(self, customer: str) -> None:
        await start_customer_sync(self._client, customer)
