"""Figures of trials, recoveries and cancellations, read from what steps have written."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from domain.provider.payments import Decline
from domain.revenue.cancellation_figures import CancellationGroup
from domain.revenue.figures import Grouping, PeriodLength, Segment
from domain.revenue.outcomes import RetainedBy
from domain.revenue.queries import ReportQuery
from domain.revenue.recoveries import RecoveryOutcome
from domain.revenue.recovery_figures import RecoveryGroup
from domain.revenue.trial_figures import Conversion
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import Pause, Subscription
from storage.revenue.outcome_figures import OutcomeFigures
from tests.builders import PRO, VISA, a_recovery
from tests.storage.ledger import Ledger, a_step, later

QUARTER = ReportQuery("usd", date(2026, 1, 1), date(2026, 3, 31))
DAY = timedelta(days=1)


def on(month: int, day: int = 10, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@pytest.fixture
def figures(ledger: Ledger) -> OutcomeFigures:
    return OutcomeFigures(ledger.engine, "UTC")


async def begins(ledger: Ledger, name: str, at: datetime, **changes: Any) -> Subscription:
    it = await ledger.newcomer(name, **changes)
    await ledger.save(a_step(it, at=at))
    return it


async def goes_on(ledger: Ledger, it: Subscription, at: datetime, **changes: Any) -> Subscription:
    it = later(it, **changes)
    await ledger.save(a_step(it, at=at))
    return it


async def pays(ledger: Ledger, name: str, at: datetime) -> Subscription:
    return await goes_on(ledger, await begins(ledger, name, at), at, status=Status.ACTIVE, agreement_ref=f"sub_{name}")


# Trials


async def test_a_trial_counts_in_the_month_in_which_it_ends(ledger: Ledger, figures: OutcomeFigures) -> None:
    with_card = await begins(ledger, "ada", on(1), card=VISA)
    without = await begins(ledger, "bob", on(1, 20))
    await begins(ledger, "eve", on(2))
    await goes_on(ledger, with_card, on(2, 9), status=Status.ACTIVE, agreement_ref="sub_1")
    await goes_on(ledger, without, on(2, 5), status=Status.CANCELED, end_kind=EndKind.TRIAL_EXPIRED)

    january, february, march = (await figures.trials("default", QUARTER)).periods

    assert (january.started, january.running, january.all) == (2, 2, Conversion(0, 0))
    assert (february.started, february.running, february.all, february.expired) == (1, 1, Conversion(2, 1), 1)
    assert (february.with_card, february.without_card) == (Conversion(1, 1), Conversion(1, 0))
    assert (february.median_days, february.mean_days) == (30.0, 30.0)
    assert (march.started, march.running, march.median_days) == (0, 1, None)
    [only] = (await figures.trials("default", replace(QUARTER, first=date(2026, 3, 1)))).periods
    assert only == march


async def test_a_trial_is_of_the_plan_that_was_tried_last(ledger: Ledger, figures: OutcomeFigures) -> None:
    it = later(await begins(ledger, "ada", on(1))).choosing(PRO)
    await ledger.save(a_step(it, at=on(1, 12)))
    it = await goes_on(ledger, it, on(1, 24), status=Status.ACTIVE)
    await goes_on(ledger, it, on(2), plan="starter")
    await begins(ledger, "bob", on(1))

    by_plan = (await figures.trials("default", replace(QUARTER, last=date(2026, 1, 31), group=Grouping.PLAN))).periods

    assert [(each.group, each.started, each.all) for each in by_plan] == [
        ("professional", 1, Conversion(1, 1)),
        ("starter", 1, Conversion()),
    ]
    [of_pro] = (
        await figures.trials("default", replace(QUARTER, last=date(2026, 1, 31), segment=Segment("professional")))
    ).periods
    assert (of_pro.started, of_pro.all) == (1, Conversion(1, 1))


async def test_a_payment_after_the_trial_converts_it_in_the_month_in_which_it_ended(
    ledger: Ledger, figures: OutcomeFigures
) -> None:
    it = await begins(ledger, "ada", on(1))
    it = await goes_on(ledger, it, on(1, 24), status=Status.PAST_DUE, recovery=a_recovery())
    [before, *_] = (await figures.trials("default", QUARTER)).periods
    await goes_on(ledger, it, on(2, 9), status=Status.ACTIVE, recovery=None)
    january, february, _ = (await figures.trials("default", QUARTER)).periods

    assert (before.all, before.declined) == (Conversion(1, 0), 1)
    assert (january.all, january.declined, january.mean_days) == (Conversion(1, 1), 0, 30.0)
    assert february.all == Conversion()


async def test_trials_of_another_tenant_and_zone_are_told_apart(ledger: Ledger, figures: OutcomeFigures) -> None:
    await begins(ledger, "ada", on(1, 31, 23))

    assert [each.started for each in (await figures.trials("default", QUARTER)).periods] == [1, 0, 0]
    berlin = OutcomeFigures(ledger.engine, "Europe/Berlin")
    assert [each.started for each in (await berlin.trials("default", QUARTER)).periods] == [0, 1, 0]
    assert [each.started for each in (await figures.trials("other", QUARTER)).periods] == [0, 0, 0]
    days = replace(QUARTER, first=date(2026, 1, 31), last=date(2026, 2, 1), length=PeriodLength.DAY)
    assert [each.started for each in (await figures.trials("default", days)).periods] == [1, 0]


# Recoveries


async def test_a_recovery_counts_in_the_month_in_which_it_began(ledger: Ledger, figures: OutcomeFigures) -> None:
    owing = {}
    for name, code, tries in (
        ("ada", "insufficient_funds", 2),
        ("bob", "expired_card", 10),
        ("eve", "expired_card", 1),
    ):
        declined = a_recovery(since=on(1, 20), amount_due=4900, currency="usd", decline=Decline(code), tries=tries)
        paying = await pays(ledger, name, on(1))
        owing[name] = await goes_on(ledger, paying, on(1, 20), status=Status.PAST_DUE, recovery=declined)
    await goes_on(ledger, owing["ada"], on(2, 1), status=Status.ACTIVE, recovery=None)
    await goes_on(ledger, owing["bob"], on(3, 1), status=Status.CANCELED, recovery=None, end_kind=EndKind.NONPAYMENT)

    january, february, _ = (await figures.recoveries("default", QUARTER)).periods

    counts = {outcome: owed.count for outcome, owed in january.renewals.by_outcome.items()}
    assert counts == {RecoveryOutcome.RECOVERED: 1, RecoveryOutcome.LOST: 1, RecoveryOutcome.OPEN: 1}
    assert (january.renewals.rate, january.renewals.of(RecoveryOutcome.LOST).amount) == (Fraction(1, 2), 4900)
    assert (january.first_payments.by_outcome, february.renewals.by_outcome) == ({}, {})
    month = replace(QUARTER, last=date(2026, 1, 31))
    for group, names in (
        (RecoveryGroup.DECLINE_CODE, ["expired_card", "insufficient_funds"]),
        (RecoveryGroup.TRIES, ["1", "2", "10"]),
        (RecoveryGroup.BY, ["", "retry"]),
        (RecoveryGroup.PLAN, ["starter"]),
    ):
        found = (await figures.recoveries("default", month, group)).periods
        assert [each.group for each in found] == names
        assert sum(owed.count for each in found for owed in each.renewals.by_outcome.values()) == 3
    [of_eur] = (await figures.recoveries("default", replace(month, currency="eur"))).periods
    assert of_eur.renewals.by_outcome == {}


async def test_a_first_payment_is_a_figure_of_its_own(ledger: Ledger, figures: OutcomeFigures) -> None:
    it = await begins(ledger, "ada", on(1))
    it = await goes_on(ledger, it, on(1, 24), status=Status.PAST_DUE, recovery=a_recovery(since=on(1, 24)))
    await goes_on(ledger, it, on(2), status=Status.ACTIVE, recovery=None)

    [january, *_] = (await figures.recoveries("default", QUARTER)).periods

    assert (january.renewals.by_outcome, january.first_payments.rate) == ({}, Fraction(1))


# Cancellations


async def asks(ledger: Ledger, it: Subscription, at: datetime, reason: str = "unused") -> Subscription:
    wish: dict[str, Any] = {"end_kind": EndKind.CUSTOMER, "reason_code": reason, "cancel_reason": f"so {reason}"}
    return await goes_on(ledger, it, at, cancel_at=at + 15 * DAY, undone_end=None, **wish)


async def undoes(ledger: Ledger, it: Subscription, at: datetime) -> Subscription:
    return await goes_on(ledger, it, at, cancel_at=None, undone_end=it.cancel_at, end_kind=None, reason_code="")


async def test_who_asks_twice_is_counted_in_both_months(ledger: Ledger, figures: OutcomeFigures) -> None:
    it = await asks(ledger, await pays(ledger, "ada", on(1)), on(1, 12), "unused")
    it = await asks(ledger, await undoes(ledger, it, on(1, 14)), on(3), "too_expensive")
    await goes_on(ledger, it, on(3, 25), status=Status.CANCELED, cancel_at=None)

    january, february, march = (await figures.cancellations("default", QUARTER)).periods

    assert (january.asked, january.undone, january.ended, january.reasons["unused"]) == (1, 1, 0, 1)
    assert (february.asked, february.save_rate) == (0, None)
    assert (march.asked, march.ended, march.save_rate, march.reasons["too_expensive"]) == (1, 1, Fraction(0), 1)


async def test_a_pause_instead_of_the_end_saves_and_one_after_it_does_not(
    ledger: Ledger, figures: OutcomeFigures
) -> None:
    for name, day in (("ada", 20), ("bob", 28)):
        it = await undoes(ledger, await asks(ledger, await pays(ledger, name, on(1)), on(1, 12)), on(1, 14))
        await goes_on(ledger, it, on(1, day), status=Status.PAUSED, pause=Pause(on(1, day)))

    [january, *_] = (await figures.cancellations("default", QUARTER)).periods

    assert january.retained == {RetainedBy.UNCANCEL: 1, RetainedBy.PAUSE: 1, RetainedBy.CHANGE: 0}


async def test_cancellations_are_told_apart_by_plan_and_reason(ledger: Ledger, figures: OutcomeFigures) -> None:
    await asks(ledger, await pays(ledger, "ada", on(1)), on(1, 12), "")
    on_trial = later(await begins(ledger, "bob", on(1))).choosing(PRO)
    await ledger.save(a_step(on_trial, at=on(1, 11)))
    await goes_on(
        ledger, on_trial, on(1, 12), status=Status.CANCELED, end_kind=EndKind.CUSTOMER, reason_code="too_complex"
    )
    month = replace(QUARTER, last=date(2026, 1, 31))

    by_reason = (await figures.cancellations("default", month, CancellationGroup.REASON_CODE)).periods
    by_plan = (await figures.cancellations("default", month, CancellationGroup.PLAN)).periods

    assert [(each.group, each.asked, each.on_trial) for each in by_reason] == [("none", 1, 0), ("too_complex", 1, 1)]
    assert [(each.group, each.asked, each.pending) for each in by_plan] == [("professional", 1, 0), ("starter", 1, 1)]


async def test_a_step_that_is_repeated_asks_once(ledger: Ledger) -> None:
    it = await asks(ledger, await pays(ledger, "ada", on(1)), on(1, 12))
    await ledger.save(a_step(it, at=on(1, 12)))
    assert await ledger.count("cancellations") == 1


async def test_figures_reach_as_far_as_a_subscription_that_is_ahead(ledger: Ledger, figures: OutcomeFigures) -> None:
    ahead = datetime.now(UTC) + timedelta(days=500)
    await begins(ledger, "ada", ahead)
    assert (await figures.trials("default", ReportQuery("usd"))).extent.latest == ahead.date()


async def test_each_report_is_three_statements(ledger: Ledger, figures: OutcomeFigures, asked: list[str]) -> None:
    await pays(ledger, "ada", on(1))
    for read in (
        figures.trials("default", QUARTER),
        figures.recoveries("default", QUARTER),
        figures.cancellations("default", QUARTER),
    ):
        asked.clear()
        await read
        assert sum("FROM" in statement for statement in asked) == 3
