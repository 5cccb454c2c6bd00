"""Telling customers of thresholds that their use has crossed: notices become mails, and these are sent, each once."""

from domain.ports import Post
from domain.usage_books import Notices

BATCH = 100


class Telling:
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
            await self._post.dispatch(told.mails)
        return count

    async def send_what_was_left(self) -> int:
        """Hand over again what was written down and is not sent yet; what is on its way is started no second time."""
        count, last = 0, None
        while left := await self._notices.unsent(last, limit=BATCH):
            await self._post.dispatch(left)
            count, last = count + len(left), left[-1].id
        return count
