"""Usage notices become mails, and every mail is dispatched until Temporal has taken it."""

from collections.abc import Sequence

import pytest

from domain.entitlements.ports import NoticesSent
from domain.errors import GatewayUnavailable
from domain.notifications.mail_types import Occasion
from domain.notifications.ports import QueuedMail
from services.usage_notifier import UsageNotifier


class InMemoryNotices:
    """Notices and mails in memory; a mail counts as left behind as soon as it is stored."""

    def __init__(self, notices: int = 0, queued: int = 0) -> None:
        self._notices = notices
        self._queued = [a_mail(f"queued-{number}") for number in range(queued)]

    async def write(self, *, limit: int) -> NoticesSent:
        mails = tuple(a_mail(f"written-{number}") for number in range(self._notices))
        self._notices, self._queued = 0, [*self._queued, *mails]
        return NoticesSent(len(mails), mails)

    async def left_behind(self, *, limit: int) -> Sequence[QueuedMail]:
        return self._queued[:limit]

    async def handed_over(self, mails: Sequence[QueuedMail]) -> None:
        self._queued = [mail for mail in self._queued if mail not in mails]


class MailDispatcher:
    """Takes mails, unless Temporal is down."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.taken: list[str] = []

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None:
        if self.is_down:
            raise GatewayUnavailable("Temporal did not take the mail")
        self.taken += [mail.id for mail in mails]


def a_mail(mail: str) -> QueuedMail:
    return QueuedMail(mail, "a-subscription", Occasion.USAGE_WARNING)


async def test_mails_stored_while_temporal_was_down_are_sent_by_the_next_sweep() -> None:
    notices, dispatcher = InMemoryNotices(notices=2), MailDispatcher(is_down=True)
    with pytest.raises(GatewayUnavailable):
        await UsageNotifier(notices, dispatcher).send_pending()

    dispatcher.is_down = False
    await UsageNotifier(notices, dispatcher).send_pending()
    sent = await UsageNotifier(notices, dispatcher).resend_queued()

    assert (sent, dispatcher.taken) == (2, ["written-0", "written-1"])


async def test_a_dispatched_mail_is_not_dispatched_again_by_later_sweeps() -> None:
    notices, dispatcher = InMemoryNotices(notices=1), MailDispatcher()
    await UsageNotifier(notices, dispatcher).send_pending()

    assert await UsageNotifier(notices, dispatcher).resend_queued() == 0
    assert dispatcher.taken == ["written-0"]


async def test_a_long_queue_is_processed_to_its_end() -> None:
    notices, dispatcher = InMemoryNotices(queued=250), MailDispatcher()

    assert await UsageNotifier(notices, dispatcher).resend_queued() == 250
    assert len(set(dispatcher.taken)) == 250
