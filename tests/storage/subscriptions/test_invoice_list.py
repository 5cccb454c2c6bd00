"""The list of invoices: of one customer or of all, sorted, page by page."""

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from domain.provider.payments import DisputeStatus, Reversal, ReversalKind
from storage.db.cursors import PageRequest, Sort
from storage.subscriptions.invoice_list import InvoiceList, InvoiceRow
from tests.builders import NOW, PERIOD_END
from tests.storage.ledger import Ledger, a_step, an_invoice, later


class Bills:
    """All invoices, read in pages of a size."""

    def __init__(self, ledger: Ledger) -> None:
        self._list = InvoiceList(ledger.engine)

    async def of(
        self, external_id: str | None, tenant: str = "default", limit: int = 100, sort: Sort = Sort.NEWEST_FIRST
    ) -> list[InvoiceRow]:
        found: list[InvoiceRow] = []
        cursor = None
        while True:
            page = await self._list.find(tenant, PageRequest(limit, cursor, sort), external_id=external_id)
            found += page.rows
            if (cursor := page.next_cursor) is None:
                return found


@pytest_asyncio.fixture
async def bills(ledger: Ledger) -> Bills:
    return Bills(ledger)


async def test_invoices_come_newest_first_for_one_customer_or_all(ledger: Ledger, bills: Bills) -> None:
    for hours, (external_id, refs) in enumerate([("ada", ["in_1", "in_3"]), ("grace", ["in_2"])]):
        subscription = await ledger.newcomer(external_id)
        for number, ref in enumerate(refs):
            step = a_step(
                replace(subscription, sequence=number + 1),
                at=NOW + timedelta(hours=hours + 2 * number),
                invoice=an_invoice(ref=ref, number=f"T-{ref}", period_start=NOW, period_end=PERIOD_END),
            )
            await ledger.save(step)

    found = await bills.of(None)
    assert [bill.ref for bill in found] == ["in_3", "in_2", "in_1"]
    assert [bill.ref for bill in await bills.of("ada")] == ["in_3", "in_1"]
    assert await bills.of(None, limit=1) == found
    assert await bills.of(None, limit=2, sort=Sort.OLDEST_FIRST) == found[::-1]
    assert (found[1].subscription, found[1].number, found[1].status) == (subscription.id, "T-in_2", "paid")
    assert (found[1].amount, found[1].currency, found[1].attempts) == (4900, "usd", 1)
    assert (found[1].period_start, found[1].period_end) == (NOW, PERIOD_END)
    assert found[1].at == NOW + timedelta(hours=1)


async def test_an_invoice_keeps_its_place_when_it_is_seen_again(ledger: Ledger, bills: Bills) -> None:
    ada = await ledger.newcomer("ada")
    for hours, ref in enumerate(("in_1", "in_2")):
        issued = NOW + timedelta(hours=hours)
        bill = an_invoice(ref=ref, number=ref, status="open", issued_at=issued)
        await ledger.save(a_step(replace(ada, sequence=hours + 1), at=issued, invoice=bill))
    paid = an_invoice(ref="in_1", number="in_1", issued_at=NOW)
    await ledger.save(a_step(replace(ada, sequence=3), at=NOW + timedelta(days=9), invoice=paid))

    assert [(bill.ref, bill.status) for bill in await bills.of(None)] == [("in_2", "open"), ("in_1", "paid")]


async def test_invoices_of_a_range_of_moments_are_those_issued_in_it(ledger: Ledger, bills: Bills) -> None:
    ada = await ledger.newcomer("ada")
    for day, ref in enumerate(("in_1", "in_2", "in_3")):
        issued = NOW + timedelta(days=day)
        bill = an_invoice(ref=ref, number=ref, issued_at=issued)
        await ledger.save(a_step(replace(ada, sequence=day + 1), at=NOW + timedelta(days=30), invoice=bill))

    page = PageRequest(created_from=NOW + timedelta(days=1), created_to=NOW + timedelta(days=2))
    found = await InvoiceList(ledger.engine).find("default", page)

    assert [bill.ref for bill in found.rows] == ["in_2"]


async def test_no_invoice_of_another_tenant_or_customer_is_listed(ledger: Ledger, bills: Bills) -> None:
    await ledger.save(a_step(await ledger.newcomer("ada", "acme"), invoice=an_invoice()))
    await ledger.save(a_step(await ledger.newcomer("ada", "umbrella"), invoice=an_invoice()))
    await ledger.sign_up("grace", "acme")

    assert await bills.of(None) == []
    assert await bills.of("ada") == []
    assert await bills.of("grace", "acme") == []
    assert len(await bills.of("ada", "acme")) == len(await bills.of(None, "acme")) == 1


async def test_an_invoice_shows_what_was_billed_credited_paid_and_refunded(ledger: Ledger, bills: Bills) -> None:
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

    [told] = await bills.of("ada-with-credit")

    assert (told.total, told.credit_applied, told.amount_due, told.amount_paid) == (4900, 1000, 3900, 3900)
    assert told.amount_refunded == 1200, "a dispute is not a refund"
    assert (told.issued_at, told.paid_at) == (NOW, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("amount", "status", "amounts"),
    [(4900, "paid", (4900, 4900, 4900)), (4900, "open", (4900, 4900, 0)), (-1000, "paid", (-1000, 0, 0))],
)
async def test_an_invoice_without_amount_columns_derives_them(
    ledger: Ledger, bills: Bills, amount: int, status: str, amounts: tuple[int, int, int]
) -> None:
    ada = await ledger.newcomer("ada-of-before")
    await ledger.save(a_step(ada, invoice=an_invoice(amount=amount, status=status)))

    [told] = await bills.of("ada-of-before")

    assert (told.total, told.amount_due, told.amount_paid) == amounts
    assert (told.credit_applied, told.amount_refunded, told.paid_at) == (0, 0, None)
