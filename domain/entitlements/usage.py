"""Use of what is counted: what was asked, what came of it, and how near its limit it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from domain.catalog.features import LimitRule, Overage
from domain.entitlements.grants import EntitlementBasis

MAX_QUANTITY = 10**12
"""Of one use; far beyond any limit, and far below what the database can add up."""
MAX_KEY_LENGTH = 255
KEYS_KEPT = timedelta(days=75)
"""How long a key is remembered: longer than use of any moment is taken."""


class Action(StrEnum):
    """What is done to a meter."""

    CONSUME = "consume"
    """Used up, if the limit lets it."""
    RECORD = "record"
    """Used up: it has happened, whatever the limit says."""
    RELEASE = "release"
    """No more in use; of gauges."""
    SET = "set"
    """So much is in use; of gauges."""
    RESET = "reset"
    """An operator has it count from 0."""


class Outcome(StrEnum):
    """What came of it."""

    COUNTED = "counted"
    REPEATED = "repeated"
    """Counted before under the same key; nothing was counted again."""
    KEY_REUSED = "key_reused"
    """The key was used for something else before."""
    LIMIT_REACHED = "limit_reached"
    NOT_IN_PLAN = "not_in_plan"
    """The plan has none of it."""
    NO_NEW_USE = "no_new_use"
    """Access is limited: the policy lets nothing more be used up."""
    NO_PLAN = "no_plan"
    """Nothing entitles the customer: suspended or canceled, or never signed up, and no free plan."""
    TOO_MUCH = "too_much"
    """More was to be released than is in use."""
    NOT_A_GAUGE = "not_a_gauge"
    """What is counted over a time is neither released nor set."""
    IN_THE_FUTURE = "in_the_future"
    TOO_LATE = "too_late"


class UsageLevel(StrEnum):
    """How near its limit use is."""

    OK = "ok"
    HINT = "hint"
    """From the rule's `warn` on."""
    WARNED = "warned"
    """From the first share on at which the customer is written to."""
    GRACE = "grace"
    """At the limit or beyond; use goes on, for some days or for good."""
    OVERAGE = "overage"
    """Beyond the limit, and billed."""
    REACHED = "reached"
    """No more is let pass."""


@dataclass(frozen=True)
class Use:
    """Something used, released or told; `key` names it, once and for all."""

    customer: str
    """External id."""
    meter: str
    quantity: int
    key: str
    action: Action = Action.CONSUME
    at: datetime | None = None
    """When; None: now, by the database's clock."""
    reason: str = ""
    """Why an operator has it count from 0."""
    actor: str = ""
    """Who that is."""


@dataclass(frozen=True)
class Counter:
    """How much of one feature was used in one period, and how much may be."""

    feature: str
    included: int | None
    """None: unlimited."""
    ceiling: int | None
    """How far use may go now; None: without end."""
    used: int
    before: int
    """As it was before this use; the same if nothing was counted."""
    starts: datetime | None
    """None: a gauge, which has no period."""
    ends: datetime | None
    over_since: datetime | None = None
    """Since when it has been at the limit or beyond."""


@dataclass(frozen=True)
class Tally:
    """How much of a feature is written down for one period; what was not used yet has none."""

    feature: str
    used: int
    starts: datetime
    """Of a gauge the epoch."""
    over_since: datetime | None


@dataclass(frozen=True)
class Counted:
    """What came of one use, and where the customer stands."""

    outcome: Outcome
    standing: EntitlementBasis
    counters: tuple[Counter, ...] = ()
    """Of every feature that the meter uses up."""
    noticed: bool = False
    """Whether a threshold was crossed of which the customer is to be told."""


class UsageVerdict(StrEnum):
    """What came of giving a use back."""

    GIVEN_BACK = "given_back"
    """Now, or when it was asked for first."""
    UNKNOWN = "unknown_use"
    """Nothing was used by this customer under the key, or so long ago that it is forgotten."""
    ANOTHER_QUANTITY = "another_quantity"
    """A use is given back as a whole."""
    PERIOD_OVER = "period_over"
    """All the periods it counted in are over."""


@dataclass(frozen=True)
class GivenBack:
    """What came of giving a use back: the same whenever it is asked for again."""

    verdict: UsageVerdict
    quantity: int = 0
    """Of the use."""
    released: int = 0
    """So much was taken off; less than the use where an operator has had it count from 0 since."""
    used: Mapping[str, int] = field(default_factory=dict)
    """How much is used after it, of each feature whose period still ran."""


def share(used: int, included: int | None) -> int | None:
    """How much of its limit is used, in whole percent, rounded down; None: there is no limit."""
    if included is None:
        return None
    return used * 100 // included if included else 100


def grace_ends(over_since: datetime | None, rule: LimitRule) -> datetime | None:
    """Until when use beyond the limit is let pass; None: it is not at the limit, there is no grace, or no end of it."""
    if over_since is None or not rule.grace_days or rule.hard is None:
        return None
    return over_since + timedelta(days=rule.grace_days)


def ceiling(
    included: int | None, rule: LimitRule, overage: Overage | None, over_since: datetime | None, moment: datetime
) -> int | None:
    """How far use may go at a moment; None: without end. The database decides by the same when it counts."""
    if included is None:
        return None
    if overage is not None:
        return None if overage.at_most is None else included + overage.at_most
    if rule.hard is None:
        return None
    end = grace_ends(over_since, rule)
    return included if end is not None and end <= moment else included * rule.hard // 100


def level(counter: Counter, rule: LimitRule, *, is_billed: bool = False) -> UsageLevel:
    """How near its limit a counter is; *is_billed*: what goes beyond it costs."""
    reached = share(counter.used, counter.included)
    if reached is None:
        return UsageLevel.OK
    if counter.ceiling is not None and counter.used >= counter.ceiling:
        return UsageLevel.REACHED
    if reached >= 100:
        return UsageLevel.OVERAGE if is_billed else UsageLevel.GRACE
    if rule.mails and reached >= rule.mails[0]:
        return UsageLevel.WARNED
    return UsageLevel.HINT if reached >= rule.warn else UsageLevel.OK
