"""Telling customers of thresholds that their use has crossed: notices become mails, and these are sent, each once."""

from collections.abc import Sequence

from domain.entitlements.ports import Notices
from domain.notifications.ports import Post, QueuedMail

BATCH = 100


class UsageNotifier:
    """Tells; several may do so at once."""

    def __init__(self, notices: Notices, post: Post) -> None:
        self._notices = notices
        self._post = post

    async def tell(self) -> int:
        """Tell all that waits; how many notices that were.

        Raises:
            GatewayUnavailable: the database or Temporal does not answer; mails that were written down stay queued.
        """
        count = 0
        while (told := await self._notices.write(limit=BATCH)).notices:
            count += told.notices
            await self._hand_over(told.mails)
        return count

    async def send_what_was_left(self) -> int:
        """Hand over every mail that was queued and left behind; what is on its way is started no second time.

        Raises:
            GatewayUnavailable: the database or Temporal does not answer; the rest stays queued.
        """
        count = 0
        while left := await self._notices.left_behind(limit=BATCH):
            await self._hand_over(left)
            count += len(left)
        return count

    async def _hand_over(self, mails: Sequence[QueuedMail]) -> None:
        if mails:
            await self._post.dispatch(mails)
            await self._notices.handed_over(mails)
