"""Mails that were queued long ago and that nobody sends."""

from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.reconciling import Page
from domain.errors import GatewayUnavailable
from domain.names import mail_workflow_id
from domain.reconciliation.differences import DifferenceKind, Discrepancy
from domain.reconciliation.ports import Comparison, StuckMails
from domain.subscription.contact_changes import UNUSABLE_ADDRESS, Trouble
from services.reconciliation.inspection import PAGE

STUCK_AFTER = timedelta(hours=1)
HAVE_ENDED = (WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.FAILED)


class StuckMailsInspection:
    """Finds mails that wait although no workflow sends them."""

    def __init__(self, client: Client, ours: Comparison) -> None:
        self._client = client
        self._ours = ours

    async def mails(self, after: str | None) -> Page:
        """The stuck mails of the next subscriptions; with the first page, what there is to see to about customers.

        Raises:
            GatewayUnavailable: Temporal or the database did not answer.
        """
        waiting = await self._ours.stuck_mails(after, waiting_for=STUCK_AFTER, limit=PAGE)
        found = [each for one in waiting for each in await self._stuck(one)]
        if after is None:
            found += [_of_customer(each) for each in await self._ours.customer_troubles()]
        return Page(tuple(found), waiting[-1].subscription if len(waiting) == PAGE else None)

    async def _stuck(self, waiting: StuckMails) -> list[Discrepancy]:
        stands = {mail: await self._stands(mail) for mail in waiting.mails}
        ended = tuple(mail for mail, status in stands.items() if status in HAVE_ENDED)
        running = WorkflowExecutionStatus.RUNNING
        lost = tuple(mail for mail, status in stands.items() if status is not running and mail not in ended)
        told = (
            (DifferenceKind.MAIL_STUCK, lost, "no workflow sends them"),
            (DifferenceKind.MAIL_UNSENT, ended, "their workflows have ended: look what came of them"),
        )
        return [
            Discrepancy(
                kind,
                f"queued for more than an hour, and {why}: {', '.join(mails)}",
                waiting.subscription,
                tenant=waiting.tenant,
                mails=mails,
            )
            for kind, mails, why in told
            if mails
        ]

    async def _stands(self, mail: str) -> WorkflowExecutionStatus | None:
        try:
            return (await self._client.get_workflow_handle(mail_workflow_id(mail)).describe()).status
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise GatewayUnavailable(f"Temporal does not answer: {error.message}") from error


def _of_customer(trouble: Trouble) -> Discrepancy:
    if trouble.code == UNUSABLE_ADDRESS:
        kind, words = (
            DifferenceKind.ADDRESS_UNUSABLE,
            "has an address at the provider that no mail could be sent to: change it there",
        )
    else:
        kind, words = (
            DifferenceKind.CUSTOMER_NOT_TOLD,
            f"cannot be changed at the provider ({trouble.code}): tried again every hour",
        )
    told = f"customer {trouble.customer} {words}"
    return Discrepancy(kind, told, trouble.subscription, trouble.customer_ref, trouble.tenant)
