"""A catalog with features of every kind, for what is answered about them."""

from domain.catalog.features import HARD, Feature, FeatureKind, LimitRule, Overage, UsageWindow
from domain.catalog.plans import AddOn, Catalog, Interval, Plan
from domain.money import Money

SOLD_FOR_MONEY = LimitRule(hard=100, grace_days=0, is_for_sale=True)


def usd(amount: int) -> Money:
    return Money(amount, "usd")


def monthly(amount: int) -> dict[Interval, Money]:
    return {Interval.MONTH: usd(amount), Interval.YEAR: usd(amount * 10)}


FEATURES = {
    one.code: one
    for one in (
        Feature("export", "Export", FeatureKind.SWITCH),
        Feature("window_days", "Days of attribution", FeatureKind.NUMBER),
        Feature("quality", "Quality", FeatureKind.LEVEL, ("draft", "standard", "premium")),
        Feature("models", "Image models", FeatureKind.SET, ("basic", "dalle3", "gpt")),
        Feature("rate", "Rate", FeatureKind.RATE),
        Feature("runs", "Runs", FeatureKind.NUMBER, window=UsageWindow.MONTH, meter="runs"),
        Feature("calls", "Calls", FeatureKind.NUMBER, window=UsageWindow.DAY, meter="calls", limit=HARD),
        Feature(
            "jobs", "Jobs", FeatureKind.NUMBER, window=UsageWindow.BILLING_PERIOD, meter="jobs", limit=SOLD_FOR_MONEY
        ),
        Feature("posts_a_day", "Posts a day", FeatureKind.NUMBER, window=UsageWindow.DAY, meter="posts", limit=HARD),
        Feature("posts_a_week", "Posts a week", FeatureKind.NUMBER, window=UsageWindow.WEEK, meter="posts", limit=HARD),
        Feature("storage", "Storage in GB", FeatureKind.NUMBER, window=UsageWindow.GAUGE, meter="storage"),
        Feature(
            "seats", "Seats", FeatureKind.NUMBER, window=UsageWindow.GAUGE, meter="seats", per_unit=True, limit=HARD
        ),
    )
}
CATALOG = Catalog(
    "gadgets",
    1,
    "usd",
    {
        "free": Plan(
            "free",
            "Free",
            {},
            entitlements={
                "export": False,
                "window_days": 7,
                "quality": "draft",
                "models": ("basic",),
                "rate": 1,
                "runs": 10,
                "calls": 3,
                "jobs": 0,
                "posts_a_day": 2,
                "posts_a_week": 3,
                "storage": 1,
                "seats": 1,
            },
        ),
        "pro": Plan(
            "pro",
            "Pro",
            monthly(4900),
            entitlements={
                "export": True,
                "window_days": 60,
                "quality": "standard",
                "models": ("basic", "dalle3"),
                "rate": 5,
                "runs": 100,
                "calls": 50,
                "jobs": 5,
                "posts_a_day": 10,
                "posts_a_week": 50,
                "storage": 10,
                "seats": 3,
            },
        ),
        "scale": Plan(
            "scale",
            "Scale",
            monthly(19900),
            entitlements={
                "export": True,
                "window_days": None,
                "quality": "premium",
                "models": ("basic", "dalle3", "gpt"),
                "rate": 10,
                "runs": None,
                "calls": 60,
                "jobs": 8,
                "posts_a_day": 100,
                "posts_a_week": 500,
                "storage": None,
                "seats": 10,
            },
            overage={"jobs": Overage(usd(200), 10), "calls": Overage(usd(1), 1, 20)},
        ),
    },
    {"seats": AddOn("seats", "Additional seats", monthly(500), {"seats": 2})},
    features=FEATURES,
)
