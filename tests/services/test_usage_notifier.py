"""Thresholds become mails, and every mail is handed over until it was taken."""

from collections.abc import Sequence

import pytest

from domain.entitlements.ports import NoticesSent
from domain.errors import GatewayUnavailable
from domain.notifications.mail_types import Occasion
from domain.notifications.ports import QueuedMail
from services.usage_notifier import UsageNotifier


class Book:
    """Notices and mails in memory; a mail counts as left behind from when it is written."""

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


class Post:
    """Takes mails, unless Temporal is out of reach."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.taken: list[str] = []

    async def dispatch(self, mails: Sequence[QueuedMail]) -> None:
        if self.is_down:
            raise GatewayUnavailable("the mail could not be handed to Temporal")
        self.taken += [mail.id for mail in mails]


def a_mail(mail: str) -> QueuedMail:
    return QueuedMail(mail, "a-subscription", Occasion.USAGE_WARNING)


async def test_what_was_decided_while_temporal_was_down_is_sent_by_the_next_sweep() -> None:
    book, post = Book(notices=2), Post(is_down=True)
    with pytest.raises(GatewayUnavailable):
        await UsageNotifier(book, post).tell()

    post.is_down = False
    await UsageNotifier(book, post).tell()
    sent = await UsageNotifier(book, post).send_what_was_left()

    assert (sent, post.taken) == (2, ["written-0", "written-1"])


async def test_a_mail_that_was_handed_over_is_not_handed_over_by_every_sweep() -> None:
    book, post = Book(notices=1), Post()
    await UsageNotifier(book, post).tell()

    assert await UsageNotifier(book, post).send_what_was_left() == 0
    assert post.taken == ["written-0"]


async def test_a_long_queue_is_worked_off_to_its_end() -> None:
    book, post = Book(queued=250), Post()

    assert await UsageNotifier(book, post).send_what_was_left() == 250
    assert len(set(post.taken)) == 250
