"""A small shop with metered plans, and its customers, for the tests of usage."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from domain.access import Basis
from domain.catalog.features import HARD, Feature, FeatureKind, LimitRule, Overage, UsageWindow, Value
from domain.catalog.plans import AddOn, Catalog, Interval, Item, Plan
from domain.entitlements.usage import Action, Counted, Tally, UsageChange
from domain.money import Money
from domain.names import DEFAULT_TENANT
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.catalog.catalogs import Catalogs
from storage.usage.counting import EntitlementRules, Usage
from tests.builders import in_status
from tests.storage.ledger import Ledger, a_step, later

A_MONTH = timedelta(days=31)
NEVER = LimitRule(hard=None)
SOFT = LimitRule()


def counted(code: str, per: UsageWindow, rule: LimitRule = HARD, *, meter: str = "", per_unit: bool = False) -> Feature:
    return Feature(
        code, code.title(), FeatureKind.NUMBER, window=per, meter=meter or code, per_unit=per_unit, limit=rule
    )


FEATURES = (
    counted("images", UsageWindow.MONTH, SOFT),
    counted("posts_a_day", UsageWindow.DAY, meter="posts"),
    counted("posts_a_week", UsageWindow.WEEK, meter="posts"),
    counted("profiles", UsageWindow.GAUGE),
    counted("storage", UsageWindow.GAUGE, SOFT),
    counted("seats", UsageWindow.GAUGE, per_unit=True),
    counted("runs", UsageWindow.BILLING_PERIOD, SOFT),
    counted("calls", UsageWindow.MONTH, NEVER),
)
NOTHING_OF_IT: dict[str, Value] = {one.code: 0 for one in FEATURES}


def a_plan(code: str, price: int, overage: Mapping[str, Overage] | None = None, **gives: Value) -> Plan:
    prices = {Interval.MONTH: Money(price, "usd")} if price else {}
    return Plan(code, code.title(), prices, entitlements=NOTHING_OF_IT | gives, overage=overage or {})


FREE = a_plan("free", 0, images=5, posts_a_day=1, posts_a_week=2, profiles=1, storage=1, seats=1, runs=10)
STARTER = a_plan(
    "starter", 4900, images=10, posts_a_day=3, posts_a_week=5, profiles=5, storage=20, seats=2, runs=100, calls=10
)
PRO = a_plan(
    "pro",
    19900,
    {"runs": Overage(Money(1, "usd"), at_most=50)},
    images=100,
    posts_a_day=None,
    posts_a_week=50,
    profiles=None,
    storage=200,
    seats=2,
    runs=100,
    calls=None,
)
SHOP = Catalog(
    "shop",
    1,
    "usd",
    {one.code: one for one in (FREE, STARTER, PRO)},
    {"profiles": AddOn("profiles", "Profile", {Interval.MONTH: Money(500, "usd")}, {"profiles": 2, "images": 1})},
    features={one.code: one for one in FEATURES},
)
RULES = EntitlementRules(SHOP.name, "free")


def billed_for(plan: str) -> tuple[Item, ...]:
    """The items of an agreement for a plan."""
    return SHOP.select(plan).items if SHOP.plans[plan].prices else ()


def now() -> datetime:
    return datetime.now(UTC)


def selling(plan: Plan, **changes: Any) -> Catalog:
    """The shop with one plan told otherwise."""
    return replace(SHOP, **({"plans": {**SHOP.plans, plan.code: plan}} | changes))


class Counting:
    """Uses features, and reads the counters."""

    def __init__(self, engine: AsyncEngine, rules: EntitlementRules = RULES) -> None:
        self.ledger = Ledger(engine)
        self.catalogs = Catalogs(engine)
        self.usage = Usage(engine)
        self.rules = rules

    async def publish(self, catalog: Catalog = SHOP) -> None:
        await self.catalogs.publish(catalog, in_place=True)

    async def customer(
        self, external_id: str, plan: str | None = "starter", status: Status = Status.ACTIVE, **changes: Any
    ) -> Subscription | None:
        """A customer with a plan in a month that has just begun, or without any."""
        id_ = await self.ledger.customer(external_id)
        if plan is None:
            return None
        began = now() - timedelta(hours=1)
        ends = {"period_start": began, "period_end": began + A_MONTH} if status is not Status.TRIALING else {}
        made = in_status(status)
        given: dict[str, Any] = {
            "id": str(uuid4()),
            "customer": id_,
            "plan": plan,
            "items": billed_for(plan),
            "catalog": SHOP.name,
            "created_at": began,
            "trial_ends_at": began + timedelta(days=14 if status is Status.TRIALING else 0),
            "amount": SHOP.plans[plan].prices[Interval.MONTH].amount if SHOP.plans[plan].prices else 0,
        }
        subscription = replace(made, **(given | ends | changes))
        await self.ledger.save(a_step(subscription))
        return subscription

    async def change(self, subscription: Subscription | None, **changes: Any) -> Subscription:
        assert subscription is not None
        if "plan" in changes:
            changes = {"items": billed_for(changes["plan"])} | changes
        after = later(subscription, **changes)
        await self.ledger.save(a_step(after))
        return after

    async def use(
        self,
        meter: str,
        quantity: int = 1,
        *,
        customer: str = "ada",
        key: str | None = None,
        action: Action = Action.CONSUME,
        at: datetime | None = None,
        tenant: str = DEFAULT_TENANT,
    ) -> Counted:
        use = UsageChange(customer, meter, quantity, key or str(uuid4()), action, at)
        return await self.usage.use(use, self.rules, tenant=tenant)

    async def outcome(self, meter: str, quantity: int = 1, **how: Any) -> str:
        return (await self.use(meter, quantity, **how)).outcome.value

    async def under(self, limited: Basis = Basis.NO_NEW_USE, suspended: Basis = Basis.NOTHING) -> "Counting":
        """The same with this policy for limited and suspended access."""
        return Counting(self.ledger.engine, replace(self.rules, limited=limited, suspended=suspended))

    async def tallies(self, customer: str = "ada") -> dict[str, Tally]:
        _, found = await self.usage.standing(customer, self.rules)
        return {one.feature: one for one in found}

    async def used(self, feature: str, customer: str = "ada") -> int | None:
        """The usage as returned to callers; None if nothing was counted in this period."""
        found = (await self.tallies(customer)).get(feature)
        return None if found is None else found.used

    async def notices(self) -> list[tuple[str, int, int]]:
        """The queued notices: feature, threshold, limit."""
        rows = await self.ledger.rows("select feature, threshold, included from usage_notices order by 1, 3, 2")
        return [(str(row["feature"]), int(str(row["threshold"])), int(str(row["included"]))) for row in rows]

    async def age(self, days: int, customer: str = "ada") -> None:
        """Moves the time at which the limit was reached back by this many days."""
        await self.ledger.run(
            f"update usage set over_since = over_since - interval '{days} days' where customer = '{customer}'"  # noqa: S608
        )
