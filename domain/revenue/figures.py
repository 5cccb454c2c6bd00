"""Figures of recurring revenue: what moved in each period, and what there was at its start and its end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from domain.revenue.amounts import MONTHS
from domain.revenue.movements import MovementKind
from domain.subscription.ends import EndKind

ENTERING, LEAVING = "entering", "leaving"
"""Changes from and to other plans and billing intervals, in figures of one."""
MOVES = (
    *(kind.value for kind in MovementKind if kind is not MovementKind.SWITCH),
    ENTERING,
    LEAVING,
)


class PeriodLength(StrEnum):
    """How long the periods of figures are."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class ChurnGroup(StrEnum):
    """Who or what ended a subscription, in figures."""

    VOLUNTARY = "voluntary"
    """The customer."""
    INVOLUNTARY = "involuntary"
    """A payment that failed, or was taken back."""
    OPERATOR = "operator"
    OTHER = "other"


_GROUP_OF_END: Mapping[str, ChurnGroup] = {
    EndKind.CUSTOMER.value: ChurnGroup.VOLUNTARY,
    EndKind.NONPAYMENT.value: ChurnGroup.INVOLUNTARY,
    EndKind.DISPUTE_LOST.value: ChurnGroup.INVOLUNTARY,
    EndKind.OPERATOR.value: ChurnGroup.OPERATOR,
}


def monthly(annual: int) -> int:
    """Returns the MRR of an annual amount, in minor units; half a unit is rounded away from zero."""
    rounded = (2 * abs(annual) + MONTHS) // (2 * MONTHS)
    return rounded if annual >= 0 else -rounded


@dataclass(frozen=True)
class Segment:
    """Which part of the revenue; by default all of it."""

    plan: str = ""
    billing_interval: str = ""
    """As the `Interval` of a subscription."""


ALL = Segment()


class Grouping(StrEnum):
    """How figures are grouped."""

    PLAN = "plan"
    BILLING_INTERVAL = "billing_interval"


@dataclass(frozen=True)
class Moved:
    """The sum of the movements of one kind in one period."""

    period: date | None
    """None: before the first period."""
    kind: str
    """One of `MovementKind`, or `ENTERING` or `LEAVING`."""
    end_kind: str
    delta: int
    payers: int
    """By how many more subscriptions are paid for."""


@dataclass(frozen=True)
class Movers:
    """How many customers moved in one period."""

    period: date
    kind: str
    end_kind: str | None
    """None: whatever the reason."""
    customers: int


@dataclass(frozen=True)
class Figure:
    """One kind of movement in one period."""

    annual: int = 0
    customers: int = 0

    def plus(self, annual: int, customers: int) -> "Figure":
        return Figure(self.annual + annual, self.customers + customers)


@dataclass(frozen=True)
class Period:
    """One period; amounts are annual, in minor units. `start` plus all that moved is `end`."""

    first_day: date
    start: int
    end: int
    customers: int
    """Who pay at its end."""
    paused: int
    """What pauses have taken out at its end."""
    customers_at_start: int = 0
    """Who pay at its start."""
    moved: Mapping[str, Figure] = field(default_factory=dict)
    churn_by: Mapping[ChurnGroup, Figure] = field(default_factory=dict)
    payers: Mapping[str, int] = field(default_factory=dict)
    """By how many more customers pay, by kind of movement: each time counts, so that they add up."""


def first_day_of(day: date, length: PeriodLength) -> date:
    """Returns the first day of the period that *day* is in."""
    if length is PeriodLength.DAY:
        return day
    return day.replace(day=1) if length is PeriodLength.MONTH else day.replace(month=1, day=1)


def following(first_day: date, length: PeriodLength) -> date:
    """Returns the first day of the next period."""
    longest = {PeriodLength.DAY: 1, PeriodLength.MONTH: 31, PeriodLength.YEAR: 366}[length]
    return first_day_of(first_day + timedelta(days=longest), length)


def earlier(first_day: date, length: PeriodLength, periods: int) -> date:
    """Returns the first day of the period this many *periods* before."""
    for _ in range(periods):
        first_day = first_day_of(first_day - timedelta(days=1), length)
    return first_day


def by_period(
    moved: Iterable[Moved], movers: Iterable[Movers], first: date, beyond: date, length: PeriodLength
) -> list[Period]:
    """Returns every period from the one that begins on *first* to the one before *beyond*, oldest first."""
    of_period: dict[date | None, list[Moved]] = {}
    for each in moved:
        of_period.setdefault(each.period, []).append(each)
    who: dict[date, list[Movers]] = {}
    for one in movers:
        who.setdefault(one.period, []).append(one)
    before = _period(first, Period(first, 0, 0, 0, 0), of_period.get(None, []), [])
    found: list[Period] = []
    day = first
    while day < beyond:
        before = _period(day, before, of_period.get(day, []), who.get(day, []))
        found.append(before)
        day = following(day, length)
    return found


def _period(first_day: date, before: Period, moved: list[Moved], movers: list[Movers]) -> Period:
    figures = dict.fromkeys(MOVES, Figure())
    payers = dict.fromkeys(MOVES, 0)
    groups = dict.fromkeys(ChurnGroup, Figure())
    for each in moved:
        if each.kind in figures:
            figures[each.kind] = figures[each.kind].plus(each.delta, 0)
            payers[each.kind] += each.payers
        if each.kind == MovementKind.CHURN:
            group = _GROUP_OF_END.get(each.end_kind, ChurnGroup.OTHER)
            groups[group] = groups[group].plus(each.delta, 0)
    for one in movers:
        if one.end_kind is None:
            figures[one.kind] = figures.get(one.kind, Figure()).plus(0, one.customers)
        elif one.kind == MovementKind.CHURN:
            group = _GROUP_OF_END.get(one.end_kind, ChurnGroup.OTHER)
            groups[group] = groups[group].plus(0, one.customers)
    taken_out = figures[MovementKind.PAUSE].annual + figures[MovementKind.RESUME].annual
    return Period(
        first_day,
        start=before.end,
        end=before.end + sum(each.delta for each in moved),
        customers=before.customers + sum(each.payers for each in moved),
        customers_at_start=before.customers,
        paused=before.paused - taken_out,
        moved={kind: figures[kind] for kind in MOVES},
        churn_by=groups,
        payers=payers,
    )
