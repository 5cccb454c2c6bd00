"""How trials, recoveries and cancellations come out is counted once, and from then on as each of them changes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from domain.provider.payments import Decline
from domain.revenue.cancellation_figures import CancellationGroup
from domain.revenue.figures import Grouping
from domain.revenue.queries import ReportQuery
from domain.revenue.recovery_figures import RecoveryGroup
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from storage.revenue.check import OutcomeDifference, outcome_differences
from storage.revenue.counting import outcomes
from storage.revenue.outcome_figures import OutcomeFigures
from storage.schema.tables import installation
from tests.builders import a_recovery
from tests.storage.ledger import Ledger, a_step, later

UTC_DAYS = outcomes("UTC")
BEGAN = datetime(2026, 1, 10, 12, tzinfo=UTC)
YEAR = ReportQuery("usd", date(2026, 1, 1), date(2026, 12, 31))


@pytest.fixture(autouse=True)
async def uncounted(ledger: Ledger) -> None:
    """As before the first count, whatever other tests have done."""
    async with ledger.engine.begin() as connection:
        await connection.execute(delete(installation).where(installation.c.name == UTC_DAYS.noted_as))


async def lives(ledger: Ledger, name: str, days: int) -> None:
    """Customers whose trials end in each way, who owe and pay or do not, and who ask to leave and stay or do not."""
    at = BEGAN + timedelta(days=days)
    for number, changes in enumerate(_lives(at)):
        it = await ledger.newcomer(f"{name}-{number}")
        await ledger.save(a_step(it, at=at))
        for step, change in enumerate(changes):
            it = later(it, **change)
            await ledger.save(a_step(it, at=at + timedelta(days=step + 1)))


def _lives(at: datetime) -> Sequence[Sequence[dict[str, Any]]]:
    owing = {"status": Status.PAST_DUE, "recovery": a_recovery(decline=Decline("expired_card"))}
    asked = {"cancel_at": at + timedelta(days=20), "end_kind": EndKind.CUSTOMER, "reason_code": "unused"}
    undone = {"cancel_at": None, "undone_end": at + timedelta(days=20), "end_kind": None, "reason_code": ""}
    paid = {"status": Status.ACTIVE}
    return (
        (),
        (paid,),
        ({"status": Status.CANCELED, "end_kind": EndKind.TRIAL_EXPIRED},),
        (owing, paid | {"recovery": None}),
        (paid, owing, {"status": Status.CANCELED, "recovery": None, "end_kind": EndKind.NONPAYMENT}),
        (paid, asked, undone),
        (paid, asked, {"status": Status.CANCELED, "cancel_at": None}),
        ({"plan": "professional"}, paid),
    )


async def reports(ledger: Ledger) -> list[object]:
    """All that is said of them."""
    figures = OutcomeFigures(ledger.engine, "UTC")
    by_plan = ReportQuery("usd", YEAR.first, YEAR.last, group=Grouping.PLAN)
    found: list[object] = []
    for query in (YEAR, by_plan, ReportQuery("usd", date(2026, 2, 1), YEAR.last)):
        found += (await figures.trials("default", query)).periods
    for recovery_group in (None, *RecoveryGroup):
        found += (await figures.recoveries("default", YEAR, recovery_group)).periods
    for group in (None, *CancellationGroup):
        found += (await figures.cancellations("default", YEAR, group)).periods
    return found


async def test_whenever_they_are_counted_the_figures_are_the_same(ledger: Ledger) -> None:
    for number in range(3):
        await lives(ledger, f"life-{number}", 25 * number)
    by_themselves = await reports(ledger)
    assert await ledger.count("outcome_changes") > 0

    await UTC_DAYS.keep(ledger.engine)
    counted_at_once = await reports(ledger)
    await lives(ledger, "more", 25)
    with_changes = await reports(ledger)
    await UTC_DAYS.keep(ledger.engine)
    added_up = await reports(ledger)
    assert await ledger.count("outcome_changes") == 0
    assert await outcome_differences(ledger.engine, "UTC") == []
    async with ledger.engine.begin() as connection:
        await connection.execute(delete(installation).where(installation.c.name == UTC_DAYS.noted_as))
    by_themselves_again = await reports(ledger)

    assert counted_at_once == by_themselves
    assert with_changes == added_up == by_themselves_again != by_themselves


async def test_days_of_another_zone_are_counted_again(ledger: Ledger) -> None:
    await UTC_DAYS.keep(ledger.engine)
    await lives(ledger, "late", 0)
    await ledger.rewrite("update subscription_outcomes set trial_started_at = '2026-01-31 23:30Z'")
    await UTC_DAYS.keep(ledger.engine)
    berlin = OutcomeFigures(ledger.engine, "Europe/Berlin")
    before = (await berlin.trials("default", YEAR)).periods

    await outcomes("Europe/Berlin").keep(ledger.engine)

    assert (await berlin.trials("default", YEAR)).periods == before
    assert [each.started for each in before[:2]] == [0, 8]
    assert await outcome_differences(ledger.engine, "Europe/Berlin") == []
    assert await outcome_differences(ledger.engine, "UTC") == []


async def test_what_is_counted_wrongly_is_found_by_its_day(ledger: Ledger) -> None:
    await lives(ledger, "ada", 0)
    await UTC_DAYS.keep(ledger.engine)
    await ledger.rewrite("update outcome_daily set count = count + 1 where fact = 'cancellation'")

    found = await outcome_differences(ledger.engine, "UTC")

    assert found == [OutcomeDifference("default", "cancellation", date(2026, 1, 12))]
