"""A new version of the catalog: whoever has subscribed keeps what they have, until they choose something of it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from configuration.catalog_file import load_catalog
from domain.catalog.plans import Catalog
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tests.harness.callers import Caller, problem_of
from tests.harness.catalogs import shipped_policy

FILE = """\
product: PRODUCT
version: 1
currency: usd
annual_discount: 10%
features:
  runs: {name: Runs, kind: number, per: month}
plans:
  free: {name: Free, prices: free, entitlements: {runs: 7}}
  starter: {name: Starter, prices: {month: 10}, entitlements: {runs: 100}}
  pro: {name: Pro, prices: {month: 40}, entitlements: {runs: 1000}}
add_ons:
  runs_100: {name: A hundred runs, prices: {month: 3}, adds: {runs: 100}}
"""
NEWS = (
    ("version: 1", "version: 2"),
    ("month: 10", "month: 15"),
    ("month: 3", "month: 5"),
    ("runs: 7}", "runs: 9}"),
    ("runs: 100}", "runs: 50}"),
)


@dataclass(frozen=True)
class Shop:
    """A product of the test's own, as it was sold and as it is sold today: an API for each."""

    then: Caller
    today: Caller


@asynccontextmanager
async def sold(stack: Stack, catalog: Catalog) -> AsyncIterator[Caller]:
    async with (
        stack.under(shipped_policy(), catalog) as addresses,
        Caller.at(addresses.api_url, stack.addresses.admin_key) as caller,
    ):
        yield caller


@pytest.fixture(scope="module")
async def shop(stack: Stack, stack_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    file = tmp_path_factory.mktemp("shop") / "catalog.yaml"
    text = FILE.replace("PRODUCT", f"shop_{uuid4().hex[:8]}")
    file.write_text(text)
    first = load_catalog(file)
    for right, wrong in NEWS:
        text = text.replace(right, wrong, 1)
    file.write_text(text)
    second = load_catalog(file)
    async with AsyncExitStack() as exits:
        key = Secrets.of(stack_folder).stripe_key
        stripe = await exits.enter_async_context(connected(key, stack.addresses.stripe_url))
        for catalog in (first, second):
            await push(stripe, catalog)
        yield Shop(
            await exits.enter_async_context(sold(stack, first)), await exits.enter_async_context(sold(stack, second))
        )


async def subscribed(shop: Shop, **more: Any) -> tuple[str, str]:
    """Somebody who has subscribed when the first version was sold: their id, and the subscription's."""
    name = f"early-{uuid4().hex[:8]}"
    made = await shop.then.signed_up(name, plan="starter", trial_days=0, payment_method="pm_card_visa", **more)
    return name, made["id"]


async def runs_of(shop: Shop, name: str) -> tuple[int, str]:
    """How many runs somebody has, and by which catalog."""
    told = (await shop.today.get(f"/v1/customers/{name}/entitlements/runs")).json()
    return told["limit"], told["plan"]["catalog"].rpartition("_")[2]


async def changed(shop: Shop, subscription: str, **wish: Any) -> dict[str, Any]:
    """What there is after a change of today, which bills what its preview has said."""
    preview = await shop.today.command(subscription, "preview-change", when="now", **wish)
    answer = await shop.today.command(subscription, "change-plan", when="now", **wish)
    assert (preview.status_code, answer.status_code) == (200, 200), preview.text + answer.text
    assert answer.json()["amount"] == preview.json()["next_amount"]
    stands: dict[str, Any] = answer.json()
    return stands


async def test_whoever_has_subscribed_keeps_price_and_entitlements(shop: Shop) -> None:
    name, subscription = await subscribed(shop)

    assert (await shop.today.subscription(subscription))["amount"] == 1000
    assert await runs_of(shop, name) == (100, "v1")
    late = await shop.today.signed_up(f"late-{name}", plan="starter", trial_days=0, payment_method="pm_card_visa")
    assert late["amount"] == 1500
    assert await runs_of(shop, f"late-{name}") == (50, "v2")


@pytest.mark.parametrize(
    ("wish", "amount", "runs"),
    [
        ({"quantity": 3}, 3000, 100),
        ({"add_ons": {"runs_100": 2}}, 1600, 300),
        ({"interval": "year"}, 10800, 100),
    ],
)
async def test_a_change_that_names_no_plan_is_priced_as_the_subscription_was(
    shop: Shop, wish: dict[str, Any], amount: int, runs: int
) -> None:
    name, subscription = await subscribed(shop)

    stands = await changed(shop, subscription, **wish)

    assert stands["amount"] == amount
    assert await runs_of(shop, name) == (runs, "v1")


@pytest.mark.parametrize(("plan", "amount", "runs"), [("pro", 4000, 1000), ("starter", 1500, 50)])
async def test_a_change_that_names_a_plan_is_of_todays_catalog(shop: Shop, plan: str, amount: int, runs: int) -> None:
    name, subscription = await subscribed(shop)

    stands = await changed(shop, subscription, plan=plan)

    assert stands["amount"] == amount
    assert await runs_of(shop, name) == (runs, "v2")


async def test_the_same_plan_of_a_dearer_version_is_an_upgrade(shop: Shop) -> None:
    _, subscription = await subscribed(shop)

    preview = (await shop.today.command(subscription, "preview-change", plan="starter")).json()

    assert (preview["when"], preview["next_amount"]) == ("now", 1500)
    assert preview["due_now"] > 0


async def test_who_has_the_free_plan_of_an_earlier_version_can_have_todays_once(shop: Shop) -> None:
    name = f"early-{uuid4().hex[:8]}"
    made = await shop.then.signed_up(name, plan="starter")
    await shop.then.command(made["id"], "change-plan", plan="free")
    assert await runs_of(shop, name) == (7, "v1")

    stands = await changed(shop, made["id"], plan="free")

    assert (stands["plan"], stands["status"], stands["access"], stands["amount"]) == ("free", "active", "full", 0)
    assert await runs_of(shop, name) == (9, "v2")
    problem_of(await shop.today.command(made["id"], "change-plan", plan="free"), 409, "no_change")
