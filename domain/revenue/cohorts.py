"""Cohorts: who began to pay in the same month, and what they come to in each month since."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from domain.revenue.figures import PeriodLength, first_day_of, following
from domain.revenue.ratios import share


@dataclass(frozen=True)
class CohortChange:
    """What changed of a cohort in one month."""

    cohort: date
    month: date
    delta: int
    payers: int
    """By how many more pay."""
    began_with: int = 0
    """What those paid at first who began in this month; annual, in minor units."""
    customers: int = 0
    """How many they are."""


@dataclass(frozen=True)
class Retained:
    """What is left of a cohort at the end of a month."""

    first_day: date
    customers: int
    annual: int
    customer_share: Fraction | None
    """Of those who began."""
    revenue_share: Fraction | None
    """Of what they began with; more than 1 if they have grown."""
    is_complete: bool
    """False: the month is not over."""


@dataclass(frozen=True)
class Cohort:
    """Who first paid in one month; amounts are annual, in minor units."""

    first_day: date
    customers: int
    began_with: int
    months: tuple[Retained, ...] = ()
    """The month itself, and all since; empty if nobody began in it."""


def cohorts(changes: Iterable[CohortChange], first: date, beyond: date, latest: date) -> list[Cohort]:
    """Returns the cohort of every month from *first* to the one before *beyond*; *latest* is in the current month."""
    of_cohort: dict[date, list[CohortChange]] = defaultdict(list)
    for change in changes:
        of_cohort[change.cohort].append(change)
    found: list[Cohort] = []
    month = first
    while month < beyond:
        found.append(_cohort(month, of_cohort[month], first_day_of(latest, PeriodLength.MONTH)))
        month = following(month, PeriodLength.MONTH)
    return found


def _cohort(first_day: date, changes: list[CohortChange], current: date) -> Cohort:
    customers, began_with = sum(each.customers for each in changes), sum(each.began_with for each in changes)
    months: list[Retained] = []
    month, payers, annual = first_day, 0, 0
    while customers and month <= current:
        payers += sum(each.payers for each in changes if each.month == month)
        annual += sum(each.delta for each in changes if each.month == month)
        shares = share(payers, customers), share(annual, began_with)
        months.append(Retained(month, payers, annual, *shares, is_complete=month < current))
        month = following(month, PeriodLength.MONTH)
    return Cohort(first_day, customers, began_with, tuple(months))
