"""In whatever order: the database counts like a few independent lines of Python."""

from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.catalog.features import Feature, UsageWindow
from domain.entitlements.usage import Action, UsageChange
from tests.storage.counting import PRO, SHOP, STARTER, Counting

METERS = ("images", "posts", "profiles", "storage", "runs", "calls")
AT_MOST = 50
"""How much Pro sells of runs beyond its limit."""
QUANTITIES = st.one_of(st.integers(1, 4), st.sampled_from([9, 10, 18, 20, 22, 90, 100, 110, 160]))


@dataclass(frozen=True)
class Upgraded:
    """The customer changes between Starter and Pro."""


@dataclass(frozen=True)
class Waited:
    """Moves time on by this many days, which only grace notices."""

    days: int


@dataclass(frozen=True)
class Used:
    action: Action
    meter: str
    quantity: int
    key: int


USES = st.one_of(
    st.builds(Used, st.sampled_from(Action), st.sampled_from(METERS), QUANTITIES, st.integers(1, 40)),
    st.builds(Used, st.just(Action.CONSUME), st.sampled_from(METERS), QUANTITIES, st.integers(100, 10_000)),
)
HAPPENS = st.one_of(USES, st.builds(Upgraded), st.builds(Waited, st.integers(1, 8)))


@dataclass
class Model:
    """One customer, modelled in Python."""

    is_pro: bool = False
    used: dict[str, int] = field(default_factory=dict)
    days_over: dict[str, int] = field(default_factory=dict)
    """When a feature reached its limit."""
    keys: dict[int, Used] = field(default_factory=dict)
    noticed: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By feature the limit, and the percentage that was reached."""
    notices: set[tuple[str, int, int]] = field(default_factory=set)
    overage: dict[int, int] = field(default_factory=dict)

    def limit(self, feature: str) -> int | None:
        value = (PRO if self.is_pro else STARTER).entitlements[feature]
        assert value is None or isinstance(value, int)
        return value

    def is_over(self, feature: str) -> bool:
        limit = self.limit(feature)
        return limit is not None and self.used.get(feature, 0) >= limit

    def ceiling(self, feature: Feature) -> int | None:
        limit, rule = self.limit(feature.code), feature.limit
        if limit is None:
            return None
        if self.is_pro and feature.code == "runs":
            return limit + AT_MOST
        if rule.hard is None:
            return None
        has_no_grace_left = self.is_over(feature.code) and self.days_over.get(feature.code, -1) >= rule.grace_days
        return limit if rule.grace_days and has_no_grace_left else limit * rule.hard // 100

    def after(self, use: Used, feature: Feature) -> int:
        before = self.used.get(feature.code, 0)
        match use.action:
            case Action.RELEASE:
                return before - use.quantity
            case Action.SET | Action.RESET:
                return use.quantity
        return before + use.quantity

    def refusal(self, use: Used, feature: Feature) -> str | None:
        after, ceiling = self.after(use, feature), self.ceiling(feature)
        if use.action in (Action.RELEASE, Action.SET) and feature.window is not UsageWindow.GAUGE:
            return "not_a_gauge"
        if use.action is Action.RESET and feature.window is UsageWindow.GAUGE:
            return "is_a_gauge"
        if use.action is Action.RESET and after > self.used.get(feature.code, 0):
            return "too_much"
        if use.action is Action.RESET and feature.code == "runs" and any(self.overage.values()):
            return "overage_billed"
        if use.action is Action.CONSUME and ceiling is not None and after > ceiling:
            return "limit_reached"
        return "too_much" if after < 0 else None

    def use(self, use: Used) -> str:
        if use.key in self.keys:
            return "repeated" if self.keys[use.key] == use else "key_reused"
        features = [one for one in SHOP.features.values() if one.meter == use.meter]
        for feature in features:
            if refused := self.refusal(use, feature):
                return refused
        self.keys[use.key] = use
        for feature in features:
            self.count(use, feature)
        return "counted"

    def count(self, use: Used, feature: Feature) -> None:
        code, limit = feature.code, self.limit(feature.code)
        before, after = self.used.get(code, 0), self.after(use, feature)
        was_over = self.is_over(code)
        self.used[code] = after
        if not self.is_over(code):
            self.days_over.pop(code, None)
        elif not was_over or code not in self.days_over:
            self.days_over[code] = 0
        if self.is_pro and code == "runs" and use.action in (Action.CONSUME, Action.RECORD) and limit is not None:
            beyond = max(after - limit, 0) - max(before - limit, 0)
            self.overage[use.key] = min(beyond, AT_MOST - sum(self.overage.values()))
        if limit is None:
            return
        reached = max((share for share in feature.limit.mails if after * 100 >= share * limit), default=0)
        known_of, known = self.noticed.get(code, (limit, 0))
        grows = use.action in (Action.CONSUME, Action.RECORD, Action.SET)
        if grows and reached > (known if known_of == limit else 0):
            self.notices.add((code, reached, limit))
        self.noticed[code] = (limit, reached)


@pytest_asyncio.fixture
async def shop(engine: AsyncEngine) -> Counting:
    made = Counting(engine)
    await made.publish()
    return made


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(happens=st.lists(HAPPENS, min_size=1, max_size=25))
async def test_any_sequence_of_usage_is_counted_like_the_model(
    shop: Counting, happens: list[Used | Upgraded | Waited]
) -> None:
    who, model = uuid4().hex, Model()
    subscription = await shop.customer(who)
    for each in happens:
        match each:
            case Upgraded():
                model.is_pro = not model.is_pro
                subscription = await shop.change(subscription, plan="pro" if model.is_pro else "starter")
            case Waited(days):
                model.days_over = {feature: over + days for feature, over in model.days_over.items()}
                await shop.age(days, who)
            case Used(action, meter, quantity, key):
                use = UsageChange(who, meter, quantity, f"{who}/{key}", action)
                expected, before = model.use(each), dict(model.used)
                answer = await shop.usage.use(use, shop.rules)
                assert answer.outcome == expected, each
                for counter in answer.counters:
                    assert counter.used == before.get(counter.feature, 0)
                    assert counter.included == model.limit(counter.feature)
    await looks_alike(shop, model, who)


async def looks_alike(shop: Counting, model: Model, who: str) -> None:
    assert {code: one.used for code, one in (await shop.tallies(who)).items()} == model.used
    events = await shop.ledger.logged("key, overage", f"where customer = '{who}'")
    assert {str(row["key"]).partition("/")[2]: row["overage"] for row in events} == {
        str(key): model.overage.get(key, 0) for key in model.keys
    }
    notices = await shop.ledger.rows(
        f"select feature, threshold, included from usage_notices where customer = '{who}'"  # noqa: S608
    )
    assert {tuple(row.values()) for row in notices} == model.notices


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(uses=st.lists(st.tuples(st.integers(0, 2), USES), max_size=30))
async def test_a_batch_counts_like_its_entries_one_by_one(shop: Counting, uses: list[tuple[int, Used]]) -> None:
    outcomes, customers = [], {}
    for run in ("one by one", "as a batch"):
        names = [f"{number}-{uuid4().hex}" for number in range(3)]
        for name in names:
            await shop.customer(name)
        # Keys belong to one customer: in a batch events with the same key keep their order, others may change places.
        given_uses = [
            UsageChange(names[who], one.meter, one.quantity, f"{names[who]}/{one.meter}/{one.key}", one.action)
            for who, one in uses
        ]
        if run == "as a batch":
            answers = await shop.usage.use_all(given_uses, shop.rules)
        else:
            answers = tuple([await shop.usage.use(each, shop.rules) for each in given_uses])
        outcomes.append(
            [
                (one.outcome, [replace(each, starts=None, ends=None, over_since=None) for each in one.counters])
                for one in answers
            ]
        )
        customers[run] = [{code: one.used for code, one in (await shop.tallies(name)).items()} for name in names]
    assert outcomes[0] == outcomes[1]
    assert customers["one by one"] == customers["as a batch"]
