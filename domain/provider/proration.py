"""Our own proration for what Stripe cannot prorate: by the second, rounding each line down, as Stripe does.

That is a period that is not the provider's (after a pause), and one whose payment was partly reversed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor

from domain.catalog.plans import Interval

LONGEST = {Interval.MONTH: timedelta(days=31), Interval.YEAR: timedelta(days=366)}
"""The longest time that one price can cover."""
ALL = Fraction(1)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class OwnPeriod:
    """A paid period that is not the provider's."""

    start: datetime
    """Chosen so that from here to `end` is as long as what was paid for, without the days of a pause."""
    end: datetime
    paid_since: datetime
    """When it was paid for, or later: reversals of payments since then count against it."""


@dataclass(frozen=True)
class Terms:
    """How a change is prorated."""

    left: Fraction
    """The remaining fraction of the period."""
    kept: Fraction = ALL
    """The fraction of the period's payment that was not reversed."""

    def of(self, whole: int) -> int:
        """Prorates a line for a whole period, a charge or (if negative) a credit, to the remaining time.

        Never credits more than was paid and not reversed.
        """
        return floor(whole * self.left * (self.kept if whole < 0 else ALL))


def left_of(start: datetime, end: datetime, at: datetime) -> Fraction:
    """The remaining fraction of a period at a moment, between 0 and 1."""
    whole, left = (end - start) // _INSTANT, (end - at) // _INSTANT
    return min(max(Fraction(left, whole), Fraction(0)), ALL) if whole > 0 else Fraction(0)


def kept_of(paid: int, gone_back: int, settled: int = 0) -> Fraction:
    """The fraction of *paid* that was not reversed; 1 where nothing was paid, as from a credit.

    What had been reversed when the period was last prorated is *settled*: it was deducted then, and is not again.
    """
    if gone_back <= settled:
        return ALL
    return max(Fraction(paid - gone_back, paid - settled), Fraction(0)) if paid > settled else Fraction(0)
