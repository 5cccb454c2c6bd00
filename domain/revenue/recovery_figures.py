"""Figures of recoveries: what came of the payments that failed in each period."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from domain.revenue.figures import PeriodLength, following
from domain.revenue.ratios import share
from domain.revenue.recoveries import RecoveryOutcome


class RecoveryGroup(StrEnum):
    """By what recoveries can be told apart."""

    PLAN = "plan"
    DECLINE_CODE = "decline_code"
    TRIES = "tries"
    """How often the payment was tried, the first decline included: the step of the ladder that it came to."""
    BY = "by"
    """What brought the payment."""


@dataclass(frozen=True)
class RecoverySum:
    """Recoveries that began in one period and came to the same."""

    period: date
    group: str
    is_first_payment: bool
    outcome: RecoveryOutcome
    count: int
    amount: int
    """What was owed, in minor units."""


@dataclass(frozen=True)
class Owed:
    """How many payments, and how much, in minor units."""

    count: int = 0
    amount: int = 0

    def plus(self, count: int, amount: int) -> "Owed":
        return Owed(self.count + count, self.amount + amount)


@dataclass(frozen=True)
class RecoveryFigure:
    """What came of failed payments, by outcome."""

    by_outcome: Mapping[RecoveryOutcome, Owed] = field(default_factory=dict)

    def of(self, outcome: RecoveryOutcome) -> Owed:
        return self.by_outcome.get(outcome, Owed())

    @property
    def rate(self) -> Fraction | None:
        """Recovered of those that were recovered or lost, by number; None: no recovery has ended so."""
        recovered, lost = self.of(RecoveryOutcome.RECOVERED), self.of(RecoveryOutcome.LOST)
        return share(recovered.count, recovered.count + lost.count)

    @property
    def amount_rate(self) -> Fraction | None:
        """The same by amount."""
        recovered, lost = self.of(RecoveryOutcome.RECOVERED), self.of(RecoveryOutcome.LOST)
        return share(recovered.amount, recovered.amount + lost.amount)


@dataclass(frozen=True)
class RecoveryPeriod:
    """The recoveries that began in one period."""

    first_day: date
    group: str
    renewals: RecoveryFigure
    first_payments: RecoveryFigure
    """Of customers who had not paid before: most are lost at once, which says little of the ladder."""


def recovery_periods(
    sums: Iterable[RecoverySum], first: date, beyond: date, length: PeriodLength, groups: Iterable[str] = ("",)
) -> list[RecoveryPeriod]:
    """Returns every period from the one that begins on *first* to the one before *beyond*, one group after another."""
    tallies: dict[tuple[str, date, bool], dict[RecoveryOutcome, Owed]] = {}
    for each in sums:
        tally = tallies.setdefault((each.group, each.period, each.is_first_payment), {})
        tally[each.outcome] = tally.get(each.outcome, Owed()).plus(each.count, each.amount)
    found: list[RecoveryPeriod] = []
    for group in groups:
        day = first
        while day < beyond:
            renewals, starts = (tallies.get((group, day, is_first), {}) for is_first in (False, True))
            found.append(RecoveryPeriod(day, group, RecoveryFigure(renewals), RecoveryFigure(starts)))
            day = following(day, length)
    return found
