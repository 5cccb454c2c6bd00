"""Movements add up to what subscriptions are worth; if not, that is found and corrected."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest

from domain.reconciliation.ports import RevenueDifference
from domain.revenue.amounts import annual
from domain.revenue.figures import Period
from domain.revenue.queries import Range
from domain.subscription.lifecycle import Status
from domain.subscription.state import Pause, Subscription
from storage.revenue import check
from storage.revenue.check import RevenueCheck, month_differences
from storage.revenue.figures import Line, RevenueReader
from storage.revenue.roll_up import RevenueRollUpRecords
from tests.builders import FREE, NOW, PRO, a_paid_subscription, in_status
from tests.storage.ledger import Ledger, a_step, later

WORTH = 12 * 4900


async def stored(ledger: Ledger, name: str, it: Subscription) -> Subscription:
    """A subscription that was a trial and is *it* now."""
    trial = await ledger.sign_up(name)
    it = replace(it, id=trial.id, customer=trial.customer, sequence=2)
    await ledger.save(a_step(it, at=NOW + timedelta(days=1)))
    return it


@pytest.mark.parametrize(
    "it",
    [
        *(in_status(status) for status in Status),
        a_paid_subscription().choosing(FREE),
        a_paid_subscription().choosing(PRO),
        replace(in_status(Status.PAUSED), pause=Pause(NOW, counts=True)),
    ],
    ids=lambda it: f"{it.status}-{it.plan}",
)
async def test_the_database_and_the_rules_agree_on_what_a_subscription_is_worth(
    ledger: Ledger, it: Subscription
) -> None:
    it = await stored(ledger, "ada", it)
    comparison = RevenueCheck(ledger.engine)
    assert await comparison.differences() == []

    await ledger.rewrite("delete from mrr_movements")

    worth = annual(it)
    expected = [RevenueDifference(it.id, "default", "usd", 0, worth)] if worth else []
    assert await comparison.differences() == expected


@pytest.mark.parametrize(("limit", "listed"), [(1000, 5), (3, 3)])
async def test_subscriptions_are_compared_a_few_at_a_time(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, limit: int, listed: int
) -> None:
    monkeypatch.setattr(check, "AT_ONCE", 2)
    ids = sorted([(await stored(ledger, f"customer-{number}", a_paid_subscription())).id for number in range(5)])
    await ledger.rewrite("delete from mrr_movements")

    found = await RevenueCheck(ledger.engine).differences(limit=limit)

    assert [each.subscription for each in found] == ids[:listed]
    of_some = await RevenueCheck(ledger.engine).differences(ids[1], ids[3])
    assert [each.subscription for each in of_some] == ids[1:4]


async def test_a_difference_is_corrected_once_after_everything_that_is_there(ledger: Ledger) -> None:
    it = await stored(ledger, "ada", a_paid_subscription())
    # As if an earlier release had changed the plan.
    await ledger.rewrite("update mrr_movements set after = 1200, delta = 1200")
    comparison = RevenueCheck(ledger.engine)
    assert [(each.recorded, each.worth) for each in await comparison.differences()] == [(1200, WORTH)]

    await asyncio.gather(comparison.correct(it.id), comparison.correct(it.id))

    assert await comparison.differences() == []
    rows = await ledger.rows("select sequence, position, kind, before, after, at from mrr_movements order by position")
    assert [row["kind"] for row in rows] == ["new", "expansion"]
    assert rows[1] == {
        "sequence": 2,
        "position": 1,
        "kind": "expansion",
        "before": 1200,
        "after": WORTH,
        "at": NOW + timedelta(days=1),
    }


async def test_the_next_step_after_a_correction_moves_on_from_it(ledger: Ledger) -> None:
    it = await stored(ledger, "ada", a_paid_subscription())
    await ledger.rewrite("delete from mrr_movements")
    comparison = RevenueCheck(ledger.engine)
    await comparison.correct(it.id)

    await ledger.save(a_step(later(it, status=Status.CANCELED)))

    rows = await ledger.rows("select kind, delta from mrr_movements order by sequence")
    assert [tuple(row.values()) for row in rows] == [("opening", WORTH), ("churn", -WORTH)]
    assert await comparison.differences() == []


async def test_a_subscription_that_is_unknown_needs_no_correction(ledger: Ledger) -> None:
    await RevenueCheck(ledger.engine).correct("10000000-0000-4000-8000-000000000000")
    assert await ledger.count("mrr_movements") == 0


# Month by month


async def test_months_that_were_summed_up_are_what_the_movements_add_up_to(ledger: Ledger) -> None:
    it = await stored(ledger, "ada", a_paid_subscription())
    await ledger.save(a_step(later(it).choosing(PRO), at=NOW + timedelta(days=70)))
    await ledger.rewrite("update mrr_movements set recorded_at = now() - interval '1 hour'")
    await RevenueRollUpRecords(ledger.engine, "UTC").roll_up()
    assert await month_differences(ledger.engine, "UTC") == []

    await ledger.rewrite("update mrr_daily set after = after + 12 where kind = 'new'")

    found = await month_differences(ledger.engine, "UTC")
    assert [(each.month, each.end - each.movements) for each in found] == [
        (date(2026, 3, 1), 12),
        (date(2026, 4, 1), 12),
        (date(2026, 5, 1), 12),
    ]


async def test_what_moves_while_months_are_compared_is_no_difference(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(ledger, "ada", a_paid_subscription())
    read = RevenueReader.periods

    async def read_late(reader: RevenueReader, wanted: Range) -> dict[Line, list[Period]]:
        await stored(ledger, "grace", a_paid_subscription())
        return await read(reader, wanted)

    with monkeypatch.context() as patch:
        patch.setattr(RevenueReader, "periods", read_late)
        assert await month_differences(ledger.engine, "UTC") == []
    assert await ledger.count("mrr_movements") == 2
    assert await month_differences(ledger.engine, "UTC") == []
