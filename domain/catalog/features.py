"""What plans differ in: features, how use of them is counted, and what happens near a limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.money import Money

Value = bool | int | str | tuple[str, ...] | None
"""What a plan gives of a feature: by its kind a switch, a number (None: unlimited), a level, a set or a multiplier."""


class FeatureKind(StrEnum):
    """What can be said of a feature."""

    SWITCH = "switch"
    """true or false"""
    NUMBER = "number"
    """How many, or `unlimited`."""
    LEVEL = "level"
    """One of `values`, which go from the least to the most."""
    SET = "set"
    """Some of `values`."""
    RATE = "rate"
    """By how much the product multiplies its own rate limits, as `x5`."""


class UsageWindow(StrEnum):
    """Over which time use is counted, by UTC."""

    DAY = "day"
    WEEK = "week"
    """From Monday on."""
    MONTH = "month"
    """Of the calendar."""
    BILLING_PERIOD = "billing_period"
    """The subscription's own; a trial is one period, and who has no bills has the month of the calendar."""
    GAUGE = "gauge"
    """Not over time at all: how much there is now, which is released again."""


@dataclass(frozen=True)
class LimitRule:
    """What happens as use comes near a limit and goes beyond it. Shares are in percent of the limit, itself included.

    The defaults are the soft limit: a hint at 80, mails at 90 and 100, then seven days in which use goes on up to 110.
    """

    warn: int = 80
    """From here on answers carry a hint to upgrade."""
    mails: tuple[int, ...] = (90, 100)
    """Where the customer is written to, once each per period."""
    hard: int | None = 110
    """How far use may go; None: it is never refused."""
    grace_days: int = 7
    """How long use may go on beyond 100 %, from when it came there."""
    is_for_sale: bool = False
    """Whether more use is a matter of money rather than of time; a refusal is answered accordingly."""


HARD = LimitRule(hard=100, grace_days=0)
"""Refused at 100 %."""


@dataclass(frozen=True)
class Overage:
    """What use beyond a plan's limit costs; with it, use is billed rather than refused."""

    price: Money
    units: int = 1
    """So many units cost `price`; begun ones count."""
    at_most: int | None = None
    """Units beyond the limit at which use is refused all the same; None: without end."""


@dataclass(frozen=True)
class Feature:
    """One thing that plans differ in."""

    code: str
    name: str
    kind: FeatureKind
    values: tuple[str, ...] = ()
    window: UsageWindow | None = None
    """Over which time use is counted; None: it is not counted here."""
    meter: str = ""
    """What is counted. Features of one meter, as posts a day and posts a week, are used up together."""
    per_unit: bool = False
    """Whether a plan's number is for each unit (seat) of the subscription's quantity."""
    limit: LimitRule = LimitRule()


def features_of(meter: str, features: Mapping[str, Feature]) -> tuple[Feature, ...]:
    """What is used up by use of a meter, or of a feature of this name; empty: nothing of the name is counted."""
    named = features.get(meter)
    wanted = named.meter if named is not None and named.window is not None else meter
    return tuple(one for one in features.values() if one.window is not None and one.meter == wanted)
