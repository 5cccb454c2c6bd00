"""Features: what plans differ in, how their usage is counted, and what happens near a limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.money import Money

Value = bool | int | str | tuple[str, ...] | None
"""A plan's value for a feature: by its kind a switch, a number (None: unlimited), a level, a set or a multiplier."""


class FeatureKind(StrEnum):
    """What values a feature can have."""

    SWITCH = "switch"
    """true or false"""
    NUMBER = "number"
    """How many, or `unlimited`."""
    LEVEL = "level"
    """One of `values`, which go from the least to the most."""
    SET = "set"
    """Some of `values`."""
    RATE = "rate"
    """The factor for the product's own rate limits, as `x5`."""


class UsageWindow(StrEnum):
    """The window over which usage is counted, in UTC."""

    DAY = "day"
    WEEK = "week"
    """Starts on Monday."""
    MONTH = "month"
    """A calendar month."""
    BILLING_PERIOD = "billing_period"
    """The subscription's own; a trial is one period, and without invoices it is the calendar month."""
    GAUGE = "gauge"
    """No window: the current amount, which can be released again."""


@dataclass(frozen=True)
class LimitRule:
    """What happens as usage approaches and exceeds a limit. Thresholds are percentages of the limit, inclusive.

    The defaults are a soft limit: a hint at 80, mails at 90 and 100, then seven days of grace with usage up to 110.
    """

    warn: int = 80
    """From here on, responses carry a hint to upgrade."""
    mails: tuple[int, ...] = (90, 100)
    """Where the customer gets a mail, once each per period."""
    hard: int | None = 110
    """The hard limit; None: usage is never refused."""
    grace_days: int = 7
    """How long usage beyond 100 % is allowed, from when it was reached."""
    is_for_sale: bool = False
    """True if the customer could buy more rather than wait; a refusal says so."""


HARD = LimitRule(hard=100, grace_days=0)
"""Refused at 100 %."""


@dataclass(frozen=True)
class Overage:
    """The price of usage beyond a plan's limit, which is then billed rather than refused."""

    price: Money
    units: int = 1
    """This many units cost `price`; a started batch counts as a full one."""
    at_most: int | None = None
    """Units beyond the limit at which usage is refused after all; None: unlimited."""


@dataclass(frozen=True)
class Feature:
    """One feature in which plans differ."""

    code: str
    name: str
    kind: FeatureKind
    values: tuple[str, ...] = ()
    window: UsageWindow | None = None
    """The window over which usage is counted; None: it is not counted here."""
    meter: str = ""
    """What is counted. Features of one meter, as posts a day and posts a week, are counted together."""
    per_unit: bool = False
    """True if a plan's number is per unit (seat) of the subscription's quantity."""
    limit: LimitRule = LimitRule()


def features_of(meter: str, features: Mapping[str, Feature]) -> tuple[Feature, ...]:
    """The features counted by a meter, or by the meter of a feature with this name; empty: nothing is."""
    named = features.get(meter)
    wanted = named.meter if named is not None and named.window is not None else meter
    return tuple(one for one in features.values() if one.window is not None and one.meter == wanted)
