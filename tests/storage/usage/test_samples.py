"""Samples of gauges: written when a level has changed, and read as if they were taken every day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import pytest_asyncio

from storage.usage.history import PastDay, UsageHistory
from storage.usage.roll_up import UsageRollUpRecords
from tests.storage.ledger import Ledger

A_YEAR = timedelta(days=400)
SEED = 17


class Gauge:
    """One gauge of a customer, whose past can be moved back by days."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._roll_up = UsageRollUpRecords(ledger.engine)
        self._history = UsageHistory(ledger.engine)

    async def reaches(self, level: int) -> None:
        await self._ledger.run(
            "insert into usage (tenant, customer, feature, period_start, used)"  # noqa: S608
            f" values ('default', 'ada', 'gb', 'epoch', {level})"
            " on conflict (tenant, customer, feature, period_start) do update"
            " set used = excluded.used, updated_at = now() where usage.used <> excluded.used"
        )

    async def is_sampled(self) -> None:
        assert (await self._roll_up.sample(None)).gauges == 1

    async def days_pass(self, days: int = 1) -> None:
        """In two steps, since no two rows may be of one day meanwhile."""
        for shift in (-100_000, 100_000 - days):
            await self._ledger.run(f"update usage_samples set day = day + {shift}")  # noqa: S608
        await self._ledger.run(f"update usage set updated_at = updated_at - interval '{days} days'")  # noqa: S608

    async def days(self, back: timedelta = A_YEAR) -> list[PastDay]:
        return await self._history.days("ada", "gb", back=back)

    async def rows(self) -> list[dict[str, object]]:
        return await self._ledger.rows("select day, xmin::text as written from usage_samples order by day")


@pytest_asyncio.fixture
async def gauge(ledger: Ledger) -> Gauge:
    return Gauge(ledger)


def today() -> date:
    return datetime.now(UTC).date()


def each_day(until: date, count: int) -> Iterator[date]:
    return (until - timedelta(days=number) for number in reversed(range(count)))


async def test_a_level_that_stays_is_not_written_again(gauge: Gauge) -> None:
    await gauge.reaches(5)
    await gauge.is_sampled()
    once = await gauge.rows()

    await gauge.is_sampled()

    assert await gauge.rows() == once


async def test_a_level_that_stays_is_written_once_in_each_month_and_read_on_every_day(gauge: Gauge) -> None:
    await gauge.reaches(5)
    for _ in range(45):
        await gauge.is_sampled()
        await gauge.days_pass()

    found = await gauge.days()

    assert [day.day for day in found] == list(each_day(found[-1].day, 46))
    assert {(day.lowest, day.highest, day.latest) for day in found} == {(5, 5, 5)}
    # Each day is today when it is sampled: on the first of a month, all of them are the first of one.
    assert len(await gauge.rows()) <= (45 if today().day == 1 else 3)


async def test_a_day_on_which_a_level_changes_includes_the_level_it_began_with(gauge: Gauge) -> None:
    await gauge.reaches(5)
    await gauge.is_sampled()
    await gauge.days_pass(2)
    await gauge.reaches(9)
    await gauge.is_sampled()

    *before, last = await gauge.days()

    assert [(day.lowest, day.latest) for day in before] == [(5, 5), (5, 5)]
    assert (last.lowest, last.highest, last.latest) == (5, 9, 9)


async def test_a_day_that_begins_with_a_new_level_has_that_alone(gauge: Gauge) -> None:
    await gauge.reaches(5)
    await gauge.is_sampled()
    await gauge.days_pass()
    await gauge.reaches(9)
    await gauge.days_pass()
    await gauge.is_sampled()

    last = (await gauge.days())[-1]

    assert (last.lowest, last.highest, last.latest) == (9, 9, 9)


async def test_samples_of_earlier_releases_say_nothing_of_days_that_have_none(ledger: Ledger, gauge: Gauge) -> None:
    await ledger.run(
        "insert into usage_samples (tenant, customer, feature, day, lowest, highest, latest)"
        " select 'default', 'ada', 'gb', current_date - n, n, n, n from unnest(array[9, 5]) n"
    )

    assert [day.latest for day in await gauge.days()] == [9, 5]

    await gauge.reaches(5)
    await gauge.is_sampled()
    await gauge.days_pass(2)

    assert [day.latest for day in await gauge.days()] == [9, 5, 5, 5, 5]


async def test_the_first_day_asked_for_has_the_level_of_the_last_sample_before_it(gauge: Gauge) -> None:
    await gauge.reaches(5)
    await gauge.is_sampled()
    await gauge.days_pass(20)

    assert [day.latest for day in await gauge.days(timedelta(days=3))] == [5, 5, 5]


async def test_days_are_read_as_if_every_gauge_were_sampled_every_day(gauge: Gauge) -> None:
    random = Random(SEED)  # noqa: S311 - of a test
    expected, level = [], 3
    await gauge.reaches(level)
    await gauge.is_sampled()
    for number in range(40):
        seen = [level]
        for _ in range(random.randrange(3)):
            level = random.choice([level, random.randrange(9)])
            await gauge.reaches(level)
            await gauge.is_sampled()
            seen.append(level)
        expected.append((min(seen), max(seen), level))
        if number < 39:
            await gauge.days_pass()

    found = await gauge.days()

    assert [(day.lowest, day.highest, day.latest) for day in found] == expected
