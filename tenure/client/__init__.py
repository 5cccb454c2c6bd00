"""Tenure's client: the one thing of it that products import.

    from tenure.client import Tenure

    tenure = Tenure("https://tenure.example.com", key)
    tenure.consume("user-1815", "images_per_month")

`AsyncTenure` is the same to be awaited; `tenure.client.fastapi` has gates for FastAPI. Needs httpx and nothing else.
"""

from tenure.client.clients import AsyncTenure, Tenure
from tenure.client.core import Options
from tenure.client.entitlements import (
    Batch,
    Entitlement,
    Entitlements,
    Event,
    FeatureUsage,
    History,
    PlanRef,
    Recorded,
    Standing,
    SubscriptionRef,
    Suggestion,
    Usage,
    Used,
)
from tenure.client.errors import (
    AccessLimited,
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
from tenure.client.patience import Patience
from tenure.client.subscriptions import (
    Checkout,
    Comparison,
    Customer,
    Misfit,
    Person,
    Plan,
    Plans,
    Portal,
    Preview,
    Subscription,
    Suggested,
)

__all__ = [
    "AccessLimited",
    "AsyncTenure",
    "Batch",
    "Checkout",
    "Comparison",
    "Conflict",
    "Customer",
    "Denied",
    "Entitlement",
    "Entitlements",
    "Event",
    "FeatureNotInPlan",
    "FeatureUsage",
    "History",
    "LimitReached",
    "Malformed",
    "Misfit",
    "NoPlan",
    "NotFound",
    "Options",
    "Patience",
    "PaymentDeclined",
    "Person",
    "Plan",
    "PlanRef",
    "PlanRequired",
    "Plans",
    "Portal",
    "Preview",
    "Recorded",
    "Refused",
    "Standing",
    "Subscription",
    "SubscriptionRef",
    "SubscriptionRequired",
    "Suggested",
    "Suggestion",
    "Tenure",
    "TenureError",
    "Unauthorized",
    "Unavailable",
    "Usage",
    "UsageDoesNotFit",
    "Used",
]
