"""How revenue grows, what is lost, and what a customer is worth."""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction

import pytest

from domain.revenue.figures import MOVES, ChurnGroup, Figure, Period
from domain.revenue.ratios import (
    LifetimeValue,
    NoLifetimeValue,
    decimal,
    gross_churn,
    growth,
    lifetime_value,
    logo_churn,
    logo_churn_by,
    minor_units,
    net_churn,
    per_customer,
    quick_ratio,
    retention,
)


def a_month(start: int = 0, customers: int = 0, **moved: tuple[int, int]) -> Period:
    """A month that starts with so much and so many; what moved is an amount and customers."""
    figures: Mapping[str, Figure] = dict.fromkeys(MOVES, Figure()) | {
        kind: Figure(*figure) for kind, figure in moved.items()
    }
    end = start + sum(figure.annual for figure in figures.values())
    lost = {ChurnGroup.VOLUNTARY: figures["churn"]}
    return Period(
        date(2026, 1, 1),
        start,
        end,
        customers=0,
        paused=0,
        customers_at_start=customers,
        moved=figures,
        churn_by=dict.fromkeys(ChurnGroup, Figure()) | lost,
    )


BUSY = a_month(1000, 10, new=(300, 3), expansion=(100, 2), contraction=(-50, 1), churn=(-200, 2), reactivation=(70, 1))
QUIET = a_month(1000, 10)
FIRST = a_month(new=(300, 3))


def test_growth_and_churn_are_shares_of_what_there_was_at_the_start() -> None:
    assert growth(BUSY) == Fraction(220, 1000)
    assert logo_churn(BUSY) == Fraction(2, 10)
    assert gross_churn(BUSY) == Fraction(250, 1000)
    assert net_churn(BUSY) == Fraction(150, 1000)
    assert retention(net_churn(BUSY)) == Fraction(850, 1000)


def test_more_expansion_than_loss_is_negative_churn() -> None:
    assert net_churn(a_month(1000, 10, expansion=(100, 1))) == Fraction(-1, 10)


def test_who_left_for_which_reason() -> None:
    assert logo_churn_by(BUSY, ChurnGroup.VOLUNTARY) == Fraction(2, 10)
    assert logo_churn_by(BUSY, ChurnGroup.INVOLUNTARY) == 0


def test_pauses_and_reactivations_are_in_no_churn() -> None:
    month = a_month(1000, 10, pause=(-500, 5), resume=(100, 1), reactivation=(300, 1), leaving=(-90, 1))
    assert [ratio(month) for ratio in (gross_churn, net_churn, logo_churn)] == [0, 0, 0]


def test_where_nothing_was_there_is_no_share_of_it() -> None:
    assert [ratio(FIRST) for ratio in (growth, logo_churn, gross_churn, net_churn)] == [None] * 4
    assert retention(gross_churn(FIRST)) is None
    assert quick_ratio(QUIET) is None


def test_the_quick_ratio_is_what_comes_in_by_what_is_lost() -> None:
    assert quick_ratio(BUSY) == Fraction(400, 250)


def test_a_customer_is_worth_what_they_pay_until_they_leave() -> None:
    each = per_customer(annual=12 * 4900 * 4, customers=4)

    assert each == 4900
    assert lifetime_value(each, [BUSY, QUIET]) == LifetimeValue(Fraction(49000))
    assert lifetime_value(each, [FIRST, BUSY]) == LifetimeValue(Fraction(24500))


@pytest.mark.parametrize(
    ("customers", "months", "missing"),
    [
        (0, [BUSY], NoLifetimeValue.NO_CUSTOMERS),
        (4, [FIRST], NoLifetimeValue.NO_FULL_MONTH),
        (4, [], NoLifetimeValue.NO_FULL_MONTH),
        (4, [QUIET, FIRST], NoLifetimeValue.NO_CHURN),
    ],
)
def test_why_there_is_no_lifetime_value(customers: int, months: list[Period], missing: NoLifetimeValue) -> None:
    assert lifetime_value(per_customer(4900, customers), months) == LifetimeValue(None, missing)


def test_ratios_are_shown_with_six_decimals_and_amounts_in_whole_minor_units() -> None:
    assert decimal(Fraction(1, 3)) == 0.333333
    assert [minor_units(Fraction(n, 2)) for n in (1, 3, -1, 4)] == [1, 2, -1, 2]
    assert (decimal(None), minor_units(None)) == (None, None)
