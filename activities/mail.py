"""Delivers stored mails: the activities on the mail queue."""

from contextlib import suppress

from temporalio import activity

from activities.attempts import claimant, is_last_attempt
from activities.failures import as_temporal_failures
from domain.errors import GatewayRefused, GatewayUnavailable
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
        sent, it is sent again under the same Message-ID, which lets mail systems recognize the copy. By itself, without
        a workflow that gives the mail up, its last attempt does.
        """
        with as_temporal_failures():
            try:
                return await self._deliver(mail_id)
            except Exception:
                if not is_last_attempt():
                    raise
            return await self._give_up(mail_id)

    async def _deliver(self, mail_id: str) -> str:
        mail = await self._mails.claim(mail_id, claimant())
        if mail is None:
            return "not needed"
        try:
            message_id = await self._mailer.send(mail)
        except GatewayRefused as refused:
            await self._mails.mark_refused(mail_id, refused.message)
            return "refused"
        except Exception:
            # Best effort: a claim that stays ends by itself, and what matters is why the mail was not sent.
            with suppress(GatewayUnavailable):
                await self._mails.release(mail_id, claimant())
            raise
        await self._mails.mark_sent(mail_id, message_id)
        return "sent"

    @activity.defn(name="give_up")
    async def give_up(self, mail_id: str) -> str:
        """Mark a mail that no server accepted in time. Idempotent; a mail that was sent after all stays sent."""
        with as_temporal_failures():
            return await self._give_up(mail_id)

    async def _give_up(self, mail_id: str) -> str:
        await self._mails.mark_refused(mail_id, "the mail server did not take it in time")
        return "given up"
