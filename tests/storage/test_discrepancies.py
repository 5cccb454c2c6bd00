"""Which differences are open, since when, and what the runs have found."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from domain.errors import Malformed
from domain.reconciliation.differences import DifferenceKind, Discrepancy, Outcome
from domain.reconciliation.ports import Found
from domain.reconciliation.runs import RunReport, StoredDiscrepancy
from storage.db.cursors import PageRequest, Position, after
from storage.discrepancies import DiscrepancyList
from storage.reconciliation import Reconciliations
from tests.storage.ledger import Ledger

LATER = datetime.now(UTC) + timedelta(days=1)


@pytest_asyncio.fixture
async def ours(ledger: Ledger) -> Reconciliations:
    return Reconciliations(ledger.engine)


@pytest_asyncio.fixture
async def shown(ledger: Ledger) -> DiscrepancyList:
    return DiscrepancyList(ledger.engine)


def unheard(subscription: str | None = None, **changes: Any) -> Discrepancy:
    wanted = {"subscription": subscription or str(uuid4()), "agreement_ref": "sub_1", "tenant": "acme"} | changes
    return Discrepancy(DifferenceKind.PAYMENT_UNHEARD, "invoice in_1 is paid, but not known here", **wanted)


async def open_ones(shown: DiscrepancyList, tenant: str = "acme") -> list[StoredDiscrepancy]:
    return (await shown.open(tenant, PageRequest())).rows


async def test_a_difference_that_each_run_finds_again_is_one_and_open_since_the_first(
    ledger: Ledger, ours: Reconciliations, shown: DiscrepancyList
) -> None:
    it = unheard(mails=(str(uuid4()),), bill_ref="in_1", is_for_operator=True)
    await ours.keep("run-1", [Found(it)])
    [first] = await open_ones(shown)
    await ours.keep("run-2", [Found(it, Outcome.FAILED, "no answer")])

    [found] = await open_ones(shown)

    assert (found.discrepancy, found.outcome, found.why_not) == (it, Outcome.FAILED, "no answer")
    assert found.since == first.since < found.found_at
    assert found.id != first.id
    assert await shown.current("acme", first.id) == found
    assert await open_ones(shown, "umbrella") == []
    assert await shown.current("umbrella", first.id) is None


async def test_a_difference_is_closed_once_it_is_healed_and_open_anew_when_it_comes_back(
    ours: Reconciliations, shown: DiscrepancyList
) -> None:
    it = unheard()
    await ours.keep("run-1", [Found(it)])
    [first] = await open_ones(shown)
    await ours.keep("run-2", [Found(it, Outcome.HEALED)])
    assert await open_ones(shown) == []
    healed = await shown.current("acme", first.id)
    assert healed is not None
    assert (healed.outcome, healed.closed_at is None) == (Outcome.HEALED, False)

    await ours.keep("run-3", [Found(it)])

    [again] = await open_ones(shown)
    assert again.since > first.since


async def test_what_a_run_has_not_found_any_more_is_closed_at_its_end(
    ours: Reconciliations, shown: DiscrepancyList
) -> None:
    gone, stays = unheard(), unheard()
    await ours.keep("run-1", [Found(gone), Found(stays)])
    await ours.keep("run-2", [Found(stays)])
    assert len(await open_ones(shown)) == 2

    await ours.end_run(RunReport("run-2", LATER, heals=True))

    assert [each.discrepancy for each in await open_ones(shown)] == [stays]


async def test_a_run_closes_neither_what_was_found_since_it_began_nor_what_it_could_not_compare(
    ours: Reconciliations, shown: DiscrepancyList
) -> None:
    lost = Discrepancy(DifferenceKind.WORKFLOW_MISSING, "no workflow runs", str(uuid4()), tenant="acme")
    it = unheard()
    await ours.keep("run-1", [Found(it), Found(lost)])

    await ours.end_run(RunReport("run-0", datetime.now(UTC) - timedelta(days=1), heals=True))
    assert len(await open_ones(shown)) == 2
    await ours.end_run(RunReport("run-2", LATER, heals=True, not_compared="the provider does not respond"))

    assert [each.discrepancy for each in await open_ones(shown)] == [it]


async def test_open_differences_come_in_pages_and_by_subscription(
    ours: Reconciliations, shown: DiscrepancyList
) -> None:
    all_of_them = [unheard() for _ in range(5)]
    await ours.keep("run-1", [Found(each) for each in all_of_them])
    found, cursor = [], None
    while True:
        page = await shown.open("acme", PageRequest(2, cursor))
        found += [each.discrepancy.subscription for each in page.rows]
        if (cursor := page.next_cursor) is None:
            break
    assert found == [each.subscription for each in reversed(all_of_them)]
    one = await shown.open("acme", PageRequest(), subscription=found[2])
    assert [each.discrepancy.subscription for each in one.rows] == [found[2]]
    assert (await shown.open("acme", PageRequest(), subscription="no id")).rows == []


@pytest.mark.parametrize("id_", ["", "0", "-1", "one", "9" * 30, "٣"])
async def test_what_is_no_id_of_a_difference_is_unknown(shown: DiscrepancyList, id_: str) -> None:
    assert await shown.current("acme", id_) is None


@pytest.mark.parametrize("id_", ["", "-1", "one", "9" * 19, "9" * 30, "٣"])
async def test_a_cursor_with_what_is_no_id_of_a_difference_is_malformed(shown: DiscrepancyList, id_: str) -> None:
    with pytest.raises(Malformed) as caught:
        await shown.open("acme", PageRequest(10, after(Position(LATER, id_))))
    assert caught.value.field == "cursor"


async def test_runs_are_kept_once_for_a_month_with_what_they_have_found(
    ledger: Ledger, ours: Reconciliations, shown: DiscrepancyList
) -> None:
    found = {"workflow_missing": {"healed": 2, "listed": 1}, "payment_unheard": {"failed": 1}}
    began = datetime.now(UTC)
    for number in range(2):
        report = RunReport(f"run-{number}", began + timedelta(hours=number), heals=True, agreements=9, found=found)
        for _ in range(2):
            await ours.end_run(report)

    runs = (await shown.runs("default", PageRequest())).rows

    assert [run.report.run for run in runs] == ["run-1", "run-0"]
    assert runs[0].report == report
    assert (report.count(), report.count(Outcome.HEALED), report.restored) == (4, 2, 2)
    assert (await shown.runs("acme", PageRequest())).rows == []
    await ledger.run("update reconciliation_runs set ended_at = now() - interval '31 days' where run = 'run-0'")
    await ours.forget_old()
    assert [run.report.run for run in (await shown.runs("default", PageRequest())).rows] == ["run-1"]
