"""Plain-language messages about usage and limits."""

from datetime import datetime

from domain.catalog.features import Feature, UsageWindow
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.snapshot import Denial, EntitlementSnapshot
from domain.entitlements.suggestions import Wanted, plans_with
from domain.entitlements.usage import Counter, UsageLevel, grace_ends, share
from domain.entitlements.usage_periods import in_words
from domain.formatting import moment

_WITHOUT_PLAN = {
    "suspended": "the subscription is suspended: access returns once it is paid, or when an operator reactivates it",
    "paused": "the subscription is paused: resume it to continue",
    "canceled": "the subscription is over: choose a plan to continue",
    "trialing": "the subscription gives no access until its first payment",
}


def of_denial(denial: Denial, snapshot: EntitlementSnapshot, wanted: Wanted) -> str:
    """Explains why usage is denied and what would help; for a limit, see `of_limit`."""
    feature = wanted.feature
    if denial is Denial.NO_PLAN:
        return f"{feature.name}: {_without_plan(snapshot.standing)}"
    if denial is Denial.ACCESS_LIMITED:
        return f"{feature.name}: no new usage is allowed: {_why_limited(snapshot.standing)}"
    names = ", ".join(plan_in_words(one.code, one.name, snapshot) for one in plans_with(snapshot.today, wanted))
    plan = snapshot.plan.name if snapshot.plan is not None else "this"
    has_it = f"; it is in {names}" if names else "; no plan includes it at present"
    return f"{_what(wanted)} is not in the plan {plan}{has_it}"


def plan_in_words(code: str, name: str, snapshot: EntitlementSnapshot) -> str:
    """Names a plan of today's catalog, distinguishing it from an older version that the customer has."""
    return f"today's version of {name}" if code == snapshot.standing.plan and not snapshot.is_of_today else name


def _what(wanted: Wanted) -> str:
    feature = wanted.feature
    if wanted.value is not None:
        return f"{feature.name} ({wanted.value})"
    return f"{feature.name} (x{wanted.quantity})" if wanted.quantity is not None else feature.name


def of_limit(counter: Counter, feature: Feature, quantity: int) -> str:
    """Says that a limit is reached, by how much, and when the counter resets."""
    message = f"{feature.name}: {counter.used:,} of {counter.included:,} used"
    if feature.window not in (None, UsageWindow.GAUGE):
        message += f" {in_words(feature.window)}"
    if counter.ceiling is not None and counter.included is not None and counter.ceiling > counter.included:
        message += f" (hard limit {counter.ceiling:,})"
    remedy = "release some first" if counter.ends is None else f"it resets at {moment(counter.ends)}"
    return f"{message}; {quantity:,} more would exceed the limit; {remedy}"


def of_number(feature: Feature, number: int, quantity: int) -> str:
    """Says that a number, which is not counted here, is less than what was asked for."""
    return f"{feature.name}: the plan allows {number:,}, not {quantity:,}"


def hint(counter: Counter, feature: Feature, level: UsageLevel) -> str | None:
    """The hint for a customer who is close to a limit; None: no hint."""
    percent = share(counter.used, counter.included)
    if level is UsageLevel.OK or percent is None or counter.included is None:
        return None
    when = in_words(feature.window or UsageWindow.GAUGE)
    message = f"{feature.name}: {counter.used:,} of {counter.included:,} used {when} ({percent} %)"
    if level is UsageLevel.OVERAGE:
        return f"{message}; usage beyond the limit is billed"
    if level is UsageLevel.GRACE:
        return f"{message}; {_grace(counter, feature)}"
    if level is UsageLevel.REACHED:
        return f"{message}; no more is allowed{_until(counter.ends)}"
    return message


def _grace(counter: Counter, feature: Feature) -> str:
    if counter.ceiling is None:
        return "usage may continue for now"
    ends = grace_ends(counter.over_since, feature.limit, counter.ends)
    if ends is None and counter.ends is not None:
        return f"up to {counter.ceiling:,} are allowed; it resets at {moment(counter.ends)}"
    return f"up to {counter.ceiling:,} are allowed{_until(ends)}"


def _until(end: datetime | None) -> str:
    return f" until {moment(end)}" if end is not None else ""


def _without_plan(standing: EntitlementBasis) -> str:
    if standing.subscription is None or standing.status is None:
        return "this customer has no subscription: choose a plan first"
    return _WITHOUT_PLAN.get(standing.status, "the subscription gives no access at present")


def _why_limited(standing: EntitlementBasis) -> str:
    if standing.status == "past_due":
        return "a payment failed and is being recovered; usage resumes once it is paid"
    if standing.status == "active":
        return "a payment is disputed; usage resumes once the bank has decided"
    return f"the subscription is {standing.status}"
