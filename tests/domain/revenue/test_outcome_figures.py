"""Figures of trials, recoveries and cancellations, from sums."""

from datetime import date
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from domain.revenue.cancellation_figures import CancellationSum, cancellation_periods
from domain.revenue.figures import PeriodLength
from domain.revenue.outcomes import RetainedBy
from domain.revenue.recoveries import RecoveryOutcome
from domain.revenue.recovery_figures import RecoverySum, recovery_periods
from domain.revenue.trial_figures import TrialSum, trial_periods

JANUARY, FEBRUARY, MARCH = (date(2026, month, 1) for month in (1, 2, 3))
TWO_MONTHS = (JANUARY, MARCH, PeriodLength.MONTH)


def test_trials_that_began_before_are_running_until_they_end() -> None:
    sums = [TrialSum(None, "", started=3, ended=1), TrialSum(FEBRUARY, "", started=2, ended=1, converted=1)]
    january, february = trial_periods(sums, *TWO_MONTHS)
    assert (january.running, january.all.rate) == (2, None)
    assert (february.started, february.running, february.all.rate) == (2, 3, Fraction(1))


@given(st.integers(0, 50), st.integers(0, 50))
def test_conversion_is_never_above_one(converted: int, others: int) -> None:
    [month] = trial_periods(
        [TrialSum(JANUARY, "", ended=converted + others, converted=converted)], JANUARY, FEBRUARY, PeriodLength.MONTH
    )
    assert month.all.rate is None if not converted + others else 0 <= month.all.rate <= 1  # type: ignore[operator]


def test_open_and_waived_recoveries_are_in_no_rate() -> None:
    sums = [
        RecoverySum(JANUARY, "", False, RecoveryOutcome.RECOVERED, 3, 3 * 4900),
        RecoverySum(JANUARY, "", False, RecoveryOutcome.LOST, 1, 19900),
        RecoverySum(JANUARY, "", False, RecoveryOutcome.OPEN, 5, 5 * 4900),
        RecoverySum(JANUARY, "", False, RecoveryOutcome.WAIVED, 7, 7 * 4900),
        RecoverySum(JANUARY, "", True, RecoveryOutcome.LOST, 9, 9 * 4900),
    ]
    january, february = recovery_periods(sums, *TWO_MONTHS)
    assert january.renewals.rate == Fraction(3, 4)
    assert january.renewals.amount_rate == Fraction(3 * 4900, 3 * 4900 + 19900)
    assert (january.first_payments.rate, february.renewals.rate) == (Fraction(0), None)


def test_those_who_stay_are_saved_and_those_who_have_not_left_yet_are_in_no_rate() -> None:
    def asked(count: int, retained_by: str = "", *, has_ended: bool = False, by: str = "customer") -> CancellationSum:
        return CancellationSum(JANUARY, "", by, "", False, retained_by, has_ended, count)

    sums = [asked(2, "pause"), asked(1, "uncancel"), asked(3, has_ended=True), asked(4), asked(5, by="operator")]
    january, _ = cancellation_periods(sums, *TWO_MONTHS)
    assert (january.asked, january.undone, january.ended, january.pending) == (10, 3, 3, 4)
    assert (january.save_rate, january.by_operators) == (Fraction(1, 2), 5)
    assert january.retained == {RetainedBy.UNCANCEL: 1, RetainedBy.PAUSE: 2, RetainedBy.CHANGE: 0}
    assert (january.reasons["none"], sum(january.reasons.values())) == (10, 10)


def test_a_reason_that_is_not_known_is_none() -> None:
    sums = [CancellationSum(JANUARY, "pro", "customer", reason, True, "", True, 1) for reason in ("other", "gone")]
    [of_pro] = cancellation_periods(sums, JANUARY, FEBRUARY, PeriodLength.MONTH, ["pro"])
    assert (of_pro.reasons["other"], of_pro.reasons["none"], of_pro.on_trial) == (1, 1, 2)
