"""Requirements: return if they are met, else raise an error with what to tell the customer.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from math import ceil
from typing import Any

from tenure.client.core import Core, Steps
from tenure.client.entitlements import Entitlement, Standing
from tenure.client.errors import Denied, error_of
from tenure.client.plan_operations import plans
from tenure.client.usage_operations import check, standing


def require_feature(
    core: Core, customer: str, feature: str, *, quantity: int | None = None, value: str | None = None
) -> Steps[Entitlement]:
    """Like `check`, but raises unless it is allowed.

    Raises:
        FeatureNotInPlan, LimitReached, NoPlan, AccessLimited: it is not allowed.
    """
    found = yield from check(core, customer, feature, quantity=quantity, value=value)
    if not found.allowed:
        raise _denied(found.reason or "feature_not_in_plan", found.detail or f"{feature} may not be used", found)
    return found


def require_plan(
    core: Core, customer: str, at_least: str | None = None, *, one_of: Collection[str] = ()
) -> Steps[Standing]:
    """Require a plan that is *at_least* this one by price, or is *one_of* these.

    Raises:
        PlanRequired: another plan entitles the customer.
        NoPlan: none does.
    """
    if (at_least is None) is not bool(one_of):
        raise ValueError("give either at_least or one_of")
    found = yield from standing(core, customer)
    own = found.plan.code if found.plan is not None else None
    if own is not None and (own == at_least or own in one_of):
        return found
    sold = yield from plans(core)
    wanted = [plan for plan in sold.data if plan.code in one_of or (at_least and sold.reaches(plan.code, at_least))]
    if own is not None and any(plan.code == own for plan in wanted):
        return found
    names = [{"code": plan.code, "name": plan.name} for plan in wanted]
    needs = " or ".join(plan.name for plan in wanted) or at_least or " or ".join(one_of)
    raise _denied("no_plan" if own is None else "plan_required", f"this takes {needs}", found, plans=names)


def require_active_subscription(core: Core, customer: str) -> Steps[Standing]:
    """Require a subscription with access: trialing, active, or with a payment being recovered.

    Raises:
        SubscriptionRequired: there is none, or access is off.
    """
    found = yield from standing(core, customer)
    if not found.is_subscribed:
        of = found.subscription
        stands = f"the subscription is {of.status}" if of is not None else "there is no subscription"
        raise _denied("subscription_required", f"an active subscription is required: {stands}", found)
    return found


TOO_MANY = 429
"""The status of a limit at which waiting helps; at others customers have to pay first."""
_STATUS: Mapping[str, int] = {"limit_reached": TOO_MANY, "subscription_required": 402}


def _denied(code: str, detail: str, found: Entitlement | Standing, **more: Any) -> Denied:
    """The refusal that Tenure would have given, made of an answer that it has given."""
    status, headers = _STATUS.get(code, 403), dict[str, str]()
    if isinstance(found, Entitlement):
        status = found.refusal_status or status
        if found.retry_at is not None and status == TOO_MANY:
            headers["retry-after"] = str(max(0, ceil((found.retry_at - datetime.now(UTC)).total_seconds())))
    problem = {
        "type": f"urn:tenure:error:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [],
        **{name: _plain(value) for name, value in asdict(found).items() if name in _MEMBERS},
        **more,
    }
    error = error_of(status, problem, headers)
    assert isinstance(error, Denied)  # noqa: S101 - of a reason that Tenure gives for a denial
    return error


_MEMBERS = frozenset(
    {
        *("customer", "feature", "plan", "basis", "subscription"),
        *("used", "limit", "remaining", "percent", "resets_at", "grace_ends_at"),
        *("plans", "available", "upgrades"),
    }
)


def _plain(value: Any) -> Any:
    """As JSON has it."""
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case tuple():
            return [_plain(one) for one in value]
    return value
