"""Ratios of figures: how revenue grows, what of it is lost, and what a customer is worth. All are exact."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from domain.revenue.amounts import MONTHS
from domain.revenue.figures import ChurnGroup, Period
from domain.revenue.movements import MovementKind

_DIGITS = 6


class NoLifetimeValue(StrEnum):
    """Why there is no lifetime value."""

    NO_CUSTOMERS = "no_customers"
    """Nobody pays now."""
    NO_FULL_MONTH = "no_full_month"
    """In none of the months that it is taken from somebody paid at the start."""
    NO_CHURN = "no_churn"
    """Nobody has left in these months."""


@dataclass(frozen=True)
class LifetimeValue:
    """What a customer is worth until they leave."""

    amount: Fraction | None
    """In minor units; None: see `missing`."""
    missing: NoLifetimeValue | None = None


def share(part: int, whole: int) -> Fraction | None:
    """Returns *part* of *whole*; None: there is no whole."""
    return Fraction(part, whole) if whole else None


def growth(period: Period) -> Fraction | None:
    """Returns what a period added to what there was at its start; None: there was nothing."""
    return share(period.end - period.start, period.start)


def quick_ratio(period: Period) -> Fraction | None:
    """Returns how many times what was lost came in; None: nothing was lost."""
    return share(_annual(period, MovementKind.NEW, MovementKind.EXPANSION), -_lost(period))


def logo_churn(period: Period) -> Fraction | None:
    """Returns the share of customers who left; None: nobody paid at its start."""
    return share(period.moved[MovementKind.CHURN].customers, period.customers_at_start)


def logo_churn_by(period: Period, group: ChurnGroup) -> Fraction | None:
    """Returns the share of customers who left for such a reason; None: nobody paid at its start."""
    return share(period.churn_by[group].customers, period.customers_at_start)


def gross_churn_by(period: Period, group: ChurnGroup) -> Fraction | None:
    """Returns the share of the revenue at its start that left for such a reason; None: there was none."""
    return share(-period.churn_by[group].annual, period.start)


def gross_churn(period: Period) -> Fraction | None:
    """Returns the share of the revenue at its start that was lost; None: there was none."""
    return share(-_lost(period), period.start)


def net_churn(period: Period) -> Fraction | None:
    """Returns the same less expansion: negative if that was more."""
    return share(-_lost(period) - _annual(period, MovementKind.EXPANSION), period.start)


def retention(churn: Fraction | None) -> Fraction | None:
    """Returns what a churn leaves; None: there is no churn to speak of."""
    return None if churn is None else 1 - churn


def per_customer(annual: int, customers: int) -> Fraction | None:
    """Returns what each customer pays a month, in minor units, of an annual amount; None: there are none."""
    return share(annual, MONTHS * customers)


def lifetime_value(per_month: Fraction | None, full_months: Iterable[Period]) -> LifetimeValue:
    """Returns what a customer pays a month by how many leave a month, as the mean of these months."""
    if per_month is None:
        return LifetimeValue(None, NoLifetimeValue.NO_CUSTOMERS)
    rates = [rate for month in full_months if (rate := logo_churn(month)) is not None]
    if not rates:
        return LifetimeValue(None, NoLifetimeValue.NO_FULL_MONTH)
    mean = sum(rates, Fraction()) / len(rates)
    return LifetimeValue(per_month / mean) if mean else LifetimeValue(None, NoLifetimeValue.NO_CHURN)


def decimal(ratio: Fraction | None) -> float | None:
    """Returns a ratio as reports show it, with six decimals."""
    return None if ratio is None else float(round(ratio, _DIGITS))


def minor_units(amount: Fraction | None) -> int | None:
    """Returns an amount as reports show it; half a unit is rounded away from zero."""
    if amount is None:
        return None
    rounded = (2 * abs(amount.numerator) + amount.denominator) // (2 * amount.denominator)
    return rounded if amount >= 0 else -rounded


def _lost(period: Period) -> int:
    return _annual(period, MovementKind.CONTRACTION, MovementKind.CHURN)


def _annual(period: Period, *kinds: MovementKind) -> int:
    return sum(period.moved[kind].annual for kind in kinds)
