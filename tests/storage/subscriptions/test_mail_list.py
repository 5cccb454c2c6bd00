"""Mails that wait or were given up, as operators read them."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest_asyncio
from sqlalchemy import func, update

from domain.notifications.mail_types import Occasion
from domain.notifications.undelivered import MailState
from storage.db.cursors import PageRequest
from storage.db.engine import transaction
from storage.schema.tables import mails
from storage.subscriptions.mail_list import MailFilter, MailList
from tests.storage.ledger import Ledger, a_mail, a_step

WHY = "the mail server did not take it in time"


@pytest_asyncio.fixture
async def shown(ledger: Ledger) -> MailList:
    return MailList(ledger.engine)


async def with_mails(ledger: Ledger, name: str = "ada", tenant: str = "acme") -> dict[MailState, str]:
    """A customer with a mail of each state; their ids."""
    occasions = dict(
        zip(
            MailState,
            (Occasion.TRIAL_STARTED, Occasion.TRIAL_ENDING, Occasion.CONVERTED, Occasion.RECEIPT),
            strict=True,
        )
    )
    subscription = await ledger.newcomer(name, tenant)
    written = await ledger.save(a_step(subscription, *(a_mail(occasion) for occasion in occasions.values())))
    ids = {state: next(each.id for each in written if each.occasion is found) for state, found in occasions.items()}
    for state, id_ in ids.items():
        await _set(ledger, id_, status=state.value)
    await _set(ledger, ids[MailState.REFUSED], why_not=WHY)
    return ids


async def _set(ledger: Ledger, mail: str, **values: object) -> None:
    async with transaction(ledger.engine) as connection:
        await connection.execute(update(mails).where(mails.c.id == UUID(mail)).values(**values))


async def test_mails_that_did_not_go_out_are_listed_and_no_others(ledger: Ledger, shown: MailList) -> None:
    ids = await with_mails(ledger)

    found = (await shown.find("acme", MailFilter(), PageRequest())).rows

    assert {row.id: row.why_not for row in found} == {ids[MailState.QUEUED]: "", ids[MailState.REFUSED]: WHY}
    [refused] = (await shown.find("acme", MailFilter(MailState.REFUSED), PageRequest())).rows
    assert (refused.state, refused.occasion) == (MailState.REFUSED, Occasion.RECEIPT)
    assert (await shown.find("umbrella", MailFilter(), PageRequest())).rows == []


async def test_pages_of_both_kinds_follow_one_another_by_time(ledger: Ledger, shown: MailList) -> None:
    for number in range(3):
        await with_mails(ledger, f"c{number}")
    found, cursor = [], None
    while True:
        page = await shown.find("acme", MailFilter(), PageRequest(1, cursor))
        found += page.rows
        if (cursor := page.next_cursor) is None:
            break
    assert len({row.id for row in found}) == 6
    assert [row.created_at for row in found] == sorted((row.created_at for row in found), reverse=True)


async def test_the_summary_says_how_many_wait_since_when_and_were_given_up_lately(
    ledger: Ledger, shown: MailList
) -> None:
    for name in ("ada", "bob"):
        ids = await with_mails(ledger, name)
    for state in (MailState.QUEUED, MailState.REFUSED):
        await _set(ledger, ids[state], created_at=func.now() - timedelta(days=8))

    summary = await shown.summary("acme")

    assert (summary.waiting, summary.refused) == (2, 1)
    [row] = await ledger.rows("select min(created_at) as first from mails where status = 'queued'")
    assert summary.oldest_waiting == row["first"]
    empty = await shown.summary("umbrella")
    assert (empty.waiting, empty.oldest_waiting, empty.refused) == (0, None, 0)


async def test_only_a_mail_that_was_given_up_is_queued_again(ledger: Ledger, shown: MailList) -> None:
    ids = await with_mails(ledger)
    for id_ in ids.values():
        await shown.queue_again("umbrella", id_)
        await shown.queue_again("acme", id_)
    states = {state: await shown.mail("acme", id_) for state, id_ in ids.items()}
    assert {was: now and now.state for was, now in states.items()} == {
        MailState.QUEUED: MailState.QUEUED,
        MailState.SENT: MailState.SENT,
        MailState.WITHDRAWN: MailState.WITHDRAWN,
        MailState.REFUSED: MailState.QUEUED,
    }
    assert await shown.mail("umbrella", ids[MailState.SENT]) is None
    assert await shown.mail("acme", "no id") is None
    assert await shown.mail("acme", str(uuid4())) is None


async def test_a_mail_whose_facts_are_gone_is_shown_as_such_and_not_queued_again(
    ledger: Ledger, shown: MailList
) -> None:
    ids = await with_mails(ledger)
    refused = await shown.mail("acme", ids[MailState.REFUSED])
    await _set(ledger, ids[MailState.REFUSED], facts={})

    await shown.queue_again("acme", ids[MailState.REFUSED])

    emptied = await shown.mail("acme", ids[MailState.REFUSED])
    assert [mail and (mail.state, mail.is_emptied) for mail in (refused, emptied)] == [
        (MailState.REFUSED, False),
        (MailState.REFUSED, True),
    ]
