"""Customers on an older version of the catalog: how it counts a feature holds for them, whatever today's says."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from domain.catalog.features import Feature, FeatureKind, UsageWindow, Value
from domain.catalog.plans import Catalog, Plan
from sandbox.stack import Stack
from tests.harness.callers import Caller, problem_of
from tests.harness.catalogs import shipped_policy
from tests.harness.shop import monthly


def number(code: str, window: UsageWindow | None) -> Feature:
    return Feature(code, code.title(), FeatureKind.NUMBER, window=window, meter=code if window else "")


def switch(code: str) -> Feature:
    return Feature(code, code.title(), FeatureKind.SWITCH)


def version(number_: int, *features: Feature, **given: Value) -> Catalog:
    plan = Plan("solo", "Solo", monthly(1000), entitlements=given)
    return Catalog("widgets", number_, "usd", {"solo": plan}, {}, None, {one.code: one for one in features})


FIRST = version(
    1,
    number("disk", UsageWindow.GAUGE),
    number("rooms", UsageWindow.GAUGE),
    number("scans", UsageWindow.MONTH),
    number("seats", UsageWindow.MONTH),
    number("teams", None),
    number("guests", None),
    switch("proofs"),
    switch("tables"),
    disk=3,
    rooms=3,
    scans=5,
    seats=5,
    teams=None,
    guests=0,
    proofs=True,
    tables=False,
)
SECOND = version(
    2,
    number("disk", UsageWindow.MONTH),
    number("rooms", None),
    number("scans", UsageWindow.GAUGE),
    number("seats", None),
    number("teams", UsageWindow.MONTH),
    number("guests", UsageWindow.MONTH),
    number("proofs", UsageWindow.MONTH),
    number("tables", UsageWindow.GAUGE),
    disk=3,
    rooms=3,
    scans=5,
    seats=5,
    teams=9,
    guests=9,
    proofs=9,
    tables=9,
)


@dataclass(frozen=True)
class Early:
    """Somebody who signed up when the first version was sold, asked about by an API that sells the second."""

    name: str
    today: Caller

    async def does(self, command: str, feature: str, **more: Any) -> Any:
        return await self.today.post(f"/v1/customers/{self.name}/{command}", {"feature": feature} | more)

    async def uses(self, feature: str, command: str, **more: Any) -> Any:
        return await self.today.post(f"/v1/customers/{self.name}/usage/{feature}/{command}", more)

    async def used(self, feature: str) -> int:
        usage = (await self.today.get(f"/v1/customers/{self.name}/usage")).json()["usage"]
        return int(usage[feature]["used"])


@pytest.fixture(scope="module")
async def then_and_today(stack: Stack) -> AsyncIterator[tuple[Caller, Caller]]:
    async with AsyncExitStack() as exits:
        callers = []
        for catalog in (FIRST, SECOND):
            addresses = await exits.enter_async_context(stack.under(shipped_policy(), catalog))
            at = Caller.at(addresses.api_url, stack.addresses.admin_key)
            callers.append(await exits.enter_async_context(at))
        yield callers[0], callers[1]


@pytest.fixture
async def early(then_and_today: tuple[Caller, Caller], name: str) -> Early:
    then, today = then_and_today
    await then.signed_up(name, plan="solo")
    return Early(name, today)


@pytest.mark.parametrize("feature", ["disk", "rooms"])
async def test_a_gauge_of_theirs_comes_down_though_it_is_none_today(early: Early, feature: str) -> None:
    """Today it is counted by the month, or not at all."""
    for one in range(3):
        assert (await early.does("consume", feature, key=f"{early.name}-{one}")).status_code == 200

    released = await early.does("release", feature, key=f"{early.name}-back")
    assert (released.status_code, await early.used(feature)) == (200, 2), released.text
    level = await early.uses(feature, "set", quantity=1, key=f"{early.name}-set")
    assert (level.status_code, await early.used(feature)) == (200, 1), level.text
    problem_of(await early.uses(feature, "reset", reason="a test", key=f"{early.name}-reset"), 422, "is_a_gauge")


@pytest.mark.parametrize("feature", ["scans", "seats"])
async def test_usage_of_a_counter_of_theirs_is_given_back_though_it_is_none_today(early: Early, feature: str) -> None:
    """Today it is a gauge, or not counted."""
    assert (await early.does("consume", feature, quantity=3, key=f"{early.name}-1")).status_code == 200
    assert (await early.does("consume", feature, quantity=2, key=f"{early.name}-2")).status_code == 200

    released = await early.does("release", feature, key=f"{early.name}-1")
    assert (released.status_code, await early.used(feature)) == (200, 2), released.text
    reset = await early.uses(feature, "reset", reason="a test", key=f"{early.name}-reset")
    assert (reset.status_code, await early.used(feature)) == (200, 0), reset.text
    problem_of(await early.uses(feature, "set", quantity=1, key=f"{early.name}-set"), 422, "not_a_gauge")


@pytest.mark.parametrize("feature", ["proofs", "teams"])
async def test_what_they_have_without_a_count_is_allowed_though_it_is_counted_today(early: Early, feature: str) -> None:
    checked = (await early.today.get(f"/v1/customers/{early.name}/entitlements/{feature}")).json()
    consumed = await early.does("consume", feature, key=f"{early.name}-1")

    assert (checked["allowed"], consumed.status_code) == (True, 200), consumed.text
    assert (consumed.json()["used"], consumed.json()["limits"]) == (None, [])


@pytest.mark.parametrize("feature", ["tables", "guests"])
async def test_what_they_do_not_have_is_refused_though_it_is_counted_today(early: Early, feature: str) -> None:
    problem_of(await early.does("consume", feature, key=f"{early.name}-{feature}"), 403, "feature_not_in_plan")


@pytest.mark.parametrize(
    ("command", "code"), [("release", "not_a_gauge"), ("set", "not_a_gauge"), ("reset", "not_counted")]
)
async def test_what_they_have_without_a_count_has_none_to_change(early: Early, command: str, code: str) -> None:
    """Today *tables* is a gauge, and *proofs* a counter."""
    if command == "release":
        refused = await early.does("release", "tables", key=early.name)
    elif command == "set":
        refused = await early.uses("tables", "set", quantity=1, key=early.name)
    else:
        refused = await early.uses("proofs", "reset", reason="a test", key=early.name)

    problem_of(refused, 422, code)
