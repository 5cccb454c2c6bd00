"""The axis of a chart: from where to where it goes, in round steps."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import TypeGuard

MOST_STEPS = 5
"""Unless the axis has to begin below zero, which may take one more."""
_ROUND = (1, 2, 5, 10)

Number = int | float | Fraction


@dataclass(frozen=True)
class Axis:
    """It includes zero, and every value it was made for."""

    lowest: Fraction
    highest: Fraction
    step: Fraction

    @property
    def ticks(self) -> list[Fraction]:
        """Each step, the lowest first."""
        return [self.lowest + number * self.step for number in range(int((self.highest - self.lowest) / self.step) + 1)]

    def share(self, value: Number) -> float:
        """Returns how far up the axis a value is, from 0 to 1."""
        return float((Fraction(value) - self.lowest) / (self.highest - self.lowest))


def axis_of(values: Iterable[Number | None]) -> Axis:
    """Returns the axis for these values: steps of 1, 2 or 5 times a power of ten; whole ones, if all values are."""
    known = [Fraction(value) for value in values if is_known(value)]
    lowest, highest = min([Fraction(0), *known]), max([Fraction(0), *known])
    if lowest == highest:
        return Axis(Fraction(0), Fraction(1), Fraction(1))
    step = _step((highest - lowest) / MOST_STEPS)
    if all(value.denominator == 1 for value in known):
        step = max(step, Fraction(1))
    return Axis(step * (lowest // step), step * -(-highest // step), step)


def _step(least: Fraction) -> Fraction:
    """The lowest round step of *least* or more."""
    power = Fraction(1)
    while power > least:
        power /= 10
    while power * 10 <= least:
        power *= 10
    return next(power * factor for factor in _ROUND if power * factor >= least)


def is_known(value: Number | None) -> TypeGuard[Number]:
    """True for a number that can be drawn."""
    return value is not None and isfinite(value)
