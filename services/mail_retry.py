"""Sends a mail that did not go out once more, because an operator asks for it."""

from domain.errors import Rejected
from domain.notifications.ports import AgainDispatcher, QueuedMail
from domain.notifications.undelivered import MailRow, MailState, UndeliveredMails


class MailRetry:
    """Sends mails again. Safe to repeat: a mail that waits is sent once, and one that was sent never again."""

    def __init__(self, mails: UndeliveredMails, dispatcher: AgainDispatcher) -> None:
        self._mails = mails
        self._dispatcher = dispatcher

    async def retry(self, tenant: str, mail_id: str) -> MailRow:
        """Have a mail sent that waits or was given up, to the address that the customer has now; returns it.

        Raises:
            Rejected: code `unknown_mail`. Code `mail_not_retriable`: it was sent, is not needed any more, is so old
                that what it says is not kept, or its link works no more. Code
                `customer_erased`: nothing is left to write to them.
            GatewayUnavailable: Temporal or the database does not respond; repeat it.
        """
        found = await self._found(tenant, mail_id)
        if found.state not in (MailState.QUEUED, MailState.REFUSED):
            why = "was sent" if found.state is MailState.SENT else "was withdrawn: it is not needed any more"
            raise Rejected(f"the mail {why}", code="mail_not_retriable")
        if found.is_erased:
            raise Rejected("the customer's data was erased, and with it what the mail says", code="customer_erased")
        if found.is_emptied:
            raise Rejected(
                f"the mail is of {found.created_at:%Y-%m-%d}: what it says is not kept any more",
                code="mail_not_retriable",
            )
        if found.has_dead_link:
            raise Rejected(
                "the link in the mail works no more: the customer asks for another, or an operator mails one",
                code="mail_not_retriable",
            )
        await self._mails.queue_again(tenant, found.id)
        await self._dispatcher.dispatch_again(QueuedMail(found.id, found.subscription, found.occasion))
        return await self._found(tenant, mail_id)

    async def _found(self, tenant: str, mail_id: str) -> MailRow:
        found = await self._mails.mail(tenant, mail_id)
        if found is None:
            raise Rejected(f"there is no mail {mail_id!r}", code="unknown_mail")
        return found
