"""Figures of usage: how the customers of a plan use a feature, as counted in their current periods."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction


@dataclass(frozen=True)
class UsageFigure:
    """How the customers of one plan used one feature when a period ended, or last."""

    first_day: date
    taken_at: datetime
    plan: str
    """Empty: those without one."""
    feature: str
    customers: int
    """For whom some was counted in their current period, also if all was given back; of what has no period, ever.

    The other figures are of these: who has not begun to use it in the current period is in none.
    """
    used: int
    """By all of them together."""
    highest: int
    """By one of them."""
    at_80: int
    """At 80 % of their limit or more, as are the next two at theirs."""
    at_100: int
    at_90: int | None = None
    active: int | None = None
    """Who have used some of it; None, as all that follow: of statistics from before this was kept."""
    limited: int | None = None
    """Who have a limit, of these customers."""
    median: int | None = None
    """Half of the customers use this much or less."""
    p90: int | None = None
    """Nine of ten customers use this much or less."""

    def share_at(self, percent: int) -> Fraction | None:
        """Returns how many are at 80, 90 or 100 *percent* of their limit or beyond, of the customers who have one.

        None: nobody has one, or it is not known.
        """
        at = {80: self.at_80, 90: self.at_90, 100: self.at_100}[percent]
        return Fraction(at, self.limited) if at is not None and self.limited else None


def nearest_rank(ordered: Sequence[int], percent: int) -> int:
    """Returns the lowest of these numbers, lowest first, that this many *percent* of them do not exceed.

    There must be one at least.
    """
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
