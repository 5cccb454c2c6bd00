"""Tenure's client: the only part of Tenure that products import.

    from tenure.client import Tenure

    tenure = Tenure("https://tenure.example.com", key)
    tenure.consume("user-1815", "images_per_month")

`AsyncTenure` is the async variant; `tenure.client.fastapi` has gates for FastAPI. Depends on httpx only.
"""

from tenure.client.catalog import AddOn, Comparison, Feature, Limits, Plan, PlanEntitlement, Plans, Price, Suggested
from tenure.client.clients import AsyncTenure, Tenure
from tenure.client.core import Options
from tenure.client.entitlements import (
    Batch,
    Entitlement,
    Entitlements,
    Event,
    FeatureUsage,
    History,
    Overage,
    PlanRef,
    Recorded,
    Released,
    Standing,
    SubscriptionRef,
    Suggestion,
    Usage,
    Used,
)
from tenure.client.errors import (
    AccessLimited,
    CannotSend,
    Conflict,
    Denied,
    FeatureNotInPlan,
    LimitReached,
    Malformed,
    NoPlan,
    NotFound,
    PaymentDeclined,
    PlanRequired,
    Refused,
    SubscriptionRequired,
    TenureError,
    Unauthorized,
    Unavailable,
    UsageDoesNotFit,
)
from tenure.client.retry import Patience
from tenure.client.subscriptions import Checkout, Customer, Misfit, Person, Portal, Preview, Subscription, Trial
from tenure.client.values import Access, CancelAt, ChangeAt, ConvertAt, Interval, Level, Status

__all__ = [
    "Access",
    "AccessLimited",
    "AddOn",
    "AsyncTenure",
    "Batch",
    "CancelAt",
    "CannotSend",
    "ChangeAt",
    "Checkout",
    "Comparison",
    "Conflict",
    "ConvertAt",
    "Customer",
    "Denied",
    "Entitlement",
    "Entitlements",
    "Event",
    "Feature",
    "FeatureNotInPlan",
    "FeatureUsage",
    "History",
    "Interval",
    "Level",
    "LimitReached",
    "Limits",
    "Malformed",
    "Misfit",
    "NoPlan",
    "NotFound",
    "Options",
    "Overage",
    "Patience",
    "PaymentDeclined",
    "Person",
    "Plan",
    "PlanEntitlement",
    "PlanRef",
    "PlanRequired",
    "Plans",
    "Portal",
    "Preview",
    "Price",
    "Recorded",
    "Refused",
    "Released",
    "Standing",
    "Status",
    "Subscription",
    "SubscriptionRef",
    "SubscriptionRequired",
    "Suggested",
    "Suggestion",
    "Tenure",
    "TenureError",
    "Trial",
    "Unauthorized",
    "Unavailable",
    "Usage",
    "UsageDoesNotFit",
    "Used",
]
