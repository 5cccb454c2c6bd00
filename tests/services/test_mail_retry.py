"""Sending a mail again: once it was given up or while it waits, and never if it was sent."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.errors import GatewayUnavailable, Rejected
from domain.notifications.mail_types import Occasion
from domain.notifications.ports import QueuedMail
from domain.notifications.undelivered import MailRow, MailState
from services.mail_retry import MailRetry

AT = datetime(2026, 11, 21, tzinfo=UTC)
REFUSED = MailRow("m-1", "s-1", Occasion.RECEIPT, MailState.REFUSED, "no such address", AT, None, is_erased=False)


class OneMail:
    """The mails of tenant `acme`: one."""

    def __init__(self, row: MailRow) -> None:
        self.row = row

    async def mail(self, tenant: str, mail_id: str) -> MailRow | None:
        return self.row if (tenant, mail_id) == ("acme", "m-1") else None

    async def queue_again(self, tenant: str, mail_id: str) -> None:
        if self.row.state is MailState.REFUSED:
            self.row = replace(self.row, state=MailState.QUEUED, why_not="")


class Dispatching:
    """Notes what is sent again, or fails."""

    def __init__(self, *, is_away: bool = False) -> None:
        self._is_away = is_away
        self.sent: list[QueuedMail] = []

    async def dispatch_again(self, mail: QueuedMail) -> None:
        if self._is_away:
            raise GatewayUnavailable("Temporal did not take the mail")
        self.sent.append(mail)


@pytest.mark.parametrize("state", [MailState.REFUSED, MailState.QUEUED])
async def test_a_mail_that_did_not_go_out_is_sent_again(state: MailState) -> None:
    dispatching = Dispatching()
    found = await MailRetry(OneMail(replace(REFUSED, state=state)), dispatching).retry("acme", "m-1")
    assert found.state is MailState.QUEUED
    assert dispatching.sent == [QueuedMail("m-1", "s-1", Occasion.RECEIPT)]


async def test_a_mail_that_temporal_did_not_take_is_taken_when_it_is_asked_again() -> None:
    mails = OneMail(REFUSED)
    with pytest.raises(GatewayUnavailable):
        await MailRetry(mails, Dispatching(is_away=True)).retry("acme", "m-1")
    dispatching = Dispatching()
    await MailRetry(mails, dispatching).retry("acme", "m-1")
    assert len(dispatching.sent) == 1


@pytest.mark.parametrize(
    ("row", "tenant", "code"),
    [
        (replace(REFUSED, state=MailState.SENT), "acme", "mail_not_retriable"),
        (replace(REFUSED, state=MailState.WITHDRAWN), "acme", "mail_not_retriable"),
        (replace(REFUSED, is_emptied=True), "acme", "mail_not_retriable"),
        (replace(REFUSED, has_dead_link=True), "acme", "mail_not_retriable"),
        (replace(REFUSED, is_erased=True, is_emptied=True), "acme", "customer_erased"),
        (REFUSED, "umbrella", "unknown_mail"),
    ],
    ids=["sent", "withdrawn", "emptied", "dead-link", "erased", "another-tenants"],
)
async def test_a_mail_that_must_not_be_sent_is_refused_and_stays_as_it_is(row: MailRow, tenant: str, code: str) -> None:
    mails, dispatching = OneMail(row), Dispatching()
    with pytest.raises(Rejected) as refused:
        await MailRetry(mails, dispatching).retry(tenant, "m-1")
    assert refused.value.code == code
    assert (mails.row, dispatching.sent) == (row, [])
