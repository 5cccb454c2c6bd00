"""Figures of cancellations: who asked to leave in each period, why, and who stayed after all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

from domain.revenue.cancellations import AskedBy
from domain.revenue.figures import PeriodLength, following
from domain.revenue.outcomes import RetainedBy
from domain.revenue.ratios import share
from domain.subscription.ends import ReasonCode

NO_REASON = "none"
"""The customer did not say."""
REASONS = (*(code.value for code in ReasonCode), NO_REASON)


class CancellationGroup(StrEnum):
    """By what cancellations can be told apart."""

    PLAN = "plan"
    REASON_CODE = "reason_code"


@dataclass(frozen=True)
class CancellationSum:
    """Cancellations that were asked for in one period, for the same reason, and came to the same."""

    period: date
    group: str
    by: str
    reason_code: str
    on_trial: bool
    retained_by: str
    has_ended: bool
    count: int


@dataclass(frozen=True)
class CancellationPeriod:
    """The cancellations that customers asked for in one period."""

    first_day: date
    group: str
    asked: int
    on_trial: int
    """Of these, while on trial."""
    retained: Mapping[RetainedBy, int]
    """Undone since, by what was taken instead."""
    ended: int
    """Have taken effect."""
    reasons: Mapping[str, int]
    """By `REASONS`."""
    by_operators: int
    """Asked for by operators: in no other figure."""

    @property
    def undone(self) -> int:
        return sum(self.retained.values())

    @property
    def pending(self) -> int:
        """Neither undone nor in effect yet."""
        return self.asked - self.undone - self.ended

    @property
    def save_rate(self) -> Fraction | None:
        """Undone of those that were undone or took effect; None: none has come to either."""
        return share(self.undone, self.undone + self.ended)


def cancellation_periods(
    sums: Iterable[CancellationSum], first: date, beyond: date, length: PeriodLength, groups: Iterable[str] = ("",)
) -> list[CancellationPeriod]:
    """Returns every period from the one that begins on *first* to the one before *beyond*, one group after another."""
    known: dict[tuple[str, date], list[CancellationSum]] = {}
    for each in sums:
        known.setdefault((each.group, each.period), []).append(each)
    found: list[CancellationPeriod] = []
    for group in groups:
        day = first
        while day < beyond:
            found.append(_period(day, group, known.get((group, day), [])))
            day = following(day, length)
    return found


def _period(first_day: date, group: str, sums: list[CancellationSum]) -> CancellationPeriod:
    customers = [each for each in sums if each.by == AskedBy.CUSTOMER]
    reasons = dict.fromkeys(REASONS, 0)
    for each in customers:
        reasons[each.reason_code if each.reason_code in reasons else NO_REASON] += each.count
    return CancellationPeriod(
        first_day,
        group,
        asked=sum(each.count for each in customers),
        on_trial=sum(each.count for each in customers if each.on_trial),
        retained={kept: sum(each.count for each in customers if each.retained_by == kept.value) for kept in RetainedBy},
        ended=sum(each.count for each in customers if each.has_ended),
        reasons=reasons,
        by_operators=sum(each.count for each in sums if each.by == AskedBy.OPERATOR),
    )
