"""Figures of trials: how many began and ended in each period, and what came of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from domain.revenue.figures import PeriodLength, following
from domain.revenue.ratios import share


@dataclass(frozen=True)
class Conversion:
    """How many trials ended, and how many of these converted."""

    ended: int = 0
    converted: int = 0

    @property
    def rate(self) -> Fraction | None:
        """Never above 1: both are of the same trials."""
        return share(self.converted, self.ended)


@dataclass(frozen=True)
class TrialSum:
    """The trials that began and ended in one period."""

    period: date | None
    """None: before the first period."""
    group: str
    """The plan that was tried, if they are told apart by plan."""
    started: int = 0
    ended: int = 0
    converted: int = 0
    expired: int = 0
    canceled: int = 0
    free: int = 0
    declined: int = 0
    ended_with_card: int = 0
    converted_with_card: int = 0
    ended_without_card: int = 0
    converted_without_card: int = 0
    median_days: float | None = None
    mean_days: float | None = None


@dataclass(frozen=True)
class TrialPeriod:
    """One period. A trial is in the period in which it ended, whenever it began."""

    first_day: date
    group: str
    started: int
    running: int
    """At the end of the period."""
    all: Conversion
    with_card: Conversion
    """Of trials that began with a card on file. It is not known of all trials."""
    without_card: Conversion
    expired: int
    canceled: int
    free: int
    """Continued on the free plan."""
    declined: int
    """The first payment was declined, and has not been made since."""
    median_days: float | None
    """From the start to the first payment, of trials that converted; None: there are none."""
    mean_days: float | None


def trial_periods(
    sums: Iterable[TrialSum], first: date, beyond: date, length: PeriodLength, groups: Iterable[str] = ("",)
) -> list[TrialPeriod]:
    """Returns every period from the one that begins on *first* to the one before *beyond*, one group after another."""
    known = {(each.group, each.period): each for each in sums}
    return [period for group in groups for period in _of_group(known, group, first, beyond, length)]


def _of_group(
    known: dict[tuple[str, date | None], TrialSum], group: str, first: date, beyond: date, length: PeriodLength
) -> Iterator[TrialPeriod]:
    nothing = TrialSum(None, group)
    before = known.get((group, None), nothing)
    running, day = before.started - before.ended, first
    while day < beyond:
        found = known.get((group, day), nothing)
        running += found.started - found.ended
        yield _period(day, running, found)
        day = following(day, length)


def _period(first_day: date, running: int, found: TrialSum) -> TrialPeriod:
    return TrialPeriod(
        first_day,
        found.group,
        found.started,
        running,
        Conversion(found.ended, found.converted),
        Conversion(found.ended_with_card, found.converted_with_card),
        Conversion(found.ended_without_card, found.converted_without_card),
        found.expired,
        found.canceled,
        found.free,
        found.declined,
        found.median_days,
        found.mean_days,
    )
