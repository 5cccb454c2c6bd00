"""Pushing the catalog to Stripe: what is missing is created, what exists is never changed."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stripe

from configuration.catalog_file import load_catalog
from domain.catalog.plans import Catalog, Interval, Item, Plan, TaxBehavior
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.money import Money
from gateways.stripe.catalog_prices import offers
from gateways.stripe.catalog_push import push
from sandbox.stripe import StripeSimulator
from tests.gateways.rig import CATALOG, STARTER, USERS, StripeRig, Wire

MANUFACTURING = load_catalog(Path(__file__).parents[3] / "catalogs" / "manufacturing.yaml")
PUSHED = [
    "product shop_starter (Starter)",
    "price shop_starter_month_v1: $49.00",
    "product shop_users (Additional user)",
    "price shop_users_month_v1: $5.00",
]


async def prices(client: stripe.StripeClient) -> dict[str, Any]:
    """Every price at Stripe by its lookup key."""
    found = (await client.v1.prices.list_async({"limit": 100})).data
    by_key = {str(price.lookup_key): price.to_dict() for price in found}
    assert len(by_key) == len(found)
    return by_key


async def products(client: stripe.StripeClient) -> dict[str, str]:
    return {product.id: product.name for product in (await client.v1.products.list_async({"limit": 100})).data}


def sold_at(amount: int, interval: Interval = Interval.MONTH, currency: str = "usd") -> Catalog:
    starter = Plan("starter", "Starter", {interval: Money(amount, currency)})
    return replace(CATALOG, plans={"starter": starter})


async def test_every_price_of_the_catalog_is_made(client: stripe.StripeClient) -> None:
    done = await push(client, MANUFACTURING)

    made = await prices(client)
    assert len(done) == 18, "six products, twelve prices"
    assert len(made) == len(offers(MANUFACTURING)) == 12
    for offer in offers(MANUFACTURING):
        price = made[offer.lookup_key]
        assert (price["unit_amount"], price["currency"]) == (offer.price.amount, offer.price.currency)
        assert (price["recurring"]["interval"], price["product"]) == (offer.interval, offer.product)
    assert (await products(client))["manufacturing_professional"] == "Professional"
    assert made["manufacturing_professional_year_v1"]["unit_amount"] == 214920


async def test_a_second_push_makes_nothing(client: stripe.StripeClient, wire: Wire) -> None:
    assert await push(client, CATALOG) == PUSHED
    made, before = await prices(client), len(wire.calls)

    assert await push(client, CATALOG) == []

    assert {method for method, _, _ in wire.calls[before:]} == {"GET"}
    assert await prices(client) == made


async def test_a_dry_run_reports_the_steps_and_changes_nothing(client: stripe.StripeClient) -> None:
    assert await push(client, CATALOG, dry_run=True) == PUSHED

    assert await prices(client) == {}
    assert await products(client) == {}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("catalog", "there", "wanted"),
    [
        pytest.param(sold_at(5900), "$49.00 a month", "$59.00 a month", id="amount"),
        pytest.param(sold_at(4900, currency="eur"), "$49.00 a month", "€49.00 a month", id="currency"),
    ],
)
async def test_another_price_under_the_same_name_is_refused(
    client: stripe.StripeClient, catalog: Catalog, there: str, wanted: str, dry_run: bool
) -> None:
    await push(client, CATALOG)
    before = await prices(client)

    with pytest.raises(
        GatewayRefused, match=f"{re.escape(there)} under shop_starter_month_v1.*{re.escape(wanted)}.*version"
    ) as refused:
        await push(client, catalog, dry_run=dry_run)

    assert refused.value.code == "price_in_use"
    assert await prices(client) == before


@pytest.mark.parametrize(
    ("recurring", "there"), [({"interval": "year"}, "$49.00 a year"), (None, "$49.00 once")], ids=["year", "once"]
)
async def test_a_price_billed_at_another_pace_is_refused(
    client: stripe.StripeClient, recurring: Any, there: str
) -> None:
    await client.v1.products.create_async({"id": "shop_starter", "name": "Starter"})
    params: Any = {"product": "shop_starter", "lookup_key": STARTER.lookup_key, "unit_amount": 4900, "currency": "usd"}
    await client.v1.prices.create_async(params | ({"recurring": recurring} if recurring else {}))

    with pytest.raises(GatewayRefused, match=re.escape(there)) as refused:
        await push(client, CATALOG)

    assert refused.value.code == "price_in_use"


async def test_an_archived_price_is_refused_before_anyone_subscribes_to_it(rig: StripeRig) -> None:
    made = await prices(rig.client)
    await rig.client.v1.prices.update_async(made[STARTER.lookup_key]["id"], {"active": False})

    with pytest.raises(
        GatewayRefused, match=r"archived.*unarchive it there, or raise the catalog's version"
    ) as refused:
        await push(rig.client, CATALOG)

    assert refused.value.code == "price_archived"


async def test_a_raised_version_is_sold_alongside_the_old_one(client: stripe.StripeClient) -> None:
    await push(client, CATALOG)

    done = await push(client, replace(sold_at(5900), version=2))

    assert done == ["price shop_starter_month_v2: $59.00", "price shop_users_month_v2: $5.00"]
    amounts = {key: price["unit_amount"] for key, price in (await prices(client)).items()}
    assert amounts["shop_starter_month_v1"] == 4900
    assert amounts["shop_starter_month_v2"] == 5900


@pytest.mark.parametrize("call", range(1, 5))
async def test_a_push_is_completed_by_the_next_when_an_answer_got_lost(
    client: stripe.StripeClient, wire: Wire, call: int
) -> None:
    wire.lose(call)
    with pytest.raises(GatewayUnavailable):
        await push(client, CATALOG)

    # What was created before the answer was lost is there already.
    assert await push(client, CATALOG) == PUSHED[call:]

    assert set(await prices(client)) == {"shop_starter_month_v1", "shop_users_month_v1"}
    assert set(await products(client)) == {"shop_starter", "shop_users"}


async def test_pushes_at_the_same_time_make_everything_once(
    client: stripe.StripeClient, simulator: StripeSimulator
) -> None:
    simulator.set_faults(stripe={"delay_s": 0.02})

    answers = await asyncio.gather(*(push(client, CATALOG) for _ in range(4)), return_exceptions=True)

    # A call that meets another one in progress is retried, not refused.
    assert all(isinstance(answer, list | GatewayUnavailable) for answer in answers), answers
    assert any(isinstance(answer, list) for answer in answers)
    assert await push(client, CATALOG) == []
    assert len(await prices(client)) == len(await products(client)) == 2


# ── Tax, names, and what cannot be ──


async def test_tax_is_part_of_a_new_price(client: stripe.StripeClient) -> None:
    done = await push(client, replace(CATALOG, tax_behavior=TaxBehavior.EXCLUSIVE))

    assert "price shop_starter_month_v1: $49.00, tax exclusive" in done
    assert {price["tax_behavior"] for price in (await prices(client)).values()} == {"exclusive"}


async def test_an_unspecified_tax_behavior_is_set_once_and_never_changed(client: stripe.StripeClient) -> None:
    await push(client, CATALOG)
    exclusive = replace(CATALOG, tax_behavior=TaxBehavior.EXCLUSIVE)

    would = await push(client, exclusive, dry_run=True)
    done = await push(client, exclusive)

    assert would == done
    assert "price shop_starter_month_v1: its tax becomes exclusive, permanently" in done
    assert await push(client, exclusive) == []
    assert await push(client, CATALOG) == [], "a catalog that says nothing of tax leaves it"
    with pytest.raises(GatewayRefused, match=r"tax exclusive, the catalog says inclusive.*version") as refused:
        await push(client, replace(CATALOG, tax_behavior=TaxBehavior.INCLUSIVE))
    assert refused.value.code == "price_in_use"


async def test_the_tax_behavior_of_a_price_with_subscribers_is_not_set(client: stripe.StripeClient) -> None:
    await push(client, CATALOG)
    starter = (await client.v1.prices.list_async({"lookup_keys": ["shop_starter_month_v1"]})).data[0]
    customer = await client.v1.customers.create_async(
        {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    )
    await client.v1.subscriptions.create_async({"customer": customer.id, "items": [{"price": starter.id}]})
    exclusive = replace(CATALOG, tax_behavior=TaxBehavior.EXCLUSIVE)

    for dry_run in (True, False):
        with pytest.raises(GatewayRefused, match=r"with subscribers.*raise the catalog's version") as refused:
            await push(client, exclusive, dry_run=dry_run)
        assert refused.value.code == "price_in_use"

    assert {price["tax_behavior"] for price in (await prices(client)).values()} == {"unspecified"}
    done = await push(client, replace(exclusive, version=2))
    assert "price shop_starter_month_v2: $49.00, tax exclusive" in done


async def test_a_product_takes_the_catalogs_name_there_and_back(client: stripe.StripeClient) -> None:
    await push(client, CATALOG)
    before = await prices(client)
    named = {"starter": replace(CATALOG.plans["starter"], name="Basic")}

    done = await push(client, replace(CATALOG, plans=named))
    assert done == ["product shop_starter: its name 'Starter' becomes 'Basic'"]
    assert (await products(client))["shop_starter"] == "Basic"

    await push(client, CATALOG)
    assert (await products(client))["shop_starter"] == "Starter"
    assert await prices(client) == before


async def test_prices_are_looked_up_ten_at_a_time(client: stripe.StripeClient, wire: Wire) -> None:
    await push(client, MANUFACTURING)
    before = len(wire.calls)

    await push(client, MANUFACTURING)

    assert [(method, path) for method, path, _ in wire.calls[before:]] == [
        ("GET", "/v1/products"),
        ("GET", "/v1/prices"),
        ("GET", "/v1/prices"),
    ]


async def test_all_problems_are_reported_at_once_and_nothing_is_changed(client: stripe.StripeClient) -> None:
    await push(client, CATALOG)
    await client.v1.products.update_async("shop_users", {"active": False})
    before = await prices(client)
    more = replace(sold_at(5900), add_ons={**CATALOG.add_ons, "plants": CATALOG.add_ons["users"]})

    with pytest.raises(GatewayRefused) as refused:
        await push(client, more)

    assert refused.value.code == "catalog_refused"
    assert "2 problems, nothing was changed" in refused.value.message
    assert "under shop_starter_month_v1" in refused.value.message
    assert "archived the product shop_users" in refused.value.message
    assert await prices(client) == before


@pytest.mark.parametrize(
    ("catalog", "told"),
    [
        (sold_at(100_000_000), r"costs \$1,000,000\.00; Stripe accepts \$0\.01 to \$999,999\.99"),
        (sold_at(0), r"costs \$0\.00"),
        (sold_at(4900, currency="xau"), "in 'xau', a currency that Stripe does not charge"),
        (sold_at(4900, currency="xyz"), "in 'xyz'"),
        (replace(CATALOG, product="s" * 190), "is longer than 200 characters"),
        (replace(CATALOG, product="shop and more"), "has characters other than letters"),
        (replace(CATALOG, plans={"starter": replace(CATALOG.plans["starter"], name="S" * 251)}), "longer than 250"),
    ],
)
async def test_what_stripe_cannot_represent_is_refused_before_any_request(
    client: stripe.StripeClient, wire: Wire, catalog: Catalog, told: str
) -> None:
    with pytest.raises(GatewayRefused, match=told) as refused:
        await push(client, catalog)

    assert refused.value.code == "unrepresentable"
    assert wire.calls == []


async def test_who_subscribed_before_a_version_was_raised_keeps_their_price(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    dearer = replace(CATALOG, version=2, plans=sold_at(5900).plans)
    await push(rig.client, dearer)

    await rig.renew()
    await rig.provider.changes.change(begun.agreement_ref, (STARTER, USERS), datetime.now(UTC), key="change")

    (agreement,) = await rig.agreements(wallet)
    kept = {item["price"]["lookup_key"]: item["price"]["unit_amount"] for item in agreement["items"]["data"]}
    assert kept == {"shop_starter_month_v1": 4900, "shop_users_month_v1": 500}
    await rig.renew()
    bills = await rig.bills(wallet)
    assert [bill["total"] for bill in bills if bill["billing_reason"] == "subscription_cycle"] == [4900, 6400]
    other = await rig.begin(await rig.wallet("bob"), "bob/charge/1", (Item("shop_starter_month_v2", 1),))
    assert other.invoice is not None
    assert other.invoice.amount == 5900
