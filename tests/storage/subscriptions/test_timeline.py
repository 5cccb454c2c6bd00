"""The timeline is in order, each event with its cause."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import Malformed
from domain.notifications.mail_types import Mail, Occasion
from domain.subscription.journal import Cause, CauseKind, Entry
from storage.db.codec import mail_id
from storage.db.cursors import PageRequest, Position, Sort, after
from storage.subscriptions.mails import MailRecords
from storage.subscriptions.timeline import PastEntry, Timeline
from tests.builders import NOW
from tests.storage.ledger import Ledger, a_mail, a_step, an_invoice, later


async def history(
    timeline: Timeline, tenant: str, subscription: str, *, limit: int = 100, sort: Sort = Sort.OLDEST_FIRST
) -> list[PastEntry]:
    """All of it, read in pages of a size."""
    found: list[PastEntry] = []
    cursor = None
    while True:
        page = await timeline.past(tenant, subscription, PageRequest(limit, cursor, sort))
        assert len(page.rows) == limit or page.next_cursor is None
        found += page.rows
        if (cursor := page.next_cursor) is None:
            return found


@pytest_asyncio.fixture
async def timeline(ledger: Ledger) -> Timeline:
    return Timeline(ledger.engine)


async def test_a_journal_entry_is_returned_as_it_was_written(ledger: Ledger, timeline: Timeline) -> None:
    cause = Cause(CauseKind.COMMAND, "key-1", "operator/grace")
    entry = Entry("trial_extended", NOW, "The trial was extended by 7 days", cause, {"days": "7"})
    subscription = await ledger.newcomer()
    await ledger.save(a_step(subscription, entries=(entry,)))

    assert await history(timeline, "default", subscription.id) == [
        PastEntry(NOW, "trial_extended", entry.summary, "command", "key-1", "operator/grace", {"days": "7"})
    ]


async def test_each_mail_follows_its_step_with_its_status(ledger: Ledger, timeline: Timeline) -> None:
    subscription = await ledger.newcomer()
    started, receipt = a_mail(Occasion.TRIAL_STARTED), a_mail(Occasion.RECEIPT, NOW + timedelta(days=1))
    await ledger.save(a_step(subscription, started))
    await ledger.save(a_step(later(subscription), receipt, at=NOW + timedelta(days=1)))
    await MailRecords(ledger.engine).mark_sent(str(mail_id(subscription.id, started)), "<1@example.com>")

    past = await history(timeline, "default", subscription.id)

    assert [(entry.kind, entry.summary) for entry in past] == [
        ("noted", "step 1"),
        ("explained", "step 1, on"),
        ("mail_sent", "Mail trial started: sent"),
        ("noted", "step 2"),
        ("explained", "step 2, on"),
        ("mail_queued", "Mail receipt: queued"),
    ]
    assert past[2].details["message_id"] == "<1@example.com>"
    assert (past[5].cause_ref, past[5].details["status"]) == (receipt.key, "queued")


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 2), min_size=1, max_size=5))
async def test_the_timeline_is_ordered_and_stable(ledger: Ledger, timeline: Timeline, pauses: list[int]) -> None:
    subscription = await ledger.newcomer(str(uuid4()))
    at = NOW
    for number, pause in enumerate(pauses, start=1):
        at += timedelta(hours=pause)
        mails = [a_mail(Occasion.RECEIPT, at, f"receipt/{number}"), a_mail(Occasion.RECEIPT, at, f"again/{number}")]
        await ledger.save(a_step(replace(subscription, sequence=number), *mails, at=at))

    past = await history(timeline, "default", subscription.id)

    assert len(past) == 4 * len(pauses)
    assert [entry.at for entry in past] == sorted(entry.at for entry in past)
    lines = [entry.summary for entry in past if not entry.kind.startswith("mail")]
    assert lines == [f"step {number}{part}" for number in range(1, len(pauses) + 1) for part in ("", ", on")]
    told = [entry.cause_ref for entry in past if entry.kind.startswith("mail")]
    assert told == [f"{kind}/{number}" for number in range(1, len(pauses) + 1) for kind in ("again", "receipt")]
    # A row that is rewritten lies elsewhere on disk; that must not show.
    await ledger.run("update mails set why_not = '' where key like 'receipt/1'")
    assert await history(timeline, "default", subscription.id) == past


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_every_entry_is_met_once_page_by_page_however_many_share_a_moment(
    ledger: Ledger, timeline: Timeline, limit: int
) -> None:
    subscription = await ledger.newcomer("ada")
    for number, day in enumerate((0, 0, 1, 1, 0), start=1):
        at = NOW + timedelta(days=day)
        mails = [a_mail(Occasion.RECEIPT, at, f"receipt/{number}"), a_mail(Occasion.CANCELED, at, f"canceled/{number}")]
        await ledger.save(a_step(replace(subscription, sequence=number), *mails, at=at))
    whole = await history(timeline, "default", subscription.id)
    assert len(whole) == 20

    assert await history(timeline, "default", subscription.id, limit=limit) == whole
    assert await history(timeline, "default", subscription.id, limit=limit, sort=Sort.NEWEST_FIRST) == whole[::-1]


async def test_a_usage_mail_is_met_once_when_a_page_ends_between_its_two_entries(
    ledger: Ledger, timeline: Timeline
) -> None:
    facts = {"meter_name": "Calls", "used": "90", "limit": "100", "percent": "90", "plan": "Starter"}
    ada = await ledger.newcomer("ada")
    await ledger.save(a_step(ada, Mail("usage/calls/90/2026-03", Occasion.USAGE_WARNING, NOW, facts)))

    whole = await history(timeline, "default", ada.id)

    assert [entry.kind for entry in whole] == ["noted", "explained", "usage_warning", "mail_queued"]
    assert await history(timeline, "default", ada.id, limit=1) == whole
    assert await history(timeline, "default", ada.id, limit=1, sort=Sort.NEWEST_FIRST) == whole[::-1]


async def test_a_history_is_narrowed_to_a_range_of_moments(ledger: Ledger, timeline: Timeline) -> None:
    ada = await ledger.newcomer("ada")
    for number in range(3):
        at = NOW + timedelta(days=number)
        await ledger.save(a_step(replace(ada, sequence=number + 1), a_mail(at=at), at=at))

    page = PageRequest(100, created_from=NOW + timedelta(days=1), created_to=NOW + timedelta(days=2))
    found = await timeline.past("default", ada.id, page)

    assert {entry.at for entry in found.rows} == {NOW + timedelta(days=1)}
    assert len(found.rows) == 3


@pytest.mark.parametrize(
    "place",
    [
        "5c1f2f0e-0000-4000-8000-000000000001",
        "[]",
        "[0, 1, 1]",
        "[2, 1, 1, 0]",
        "[0, 1, 99999999999, 0]",
        '[0, 1, "x", 0]',
        '[1, "2026-03-02T12:00:00", "key", 0]',
        '[1, "yesterday", "key", 0]',
        '[1, "2026-03-02T12:00:00Z", "\\u0000", 0]',
        '[1, "2026-03-02T12:00:00Z", "\\ud800", 0]',
        '[1, "2026-03-02T12:00:00Z", 7, 0]',
        '[1, "2026-03-02T12:00:00Z", "key", Infinity]',
        '[1, "0001-01-01T00:00:00+14:00", "key", 0]',
        "[0, Infinity, 1, 0]",
        "[1, null, null, null]",
        "{}",
    ],
)
async def test_a_cursor_is_malformed_when_no_history_has_answered_with_it(timeline: Timeline, place: str) -> None:
    with pytest.raises(Malformed) as caught:
        await timeline.past("default", str(uuid4()), PageRequest(10, after(Position(NOW, place))))
    assert caught.value.field == "cursor"


async def test_nothing_of_another_tenant_or_customer_is_returned(ledger: Ledger, timeline: Timeline) -> None:
    ada = await ledger.newcomer("ada", "acme")
    await ledger.save(a_step(ada, a_mail(), invoice=an_invoice()))
    grace = await ledger.sign_up("grace", "acme")

    assert await history(timeline, "default", ada.id) == []
    assert await history(timeline, "acme", str(uuid4())) == []
    assert len(await history(timeline, "acme", grace.id)) == 2
