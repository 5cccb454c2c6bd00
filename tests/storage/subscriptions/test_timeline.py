"""The timeline is in order, each event with its cause."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.notifications.mail_types import Occasion
from domain.provider.payments import DisputeStatus, Reversal, ReversalKind
from domain.subscription.journal import Cause, CauseKind, Entry
from storage.db.codec import mail_id
from storage.subscriptions.mails import MailRecords
from storage.subscriptions.timeline import PastEntry, Timeline
from tests.builders import NOW, PERIOD_END
from tests.storage.ledger import Ledger, a_mail, a_step, an_invoice, later


@pytest_asyncio.fixture
async def timeline(ledger: Ledger) -> Timeline:
    return Timeline(ledger.engine)


async def test_a_journal_entry_is_returned_as_it_was_written(ledger: Ledger, timeline: Timeline) -> None:
    cause = Cause(CauseKind.COMMAND, "key-1", "operator/grace")
    entry = Entry("trial_extended", NOW, "The trial was extended by 7 days", cause, {"days": "7"})
    subscription = await ledger.newcomer()
    await ledger.save(a_step(subscription, entries=(entry,)))

    assert await timeline.past("default", subscription.id) == [
        PastEntry(NOW, "trial_extended", entry.summary, "command", "key-1", "operator/grace", {"days": "7"})
    ]


async def test_each_mail_follows_its_step_with_its_status(ledger: Ledger, timeline: Timeline) -> None:
    subscription = await ledger.newcomer()
    started, receipt = a_mail(Occasion.TRIAL_STARTED), a_mail(Occasion.RECEIPT, NOW + timedelta(days=1))
    await ledger.save(a_step(subscription, started))
    await ledger.save(a_step(later(subscription), receipt, at=NOW + timedelta(days=1)))
    await MailRecords(ledger.engine).mark_sent(str(mail_id(subscription.id, started)), "<1@example.com>")

    past = await timeline.past("default", subscription.id)

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

    past = await timeline.past("default", subscription.id)

    assert len(past) == 4 * len(pauses)
    assert [entry.at for entry in past] == sorted(entry.at for entry in past)
    lines = [entry.summary for entry in past if not entry.kind.startswith("mail")]
    assert lines == [f"step {number}{part}" for number in range(1, len(pauses) + 1) for part in ("", ", on")]
    told = [entry.cause_ref for entry in past if entry.kind.startswith("mail")]
    assert told == [f"{kind}/{number}" for number in range(1, len(pauses) + 1) for kind in ("again", "receipt")]
    # A row that is rewritten lies elsewhere on disk; that must not show.
    await ledger.run("update mails set why_not = '' where key like 'receipt/1'")
    assert await timeline.past("default", subscription.id) == past


async def test_nothing_of_another_tenant_or_customer_is_returned(ledger: Ledger, timeline: Timeline) -> None:
    ada = await ledger.newcomer("ada", "acme")
    await ledger.save(a_step(ada, a_mail(), invoice=an_invoice()))
    grace = await ledger.sign_up("grace", "acme")

    assert await timeline.past("default", ada.id) == []
    assert await timeline.past("acme", str(uuid4())) == []
    assert len(await timeline.past("acme", grace.id)) == 2
    assert await timeline.invoices("default", external_id="ada") == []
    assert await timeline.invoices("acme", external_id="grace") == []
    assert len(await timeline.invoices("acme", external_id="ada")) == 1


async def test_invoices_come_newest_first_for_one_customer_or_all(ledger: Ledger, timeline: Timeline) -> None:
    for hours, (external_id, refs) in enumerate([("ada", ["in_1", "in_3"]), ("grace", ["in_2"])]):
        subscription = await ledger.newcomer(external_id)
        for number, ref in enumerate(refs):
            step = a_step(
                replace(subscription, sequence=number + 1),
                at=NOW + timedelta(hours=hours + 2 * number),
                invoice=an_invoice(ref=ref, number=f"T-{ref}", period_start=NOW, period_end=PERIOD_END),
            )
            await ledger.save(step)

    bills = await timeline.invoices("default", external_id=None)
    assert [bill.ref for bill in bills] == ["in_3", "in_2", "in_1"]
    assert [bill.ref for bill in await timeline.invoices("default", external_id="ada")] == ["in_3", "in_1"]
    assert [bill.ref for bill in await timeline.invoices("default", external_id=None, limit=2)] == ["in_3", "in_2"]
    assert (bills[1].subscription, bills[1].number, bills[1].status) == (subscription.id, "T-in_2", "paid")
    assert (bills[1].amount, bills[1].currency, bills[1].attempts) == (4900, "usd", 1)
    assert (bills[1].period_start, bills[1].period_end) == (NOW, PERIOD_END)
    assert bills[1].at == NOW + timedelta(hours=1)


async def test_an_invoice_shows_what_was_billed_credited_paid_and_refunded(ledger: Ledger, timeline: Timeline) -> None:
    ada = await ledger.newcomer("ada-with-credit")
    bill = an_invoice(
        ref="in_credited",
        amount=3900,
        total=4900,
        amount_due=3900,
        amount_paid=3900,
        credit_applied=1000,
        issued_at=NOW,
        paid_at=NOW + timedelta(hours=1),
    )
    await ledger.save(a_step(ada, invoice=bill))
    for reversal in (
        Reversal(ReversalKind.REFUND, "ch_1", bill.ref, 500, "usd"),
        Reversal(ReversalKind.REFUND, "ch_2", bill.ref, 700, "usd"),
        Reversal(ReversalKind.DISPUTE, "dp_1", bill.ref, 3900, "usd", status=DisputeStatus.OPEN),
    ):
        ada = later(ada)
        await ledger.save(a_step(ada, reversal=reversal))

    [told] = await timeline.invoices("default", external_id="ada-with-credit")

    assert (told.total, told.credit_applied, told.amount_due, told.amount_paid) == (4900, 1000, 3900, 3900)
    assert told.amount_refunded == 1200, "a dispute is not a refund"
    assert (told.issued_at, told.paid_at) == (NOW, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("amount", "status", "amounts"),
    [(4900, "paid", (4900, 4900, 4900)), (4900, "open", (4900, 4900, 0)), (-1000, "paid", (-1000, 0, 0))],
)
async def test_an_invoice_without_amount_columns_derives_them(
    ledger: Ledger, timeline: Timeline, amount: int, status: str, amounts: tuple[int, int, int]
) -> None:
    ada = await ledger.newcomer("ada-of-before")
    await ledger.save(a_step(ada, invoice=an_invoice(amount=amount, status=status)))

    [told] = await timeline.invoices("default", external_id="ada-of-before")

    assert (told.total, told.amount_due, told.amount_paid) == amounts
    assert (told.credit_applied, told.amount_refunded, told.paid_at) == (0, 0, None)
