"""Notifies customers of usage thresholds that they have crossed: each notice becomes one mail, sent once."""

from collections.abc import Sequence

from domain.entitlements.ports import Notices
from domain.notifications.ports import MailDispatcher, QueuedMail

BATCH = 100


class UsageNotifier:
    """Sends usage notices; safe to run concurrently."""

    def __init__(self, notices: Notices, mail_dispatcher: MailDispatcher) -> None:
        self._notices = notices
        self._mail_dispatcher = mail_dispatcher

    async def send_pending(self) -> int:
        """Send all pending notices; returns how many.

        Raises:
            GatewayUnavailable: the database or Temporal does not respond; stored mails stay queued.
        """
        count = 0
        while (sent := await self._notices.write(limit=BATCH)).notices:
            count += sent.notices
            await self._dispatch(sent.mails)
        return count

    async def resend_queued(self) -> int:
        """Dispatch every mail that is still queued; a mail on its way is not started again.

        Raises:
            GatewayUnavailable: the database or Temporal does not respond; the rest stays queued.
        """
        count = 0
        while mails := await self._notices.left_behind(limit=BATCH):
            await self._dispatch(mails)
            count += len(mails)
        return count

    async def _dispatch(self, mails: Sequence[QueuedMail]) -> None:
        if mails:
            await self._mail_dispatcher.dispatch(mails)
            await self._notices.handed_over(mails)
