"""Overage waits until it is reported to the provider, once."""

import asyncio
from datetime import timedelta

import pytest_asyncio
from sqlalchemy import text

from domain.provider.overage_usage import BilledUsage, ClaimedUsage, ReportProblem
from storage.usage.overage_reports import OVERDUE_SHARE, UsageReports
from tests.harness.patience import PATIENT
from tests.storage.ledger import Ledger
from tests.storage.overage_events import a_usage_event, began

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def reports(ledger: Ledger) -> UsageReports:
    return UsageReports(ledger.engine)


async def known(ledger: Ledger, external_id: str = "ada") -> None:
    """A customer whom the provider knows."""
    customer = await ledger.customer(external_id)
    await ledger.records.remember_wallet(customer, f"cus_{external_id}")


def keys(claimed: list[ClaimedUsage]) -> list[str]:
    return [each.use.key for each in claimed]


async def test_overage_is_claimed_with_everything_to_report(ledger: Ledger, reports: UsageReports) -> None:
    await known(ledger)
    await a_usage_event(ledger, "within", overage=0)
    await a_usage_event(ledger, "over")

    [claimed] = await reports.claim(10)

    assert claimed.use == BilledUsage("default", "over", "cus_ada", "shop_runs", 4, claimed.use.at)
    assert claimed.began_before is None
    await reports.mark_reported(claimed.use)
    assert await reports.claim(10) == []


async def test_a_customers_usage_waits_until_it_is_reported_or_left_to_an_operator(
    ledger: Ledger, reports: UsageReports
) -> None:
    await known(ledger)
    await a_usage_event(ledger, "within", overage=0)
    assert not await reports.waits("ada")

    await a_usage_event(ledger, "one")
    await a_usage_event(ledger, "two")
    assert await reports.waits("ada")
    assert not await reports.waits("grace")
    assert not await reports.waits("ada", tenant="acme")

    one, two = await reports.claim(10)
    await reports.mark_reported(one.use)
    assert await reports.waits("ada")
    await reports.set_aside(two.use, ReportProblem.REFUSED, "a reason")
    assert not await reports.waits("ada")


async def test_usage_of_customers_unknown_to_the_provider_waits(ledger: Ledger, reports: UsageReports) -> None:
    await ledger.customer("ada")
    await a_usage_event(ledger, "early")
    assert await reports.claim(10) == []

    await known(ledger)

    assert keys(await reports.claim(10)) == ["early"]


async def test_a_started_report_has_its_age_and_a_released_one_is_new(ledger: Ledger, reports: UsageReports) -> None:
    await known(ledger)
    await a_usage_event(ledger, "one")
    [first] = await reports.claim(10)
    [again] = await reports.claim(10)
    assert again.began_before is not None
    assert again.began_before < timedelta(minutes=1)

    await reports.release([first.use])

    assert (await reports.claim(10))[0].began_before is None


async def test_after_a_restore_what_waits_counts_as_reported_since_it_was_recorded(
    ledger: Ledger, reports: UsageReports
) -> None:
    await known(ledger)
    await a_usage_event(ledger, "waits", ago=30 * HOUR)
    await a_usage_event(ledger, "begun", ago=30 * HOUR)
    await began(ledger, "begun", HOUR)

    marked = [await reports.may_have_been_reported() for _ in range(2)]
    ages = {each.use.key: each.began_before for each in await reports.claim(10)}

    assert marked == [1, 0]
    assert {key: round(age / HOUR) for key, age in ages.items() if age is not None} == {"waits": 30, "begun": 1}


async def test_never_attempted_reports_go_first_then_the_oldest(ledger: Ledger, reports: UsageReports) -> None:
    await known(ledger)
    for key, ago in (("failing", 3 * HOUR), ("older", 2 * HOUR), ("newer", HOUR)):
        await a_usage_event(ledger, key, ago=ago)
    await began(ledger, "failing", HOUR)

    assert keys(await reports.claim(2)) == ["older", "newer"]


async def test_of_each_claim_a_tenth_is_kept_for_reports_that_were_cut_off_more_than_an_hour_ago(
    ledger: Ledger, reports: UsageReports
) -> None:
    await known(ledger)
    for number in range(30):
        await a_usage_event(ledger, f"use-{number:02}", ago=(40 - number) * HOUR)
    for key, ago in (("use-00", 2), ("use-01", 3), ("use-02", 4)):
        await began(ledger, key, ago * HOUR)

    first, second = keys(await reports.claim(20)), keys(await reports.claim(20))

    assert first == [f"use-{number:02}" for number in range(3, 21)] + ["use-01", "use-02"][: 20 // OVERDUE_SHARE]
    # The oldest is overdue first; and what one claim leaves started, the next claims again when nothing is new.
    assert second[:9] == [f"use-{number:02}" for number in range(21, 30)]
    assert {"use-00", "use-01", "use-02"} <= {*second}
    assert len(second) == 20


async def test_no_usage_is_claimed_twice_at_once(ledger: Ledger, reports: UsageReports) -> None:
    await known(ledger)
    for number in range(20):
        await a_usage_event(ledger, f"use-{number:02}")
    others = text("select key from usage_events order by recorded_at, key limit 5 for update")

    async with ledger.engine.connect() as connection:
        held = (await connection.execute(others)).scalars().all()
        claimed = keys(await asyncio.wait_for(reports.claim(20), PATIENT))

    assert len(held) == 5
    assert sorted([*held, *claimed]) == [f"use-{number:02}" for number in range(20)]


async def test_what_is_left_to_an_operator_is_claimed_by_nobody_and_listed(
    ledger: Ledger, reports: UsageReports
) -> None:
    await known(ledger)
    await a_usage_event(ledger, "lost")
    await a_usage_event(ledger, "refused")
    for claimed in await reports.claim(10):
        trouble = ReportProblem.UNKNOWN if claimed.use.key == "lost" else ReportProblem.REFUSED
        await reports.set_aside(claimed.use, trouble, "a reason")

    assert await reports.claim(10) == []
    listed = await reports.unreported(limit=10)
    assert {(each.key, each.customer, each.feature, each.quantity, each.trouble, each.why) for each in listed} == {
        ("lost", "ada", "runs", 4, ReportProblem.UNKNOWN, "a reason"),
        ("refused", "ada", "runs", 4, ReportProblem.REFUSED, "a reason"),
    }


async def test_an_operator_has_it_reported_again_or_marks_it_billed(ledger: Ledger, reports: UsageReports) -> None:
    await known(ledger)
    for key in ("there", "not-there", "refused"):
        await a_usage_event(ledger, key)
    for claimed in await reports.claim(10):
        trouble = ReportProblem.REFUSED if claimed.use.key == "refused" else ReportProblem.UNKNOWN
        await reports.set_aside(claimed.use, trouble, "a reason")

    assert await reports.try_refused_again() == 1
    assert keys(await reports.claim(10)) == ["refused"]
    assert await reports.resolve("there", is_billed=True)
    assert await reports.resolve("not-there", is_billed=False)
    assert not await reports.resolve("there", is_billed=False)
    assert not await reports.resolve("nobody-knows", is_billed=True)

    left = await reports.claim(10)
    assert [(each.use.key, each.began_before is None) for each in left] == [("not-there", True), ("refused", False)]
    assert await reports.unreported(limit=10) == []
