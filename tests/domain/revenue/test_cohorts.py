"""Who began to pay in the same month, and what they come to."""

from datetime import date
from fractions import Fraction

from domain.revenue.cohorts import CohortChange, Retained, cohorts

JANUARY, FEBRUARY, MARCH, APRIL = (date(2026, month, 1) for month in range(1, 5))
BEGAN = CohortChange(JANUARY, JANUARY, delta=1000, payers=4, began_with=1200, customers=5)
GREW = CohortChange(JANUARY, MARCH, delta=1400, payers=-1)


def test_a_cohort_is_told_month_by_month_until_the_current_one() -> None:
    [january] = cohorts([BEGAN, GREW], JANUARY, FEBRUARY, latest=date(2026, 3, 15))

    assert (january.customers, january.began_with) == (5, 1200)
    assert january.months == (
        Retained(JANUARY, 4, 1000, Fraction(4, 5), Fraction(5, 6), is_complete=True),
        Retained(FEBRUARY, 4, 1000, Fraction(4, 5), Fraction(5, 6), is_complete=True),
        Retained(MARCH, 3, 2400, Fraction(3, 5), Fraction(2), is_complete=False),
    )


def test_a_month_in_which_nobody_began_has_a_cohort_without_months() -> None:
    january, february, march = cohorts([BEGAN], JANUARY, APRIL, latest=date(2026, 3, 15))

    assert len(january.months) == 3
    assert [(each.first_day, each.customers, each.months) for each in (february, march)] == [
        (FEBRUARY, 0, ()),
        (MARCH, 0, ()),
    ]
