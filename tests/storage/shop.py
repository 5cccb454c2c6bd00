"""A shop that sells the same by the month, the period and the piece, for tests of notices and statistics."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog.features import HARD, Feature, FeatureKind, LimitRule, Overage, UsageWindow
from domain.catalog.plans import AddOn, Catalog, Interval, Plan
from domain.entitlements.usage import Counted, Outcome
from domain.money import Money
from storage.usage.counting import EntitlementRules
from tests.storage.counting import Counting

_MONTHLY = Interval.MONTH
FEATURES = (
    Feature("storage_gb", "Storage in GB", FeatureKind.NUMBER, window=UsageWindow.GAUGE, meter="storage_gb"),
    Feature("calls", "API calls", FeatureKind.NUMBER, window=UsageWindow.BILLING_PERIOD, meter="calls"),
    Feature("posts", "Posts a day", FeatureKind.NUMBER, window=UsageWindow.DAY, meter="posts", limit=HARD),
    Feature(
        "clicks",
        "Clicks",
        FeatureKind.NUMBER,
        window=UsageWindow.MONTH,
        meter="clicks",
        limit=LimitRule(hard=None, grace_days=0),
    ),
)
SHOP = Catalog(
    product="shop",
    version=1,
    currency="usd",
    plans={
        "free": Plan("free", "Free", {}, entitlements=dict.fromkeys(("storage_gb", "calls", "posts", "clicks"), 1)),
        "starter": Plan(
            "starter",
            "Starter",
            {_MONTHLY: Money(4900, "usd")},
            entitlements={"storage_gb": 100, "calls": 1000, "posts": 3, "clicks": 10},
            overage={"calls": Overage(Money(100, "usd"), units=1000)},
        ),
        "professional": Plan(
            "professional",
            "Professional",
            {_MONTHLY: Money(19900, "usd")},
            entitlements={"storage_gb": 1000, "calls": 10000, "posts": 30, "clicks": 100},
        ),
    },
    add_ons={"storage_gb": AddOn("storage_gb", "A GB", {_MONTHLY: Money(50, "usd")}, {"storage_gb": 1})},
    features={feature.code: feature for feature in FEATURES},
)
RULES = EntitlementRules(SHOP.name, "free")


class Shop:
    """Its customers use their features, and are never refused."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._counting = Counting(engine, RULES)

    @classmethod
    async def opened(cls, engine: AsyncEngine) -> "Shop":
        shop = cls(engine)
        await shop._counting.publish(SHOP)
        return shop

    async def use(self, meter: str, quantity: int, customer: str = "ada", **how: Any) -> Counted:
        """Uses this many, under a new key."""
        counted = await self._counting.use(meter, quantity, customer=customer, **how)
        assert counted.outcome is Outcome.COUNTED, counted.outcome
        return counted
