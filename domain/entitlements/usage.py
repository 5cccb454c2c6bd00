"""Metered usage: requests, their outcomes, counters, and how close they are to their limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from domain.catalog.features import LimitRule, Overage
from domain.entitlements.grants import EntitlementBasis

MAX_QUANTITY = 10**12
"""The maximum of one usage; far above any limit, and far below what the database can sum up."""
MAX_KEY_LENGTH = 255
KEYS_KEPT = timedelta(days=75)
"""How long a key is remembered: longer than late usage is accepted."""


class Action(StrEnum):
    """A kind of operation on a meter."""

    CONSUME = "consume"
    """Counted if the limit allows it."""
    RECORD = "record"
    """Counted regardless of the limit: it has already happened."""
    RELEASE = "release"
    """Decreases a gauge."""
    SET = "set"
    """Sets a gauge."""
    RESET = "reset"
    """An operator lowers the counter to a value, 0 as a rule."""


class Outcome(StrEnum):
    """The outcome of an operation."""

    COUNTED = "counted"
    REPEATED = "repeated"
    """Already counted under the same key; not counted again."""
    KEY_REUSED = "key_reused"
    """The key was used for something else."""
    LIMIT_REACHED = "limit_reached"
    NOT_IN_PLAN = "not_in_plan"
    """The plan does not include it."""
    NO_NEW_USE = "no_new_use"
    """Access is limited: the policy allows no new usage."""
    NO_PLAN = "no_plan"
    """Nothing entitles the customer: suspended, canceled or never signed up, without a free plan."""
    TOO_MUCH = "too_much"
    """The quantity to release exceeds what is in use; or a reset would raise the counter."""
    NOT_A_GAUGE = "not_a_gauge"
    """Only gauges can be released or set."""
    IS_A_GAUGE = "is_a_gauge"
    """A gauge is set, not reset."""
    OVERAGE_BILLED = "overage_billed"
    """Usage beyond the limit is billed in this period.

    After a reset it would stay on the invoice although the limit is free again.
    """
    IN_THE_FUTURE = "in_the_future"
    TOO_LATE = "too_late"


class UsageLevel(StrEnum):
    """How close usage is to its limit."""

    OK = "ok"
    HINT = "hint"
    """At or above the rule's `warn`."""
    WARNED = "warned"
    """At or above the first threshold with a mail."""
    GRACE = "grace"
    """At or beyond the limit; more usage is allowed, for some days or indefinitely."""
    OVERAGE = "overage"
    """Beyond the limit, and billed."""
    REACHED = "reached"
    """No more usage is allowed."""


@dataclass(frozen=True)
class UsageChange:
    """A request to consume, record, release, set or reset usage; `key` makes it idempotent."""

    customer: str
    """External id."""
    meter: str
    quantity: int
    key: str
    action: Action = Action.CONSUME
    at: datetime | None = None
    """When; None: now, by the database's clock."""
    reason: str = ""
    """Why an operator resets it."""
    actor: str = ""
    """The operator who resets it."""


@dataclass(frozen=True)
class Counter:
    """Usage of one feature in one period, and its limits."""

    feature: str
    included: int | None
    """None: unlimited."""
    ceiling: int | None
    """The hard limit now; None: unlimited."""
    used: int
    before: int
    """The value before this usage; the same if nothing was counted."""
    starts: datetime | None
    """None: a gauge, which has no period."""
    ends: datetime | None
    over_since: datetime | None = None
    """Since when it has been at or beyond the limit."""


@dataclass(frozen=True)
class Tally:
    """The stored usage of a feature in one period; an unused feature has none."""

    feature: str
    used: int
    starts: datetime
    """For a gauge, the epoch."""
    over_since: datetime | None


@dataclass(frozen=True)
class Counted:
    """The outcome of one usage, and the customer's entitlements."""

    outcome: Outcome
    standing: EntitlementBasis
    counters: tuple[Counter, ...] = ()
    """Of every feature that the meter counts."""
    noticed: bool = False
    """Whether a threshold was crossed that the customer is notified of."""


class UsageVerdict(StrEnum):
    """The outcome of giving usage back."""

    GIVEN_BACK = "given_back"
    """Now, or by the first request."""
    UNKNOWN = "unknown_use"
    """The customer used nothing under the key, or so long ago that it was removed."""
    ANOTHER_QUANTITY = "another_quantity"
    """Usage can only be given back as a whole."""
    PERIOD_OVER = "period_over"
    """All the periods it was counted in are over."""


@dataclass(frozen=True)
class GivenBack:
    """The result of giving usage back; repeated requests return the same."""

    verdict: UsageVerdict
    quantity: int = 0
    """The quantity of the usage."""
    released: int = 0
    """How much was subtracted; less than `quantity` if an operator has reset the counter since."""
    used: Mapping[str, int] = field(default_factory=dict)
    """The usage afterwards, for each feature whose period was still running."""


def share(used: int, included: int | None) -> int | None:
    """Usage in whole percent of the limit, rounded down; None: there is no limit."""
    if included is None:
        return None
    return used * 100 // included if included else 100


def grace_ends(over_since: datetime | None, rule: LimitRule, resets_at: datetime | None) -> datetime | None:
    """When grace beyond the limit ends; None: the limit is not reached, there is no grace, or grace has no end.

    It has none of its own where it is unlimited, or where the counter resets before: then the limit is free again.
    """
    if over_since is None or not rule.grace_days or rule.hard is None:
        return None
    end = over_since + timedelta(days=rule.grace_days)
    return end if resets_at is None or end < resets_at else None


def ceiling(
    included: int | None, rule: LimitRule, overage: Overage | None, over_since: datetime | None, moment: datetime
) -> int | None:
    """The hard limit at a moment; None: unlimited. The database applies the same rule when it counts."""
    if included is None:
        return None
    if overage is not None:
        return None if overage.at_most is None else included + overage.at_most
    if rule.hard is None:
        return None
    end = grace_ends(over_since, rule, resets_at=None)
    return included if end is not None and end <= moment else included * rule.hard // 100


def level(counter: Counter, rule: LimitRule, *, is_billed: bool = False) -> UsageLevel:
    """How close a counter is to its limit; *is_billed*: usage beyond it is billed."""
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
