"""What is said of use and its limits, in plain words."""

from datetime import datetime

from domain.catalog.features import Feature, UsageWindow
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.snapshot import Denial, EntitlementSnapshot
from domain.entitlements.suggestions import Wanted, plans_with
from domain.entitlements.usage import Counter, UsageLevel, grace_ends, share
from domain.entitlements.usage_periods import in_words
from domain.formatting import moment

_WITHOUT_PLAN = {
    "suspended": "the subscription is suspended: access comes back once it is paid, or an operator gives it back",
    "paused": "the subscription is paused: resume it to go on",
    "canceled": "the subscription is over: choose a plan to go on",
    "trialing": "the subscription gives no access until its first payment",
}


def of_denial(denial: Denial, holding: EntitlementSnapshot, wanted: Wanted) -> str:
    """Why something may not be used, and what would help; of a limit, `of_limit` says it."""
    feature = wanted.feature
    if denial is Denial.NO_PLAN:
        return f"{feature.name}: {_without_plan(holding.standing)}"
    if denial is Denial.ACCESS_LIMITED:
        return f"{feature.name}: nothing more can be used up, for {_why_limited(holding.standing)}"
    names = ", ".join(plan_in_words(one.code, one.name, holding) for one in plans_with(holding.today, wanted))
    plan = holding.plan.name if holding.plan is not None else "this"
    has_it = f"; it is in {names}" if names else "; no plan has it at present"
    return f"{_what(wanted)} is not in the plan {plan}{has_it}"


def plan_in_words(code: str, name: str, holding: EntitlementSnapshot) -> str:
    """A plan of today's catalog, told from what a customer keeps who has an older version of it."""
    return f"today's version of {name}" if code == holding.standing.plan and not holding.is_of_today else name


def _what(wanted: Wanted) -> str:
    feature = wanted.feature
    if wanted.value is not None:
        return f"{feature.name} ({wanted.value})"
    return f"{feature.name} (x{wanted.quantity})" if wanted.quantity is not None else feature.name


def of_limit(counter: Counter, feature: Feature, quantity: int) -> str:
    """That a limit is reached, by how much, and when it starts anew."""
    window = feature.window or UsageWindow.GAUGE
    told = f"{feature.name}: you have used {counter.used:,} of {counter.included:,} {in_words(window)}"
    if feature.window is UsageWindow.GAUGE:
        told = f"{feature.name}: {counter.used:,} of {counter.included:,} are in use"
    if counter.ceiling is not None and counter.included is not None and counter.ceiling > counter.included:
        told += f" (up to {counter.ceiling:,} were let pass)"
    anew = "release some first" if counter.ends is None else f"it starts anew at {moment(counter.ends)}"
    return f"{told}, and {quantity:,} more would be beyond the limit; {anew}"


def of_number(feature: Feature, number: int, quantity: int) -> str:
    """That a number which is not counted here is less than what was asked for."""
    return f"{feature.name}: the plan allows {number:,}, not {quantity:,}"


def hint(counter: Counter, feature: Feature, level: UsageLevel) -> str | None:
    """What to tell a customer who comes near a limit; None: nothing."""
    percent = share(counter.used, counter.included)
    if level is UsageLevel.OK or percent is None or counter.included is None:
        return None
    when = in_words(feature.window or UsageWindow.GAUGE)
    told = f"{feature.name}: {counter.used:,} of {counter.included:,} used {when} ({percent} %)"
    if level is UsageLevel.OVERAGE:
        return f"{told}; what goes beyond the limit is billed"
    if level is UsageLevel.GRACE:
        return f"{told}; {_grace(counter, feature)}"
    if level is UsageLevel.REACHED:
        return f"{told}; no more is let pass{_until(counter.ends)}"
    return told


def _grace(counter: Counter, feature: Feature) -> str:
    if counter.ceiling is None:
        return "use goes on for now"
    ends = grace_ends(counter.over_since, feature.limit)
    return f"up to {counter.ceiling:,} are let pass{_until(ends)}"


def _until(end: datetime | None) -> str:
    return f" until {moment(end)}" if end is not None else ""


def _without_plan(standing: EntitlementBasis) -> str:
    if standing.subscription is None or standing.status is None:
        return "this customer has no subscription: choose a plan first"
    return _WITHOUT_PLAN.get(standing.status, "the subscription gives no access at present")


def _why_limited(standing: EntitlementBasis) -> str:
    if standing.status == "past_due":
        return "a payment failed and is being recovered: it goes on once that is paid"
    if standing.status == "active":
        return "a payment is disputed: it goes on once the bank has decided"
    return f"the subscription is {standing.status}"
