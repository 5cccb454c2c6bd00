"""Statistics are summed up page by page; another attempt goes on with the pages that are there."""

from dataclasses import replace

import pytest

from domain.entitlements.ports import StatisticsProgress
from domain.subscription.lifecycle import Status
from storage.usage.history import UsageHistory
from storage.usage.roll_up import UsageRollUpRecords
from tests.storage.ledger import Ledger
from tests.storage.shop import SHOP, Shop
from tests.storage.usage.test_roll_up import ITEMS

CUSTOMERS = 7


class Ended(Exception):
    """The process has ended."""


async def ended_after(book: UsageRollUpRecords, pages: int) -> StatisticsProgress:
    """The progress of an attempt that ended after so many pages."""
    noted: list[StatisticsProgress] = []

    def alive(progress: StatisticsProgress) -> None:
        noted.append(progress)
        if len(noted) == pages:
            raise Ended

    with pytest.raises(Ended):
        await book.compute_statistics(alive=alive)
    return noted[-1]


@pytest.mark.parametrize("pages", [1, 2, 4, 5])
async def test_another_attempt_goes_on_after_the_last_page_and_comes_to_the_same(ledger: Ledger, pages: int) -> None:
    shop = await Shop.opened(ledger.engine)
    for number in range(CUSTOMERS):
        await ledger.sign_up(f"c{number}", items=ITEMS, catalog=SHOP.name, status=Status.ACTIVE)
        await shop.use("storage_gb", 10 * number + 5, f"c{number}")
    book, history = UsageRollUpRecords(ledger.engine, page=2), UsageHistory(ledger.engine)
    await book.compute_statistics(alive=lambda _: None)
    at_once = await history.statistics()

    progress = await ended_after(book, pages)
    seen: list[StatisticsProgress] = []
    assert await book.compute_statistics(alive=seen.append, begun=progress) == 1

    # Four pages; then one heartbeat per plan and feature.
    assert [each.pages for each in seen] == [*range(progress.pages + 1, 5), 4]
    again = await history.statistics()
    assert [replace(each, taken_at=at_once[0].taken_at) for each in again] == at_once
    assert at_once[0].customers == CUSTOMERS
    assert at_once[0].used == sum(10 * number + 5 for number in range(CUSTOMERS))


async def test_a_page_that_was_added_but_not_noted_counts_once(ledger: Ledger) -> None:
    shop = await Shop.opened(ledger.engine)
    for number in range(CUSTOMERS):
        await ledger.sign_up(f"c{number}", items=ITEMS, catalog=SHOP.name, status=Status.ACTIVE)
        await shop.use("storage_gb", 1, f"c{number}")
    book = UsageRollUpRecords(ledger.engine, page=2)
    noted = await ended_after(book, 1)
    await book.compute_statistics(alive=lambda _: None, begun=noted)

    await book.compute_statistics(alive=lambda _: None, begun=noted)

    [row] = await UsageHistory(ledger.engine).statistics()
    assert (row.customers, row.used) == (CUSTOMERS, CUSTOMERS)


async def test_pages_of_earlier_computations_are_removed(ledger: Ledger) -> None:
    shop = await Shop.opened(ledger.engine)
    await ledger.sign_up("ada", items=ITEMS, catalog=SHOP.name, status=Status.ACTIVE)
    await shop.use("storage_gb", 1)
    book = UsageRollUpRecords(ledger.engine)
    await book.compute_statistics(alive=lambda _: None)
    await ledger.run("update usage_statistics_pages set moment = moment - interval '7 hours'")

    await book.compute_statistics(alive=lambda _: None)

    assert await ledger.count("usage_statistics_pages") == 1
