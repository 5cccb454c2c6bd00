"""Delivers stored mails: the activities on the mail queue."""

from temporalio import activity

from activities.failures import as_temporal_failures
from domain.errors import GatewayRefused
from domain.notifications.ports import Mailer, Mails


class MailActivities:
    """The mail activities; one per worker."""

    def __init__(self, mails: Mails, mailer: Mailer) -> None:
        self._mails = mails
        self._mailer = mailer

    @activity.defn(name="deliver")
    async def deliver(self, mail_id: str) -> str:
        """Send one mail unless it has been sent or withdrawn; returns the outcome.

        Idempotent by the mail's row. If a worker dies after the server accepted the mail and before it is marked as
        sent, it is sent again under the same Message-ID, which lets mail systems recognize the copy.
        """
        with as_temporal_failures():
            mail = await self._mails.to_send(mail_id)
            if mail is None:
                return "not needed"
            try:
                message_id = await self._mailer.send(mail)
            except GatewayRefused as refused:
                await self._mails.mark_refused(mail_id, refused.message)
                return "refused"
            await self._mails.mark_sent(mail_id, message_id)
            return "sent"

    @activity.defn(name="give_up")
    async def give_up(self, mail_id: str) -> str:
        """Mark a mail that no server accepted in time. Idempotent; a mail that was sent after all stays sent."""
        with as_temporal_failures():
            await self._mails.mark_refused(mail_id, "the mail server did not take it in time")
            return "given up"
