"""An entitlement check predicts what the database decides when a feature is used."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from domain.access import Access, Basis
from domain.catalog.features import Feature, UsageWindow
from domain.catalog.plans import Item
from domain.entitlements.snapshot import EntitlementSnapshot, denial_of
from domain.entitlements.usage import Action, Counted, Counter, Outcome, UsageChange
from domain.entitlements.usage_periods import EPOCH, period
from domain.subscription.lifecycle import Status
from storage.catalog.catalogs import Catalogs
from storage.usage.counting import EntitlementRules, Usage
from tests.builders import in_status
from tests.harness.shop import CATALOG
from tests.storage.ledger import Ledger, a_step

RULES = EntitlementRules(CATALOG.name, "free")
COUNTED = [one for one in CATALOG.features.values() if one.window is not None]
CUSTOMERS: dict[str, tuple[Status, dict[str, Any]] | None] = {
    "nobody": None,
    "on trial": (Status.TRIALING, {}),
    "paying": (Status.ACTIVE, {}),
    "paying for more": (Status.ACTIVE, {"plan": "scale"}),
    "with seats and add-ons": (Status.ACTIVE, {"quantity": 2, "add_ons": {"seats": 2}}),
    "limited": (Status.PAST_DUE, {"access": Access.LIMITED, "plan": "scale"}),
    "paying late": (Status.PAST_DUE, {"plan": "scale"}),
    "paying for more since before it had overage": (
        Status.ACTIVE,
        {"plan": "scale", "items": (Item("gadgets_scale_month_v1", 1),)},
    ),
    "paying overage at the price of before": (
        Status.ACTIVE,
        {
            "plan": "scale",
            "items": (Item("gadgets_scale_month_v1", 1), Item("gadgets_scale_calls_overage_month_v0", 0)),
        },
    ),
    "suspended": (Status.SUSPENDED, {}),
    "paused": (Status.PAUSED, {}),
    "gone": (Status.CANCELED, {}),
}


class Till:
    """Reads a customer's entitlements, and uses them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.usage = Usage(ledger.engine)
        self._keys = count()

    async def customer(self, name: str, status: Status, **changes: Any) -> None:
        began = datetime.now(UTC) - timedelta(days=3)
        made = in_status(status)
        given: dict[str, Any] = {
            "id": str(uuid4()),
            "customer": await self.ledger.customer(name),
            "plan": "pro",
            "items": CATALOG.select(changes.get("plan", "pro")).items,
            "catalog": CATALOG.name,
            "created_at": began,
            "trial_ends_at": began + timedelta(days=14),
        }
        if made.period_start is not None:
            given |= {"period_start": began, "period_end": began + timedelta(days=31)}
        await self.ledger.save(a_step(replace(made, **(given | changes))))

    async def holding(self, name: str) -> EntitlementSnapshot:
        standing, tallies = await self.usage.standing(name, RULES)
        return EntitlementSnapshot(standing, CATALOG, CATALOG, tallies)

    async def use(self, name: str, meter: str, quantity: int, **more: Any) -> Counted:
        return await self.usage.use(UsageChange(name, meter, quantity, f"k{next(self._keys)}", **more), RULES)


@pytest.fixture
async def till(ledger: Ledger) -> Till:
    await Catalogs(ledger.engine).publish(CATALOG)
    return Till(ledger)


def as_before(counter: Counter) -> Counter:
    """A counter as it was before its use was counted."""
    return replace(counter, used=counter.before, over_since=None)


async def agree(till: Till, name: str, feature: Feature, quantity: int) -> Outcome:
    """Check, use, and compare: whether it is allowed, why not, and all counters."""
    holding = await till.holding(name)
    said = holding.denial(feature, quantity)

    counted = await till.use(name, feature.meter, quantity)

    assert denial_of(counted.outcome) == said, (name, feature.code, quantity, counted)
    if holding.standing.basis is not Basis.NOTHING:
        told = {
            one.feature: replace(holding.counter(CATALOG.features[one.feature]), over_since=None)
            for one in counted.counters
        }
        assert {one.feature: as_before(one) for one in counted.counters} == told
    if counted.outcome is Outcome.COUNTED:
        after = await till.holding(name)
        for one in counted.counters:
            looked = after.counter(CATALOG.features[one.feature])
            assert (looked.used, looked.over_since) == (one.used, one.over_since)
    return counted.outcome


@pytest.mark.parametrize("name", CUSTOMERS)
async def test_a_check_predicts_the_result_of_usage(till: Till, name: str) -> None:
    if (kind := CUSTOMERS[name]) is not None:
        await till.customer(name, kind[0], **kind[1])

    outcomes = {
        await agree(till, name, feature, quantity)
        for feature in COUNTED
        for quantity in (1, 2, 60, 5, 30, 10, 1, 1, 10**9)
    }

    expected = {
        "limited": {Outcome.NO_NEW_USE},
        "suspended": {Outcome.NO_PLAN},
        "paused": {Outcome.NO_PLAN},
    }.get(name, {Outcome.COUNTED, Outcome.LIMIT_REACHED})
    assert outcomes - {Outcome.NOT_IN_PLAN} == expected


@pytest.mark.parametrize("days", [6, 7, 8])
async def test_a_check_knows_when_grace_is_over(till: Till, days: int) -> None:
    await till.customer("ada", Status.ACTIVE)
    for feature, quantity in (("runs", 100), ("storage", 10)):
        await till.use("ada", feature, quantity)
    await till.ledger.run(f"UPDATE usage SET over_since = now() - interval '{days} days'")  # noqa: S608 - a number

    for feature in ("runs", "storage"):
        outcome = await agree(till, "ada", CATALOG.features[feature], 1)
        assert outcome is (Outcome.COUNTED if days < 7 else Outcome.LIMIT_REACHED)


async def test_usage_is_counted_in_the_periods_that_a_check_expects(till: Till) -> None:
    """Every day of the last five weeks, at its first and last instant, so that weeks and months end as well."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    moments = [today - timedelta(days=days) for days in range(34)]
    moments += [midnight - timedelta(microseconds=1) for midnight in moments[:-1]]
    holding = await till.holding("nobody")

    for at in moments:
        then = replace(holding.standing, moment=at)
        for meter in ("posts", "runs", "storage"):
            for one in (await till.use("nobody", meter, 1, action=Action.RECORD, at=at)).counters:
                expected = period(CATALOG.features[one.feature].window or UsageWindow.GAUGE, then)
                assert (one.starts or EPOCH, one.ends) == (expected.starts, expected.ends), (one.feature, at)
