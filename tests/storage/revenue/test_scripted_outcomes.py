"""Trials, recoveries and cancellations of the scripted year come to what plain arithmetic says."""

from datetime import timedelta

from domain.names import DEFAULT_TENANT
from domain.revenue.cancellation_figures import CancellationPeriod
from domain.revenue.queries import ReportQuery
from domain.revenue.recoveries import RecoveryOutcome
from domain.revenue.recovery_figures import RecoveryGroup, RecoveryPeriod
from domain.revenue.trial_figures import TrialPeriod
from storage.revenue.outcome_figures import OutcomeFigures
from tests.storage.ledger import Ledger
from tests.storage.revenue.test_scripted_year import YEAR, kept, played
from tests.web.expected_outcomes import CANCELLATIONS, RECOVERIES, TRIALS


def told_of_trials(month: TrialPeriod) -> dict[str, str]:
    days = [f"{each:.1f}" if each is not None else "" for each in (month.median_days, month.mean_days)]
    row = {
        "month": f"{month.first_day:%Y-%m}",
        "started": month.started,
        "running": month.running,
        "ended": month.all.ended,
        "converted": month.all.converted,
        "expired": month.expired,
        "canceled": month.canceled,
        "free": month.free,
        "declined": month.declined,
        "with_card_ended": month.with_card.ended,
        "with_card_converted": month.with_card.converted,
        "median_days": days[0],
        "mean_days": days[1],
    }
    return {name: str(value) for name, value in row.items()}


def told_of_recoveries(months: list[RecoveryPeriod]) -> list[dict[str, str]]:
    rows = []
    for month in months:
        for is_first, figure in ((False, month.renewals), (True, month.first_payments)):
            row: dict[str, object] = {"month": f"{month.first_day:%Y-%m}", "is_first": is_first, "tries": month.group}
            for outcome in ("recovered", "lost", "open"):
                owed = figure.of(RecoveryOutcome(outcome))
                row |= {outcome: owed.count, f"{outcome}_amount": owed.amount}
            if figure.by_outcome:
                rows.append({name: str(value) for name, value in row.items()})
    return rows


def told_of_cancellations(month: CancellationPeriod) -> dict[str, str]:
    row: dict[str, object] = {"month": f"{month.first_day:%Y-%m}", "asked": month.asked}
    row |= {kept.value: count for kept, count in month.retained.items()}
    row |= {"ended": month.ended, "pending": month.pending, **month.reasons, "by_operators": month.by_operators}
    return {name: str(value) for name, value in row.items()}


async def test_trials_recoveries_and_cancellations_of_a_year_are_what_plain_arithmetic_says(ledger: Ledger) -> None:
    await played(ledger)
    figures = OutcomeFigures(ledger.engine, "UTC")
    year = ReportQuery("usd", YEAR.first, YEAR.beyond - timedelta(days=1))

    trial_months = await figures.trials(DEFAULT_TENANT, year)
    recovered = await figures.recoveries(DEFAULT_TENANT, year, RecoveryGroup.TRIES)
    canceled = await figures.cancellations(DEFAULT_TENANT, year)

    assert [told_of_trials(month) for month in trial_months.periods] == kept(TRIALS)
    by_month = sorted(recovered.periods, key=lambda month: (month.first_day, month.group))
    found = sorted(told_of_recoveries(by_month), key=lambda row: (row["month"], row["is_first"], row["tries"]))
    assert found == kept(RECOVERIES)
    assert [told_of_cancellations(month) for month in canceled.periods] == kept(CANCELLATIONS)
