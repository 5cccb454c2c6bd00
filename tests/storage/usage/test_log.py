"""The log of usage: each key once, across months and their borders, and old months dropped as a whole."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from hashlib import sha256

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from domain.entitlements.usage import Action
from storage.db.roles import DatabaseRole
from tests.harness.postgres import Databases, until_one_waits
from tests.storage.counting import Counting
from tests.storage.ledger import Ledger
from tests.storage.usage.log import MONTH, Log

BORDER = datetime(2026, 3, 1, tzinfo=UTC)
PLAIN, DECIDED = "calls", "posts"
"""A meter that is counted by one statement, and one that takes the function."""


@pytest_asyncio.fixture
async def shop(ledger: Ledger) -> Counting:
    made = Counting(ledger.engine)
    await made.publish()
    await made.customer("ada", "pro")
    return made


@pytest_asyncio.fixture
async def log(shop: Counting, databases: Databases, database_url: str) -> AsyncIterator[Log]:
    """By itself near no border, whatever the time of the test. What is rolled up has the rights of a worker."""
    made = Log(shop.ledger, databases.engine(database_url, DatabaseRole.SYSTEM))
    await made.is_at_border(None)
    yield made
    await made.restore()


def a_direct_url(url: str) -> str:
    return url.replace("postgresql+asyncpg", "postgresql")


async def test_this_month_and_the_next_three_have_partitions_which_row_security_protects(
    shop: Counting, log: Log
) -> None:
    expected = await shop.ledger.rows(
        "select to_char(date_trunc('month', now() at time zone 'UTC') + n * interval '1 month', 'YYYY_MM') as name"
        " from generate_series(0, 3) n"
    )
    assert await log.months() == [*(row["name"] for row in expected), "others"]
    unprotected = await shop.ledger.rows(
        "select relname from pg_class c join pg_inherits i on i.inhrelid = c.oid"
        " where i.inhparent = 'usage_log'::regclass and not (relrowsecurity and relforcerowsecurity)"
    )
    assert unprotected == []


async def test_nobody_but_the_owner_reads_a_month_by_itself_and_the_owner_reads_all_of_it(
    shop: Counting, log: Log, databases: Databases, database_url: str
) -> None:
    await shop.use(PLAIN, key="a")
    month = f"usage_log_{(await log.where())['a']}"
    assert await shop.ledger.rows(f"select key from {month}") == [{"key": "a"}], "as a dump does"  # noqa: S608
    for role in DatabaseRole:
        with pytest.raises(ProgrammingError, match=f"permission denied for table {month}"):
            async with databases.engine(database_url, role).connect() as connection:
                await connection.execute(text(f"select from {month}"))


@pytest.mark.parametrize("meter", [PLAIN, DECIDED])
@pytest.mark.parametrize("months", [1, 2])
async def test_a_key_of_an_earlier_month_is_known(shop: Counting, log: Log, meter: str, months: int) -> None:
    await log.has_months(3)
    await shop.use(meter, 2, key="a", action=Action.RECORD)
    await shop.use(meter, 1, key="b", action=Action.RECORD)
    this_month = (await log.where())["a"]
    await log.ages(f"{31 * months} days")
    assert (await log.where())["a"] not in (this_month, "others")

    assert await shop.outcome(meter, 2, key="a", action=Action.RECORD) == "repeated"
    assert await shop.outcome(meter, 5, key="b", action=Action.RECORD) == "key_reused"
    assert await shop.outcome(meter, 1, key="c", action=Action.RECORD) == "counted"
    assert (await log.where())["c"] == this_month


@pytest.mark.parametrize("meter", [PLAIN, DECIDED])
async def test_a_month_without_a_partition_refuses_nothing_and_knows_its_keys(
    shop: Counting, log: Log, meter: str
) -> None:
    this_month = (await log.months())[0]
    await shop.ledger.run(f"drop table usage_log_{this_month}")

    assert await shop.outcome(meter, 2, key="a", action=Action.RECORD) == "counted"
    await log.forget()

    assert await shop.outcome(meter, 2, key="a", action=Action.RECORD) == "repeated"
    assert await log.where() == {"a": "others"}
    assert this_month not in await log.months(), "its rows would have to move"
    await log.ages("76 days")
    assert await log.forget() == {"unpartitioned_usage": 1}
    assert await log.where() == {}


async def test_the_roll_up_makes_the_next_months_and_drops_those_that_are_over_for_75_days(
    shop: Counting, log: Log
) -> None:
    await log.has_months(6)
    await shop.use(PLAIN, key="a")
    await log.ages("140 days")
    old = (await log.where())["a"]
    last = (await log.months())[-2]
    await shop.ledger.run(f"drop table usage_log_{last}")

    forgotten = await log.forget()

    months = await log.months()
    assert forgotten["usage_months"] in (3, 4), "depends on the day of the month"
    assert old not in months
    assert last in months
    # Whatever is younger than 75 days has its month still.
    [kept] = await shop.ledger.rows(f"select to_char(({MONTH.format(ago=2)})::date, 'YYYY_MM') as name")
    assert kept["name"] in months
    assert await shop.outcome(PLAIN, key="a") == "counted"


async def test_overage_that_is_not_reported_outlives_its_month_and_its_key_stays_known(
    shop: Counting, log: Log
) -> None:
    await log.has_months(6)
    await shop.use("runs", 99)
    await shop.use("runs", 3, key="beyond")
    await shop.ledger.run("update usage_events set recorded_at = recorded_at - interval '140 days'")
    await log.ages("140 days")

    assert "usage_months" in await log.forget()

    assert await log.where() == {}
    assert await shop.ledger.rows("select key, overage from usage_events") == [{"key": "beyond", "overage": 2}]
    assert await shop.outcome("runs", 3, key="beyond") == "repeated"
    await shop.ledger.run("update usage_events set reported_at = now()")
    assert await log.forget() == {"events": 1}


async def test_a_month_that_somebody_reads_is_dropped_the_next_time(
    shop: Counting, log: Log, database_url: str
) -> None:
    await log.has_months(6)
    oldest = (await log.months())[0]
    reader = await asyncpg.connect(a_direct_url(database_url))
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch(f"select from usage_log_{oldest}")

    await log.forget()
    assert oldest in await log.months()
    assert await shop.outcome(PLAIN) == "counted"

    await transaction.rollback()
    await reader.close()
    await log.forget()
    assert oldest not in await log.months()


@pytest.mark.parametrize("meter", [PLAIN, DECIDED])
async def test_near_the_border_of_two_months_a_digest_of_the_key_is_kept_for_a_day(
    shop: Counting, log: Log, meter: str
) -> None:
    await shop.use(meter, key="before", action=Action.RECORD)
    await log.is_at_border(BORDER)
    await shop.use(meter, key="near", action=Action.RECORD)
    assert await shop.outcome(meter, key="near", action=Action.RECORD) == "repeated"

    rows = await shop.ledger.rows("select border, digest from usage_border_keys")
    assert rows == [{"border": BORDER, "digest": sha256(b"near").digest()}]
    assert (await log.forget())["border_keys"] == 1


@pytest.mark.parametrize("meter", [PLAIN, DECIDED, "runs"])
async def test_a_key_that_is_counted_on_both_sides_of_a_border_at_once_counts_once(
    shop: Counting, log: Log, database_url: str, meter: str
) -> None:
    await shop.use("runs", 100)
    await log.is_at_border(BORDER)
    other_side = await asyncpg.connect(a_direct_url(database_url))
    transaction = other_side.transaction()
    await transaction.start()
    await other_side.execute(
        "insert into usage_events (tenant, key, customer, meter, action, quantity, at, recorded_at) values"
        " ('default', 'twin', 'ada', $1, 'consume', 1, now(), now() - interval '40 days')",
        meter,
    )

    here = asyncio.create_task(shop.outcome(meter, key="twin"))
    await until_one_waits(database_url)
    await transaction.commit()
    await other_side.close()

    assert await here == "repeated"
    assert len(await shop.ledger.rows("select key from usage_log where key = 'twin'")) == 1


@pytest.mark.parametrize(
    ("at", "border"),
    [
        ("2026-02-28 22:59:59Z", None),
        ("2026-02-28 23:00:01Z", BORDER),
        ("2026-03-01 00:59:59Z", BORDER),
        ("2026-03-01 01:00:01Z", None),
        ("2026-02-01 00:00:00Z", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-02-14 00:00:00Z", None),
    ],
)
async def test_a_moment_is_near_a_border_for_an_hour_before_and_after(
    shop: Counting, at: str, border: datetime | None
) -> None:
    async with shop.ledger.engine.connect() as connection:
        found = await connection.scalar(
            text("select tenure_usage_border(cast(cast(:at as text) as timestamptz))"), {"at": at}
        )
    assert found == border
