"""Mails to operators that were left behind: the process that wrote them has ended, or Temporal was away."""

from collections.abc import Sequence
from typing import Final, Protocol

from domain.notifications.ports import MailDispatcher, QueuedMail

BATCH_SIZE: Final = 100


class WaitingMails(Protocol):
    """The stored mails to operators."""

    async def left_behind(self, *, limit: int) -> Sequence[QueuedMail]:
        """Return the oldest that were stored a while ago and are not sent."""
        ...


class OperatorMailSweep:
    """Implements `EventSweep`: dispatches them again, which does nothing for those that are under way."""

    def __init__(self, mails: WaitingMails, dispatcher: MailDispatcher) -> None:
        self._mails = mails
        self._dispatcher = dispatcher

    async def sweep(self, seconds: float) -> int:  # noqa: ARG002 - they are few
        waiting = await self._mails.left_behind(limit=BATCH_SIZE)
        await self._dispatcher.dispatch(waiting)
        return len(waiting)
