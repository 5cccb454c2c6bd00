"""Our own proration, by the second and by the floor of each line as Stripe does, for what Stripe cannot prorate.

That is a period which is not the provider's (after a pause), and one of whose money some has gone back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor

from domain.catalog.plans import Interval

LONGEST = {Interval.MONTH: timedelta(days=31), Interval.YEAR: timedelta(days=366)}
"""No price covers more than so much time."""
ALL = Fraction(1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class OwnPeriod:
    """A paid period that is not the provider's."""

    start: datetime
    """So that from here to `end` it is as long as what was paid for, the days of a pause left out."""
    end: datetime
    paid_since: datetime
    """When it was paid for, or later: whatever went back of payments since counts against it."""


@dataclass(frozen=True)
class Terms:
    """How a change is prorated."""

    left: Fraction
    """The part of the period that is still ahead."""
    kept: Fraction = ALL
    """The part of what was paid for the period that has not gone back."""

    def of(self, whole: int) -> int:
        """What a line for a whole period, a charge or (below nothing) a credit, comes to for what is left of it.

        Never more is credited than was paid and kept.
        """
        return floor(whole * self.left * (self.kept if whole < 0 else ALL))


def left_of(start: datetime, end: datetime, at: datetime) -> Fraction:
    """The part of a period that is ahead at a moment; within 0 and 1."""
    whole, left = (end - start) // _INSTANT, (end - at) // _INSTANT
    return min(max(Fraction(left, whole), Fraction(0)), ALL) if whole > 0 else Fraction(0)


def kept_of(paid: int, gone_back: int, settled: int = 0) -> Fraction:
    """The part of *paid* that was kept; all of it where nothing was paid, as from a credit.

    What had gone back when the period was last prorated is *settled*: it was taken off then, and is not again.
    """
    if gone_back <= settled:
        return ALL
    return max(Fraction(paid - gone_back, paid - settled), Fraction(0)) if paid > settled else Fraction(0)
