"""Usage beyond a plan's limit at Stripe: meters and prices are pushed, items have no quantity, it is invoiced once."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import stripe

from domain.catalog.features import Overage
from domain.catalog.plans import Catalog, Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.money import Money
from domain.provider.overage_usage import BilledUsage
from domain.provider.payments import Wallet
from gateways.stripe.catalog_prices import offers, unrepresentable
from gateways.stripe.catalog_push import push
from tests.contracts.provider import CATALOG, COUNTED_AS, PRO, RUNS, SCALE
from tests.gateways.rig import StripeRig, Wire

OVERAGE = RUNS.lookup_key


def sold(price: int = 25, units: int = 1) -> Catalog:
    """The catalog with other overage."""
    scale = replace(CATALOG.plans["scale"], overage={"runs": Overage(Money(price, "usd"), units)})
    return replace(CATALOG, plans={**CATALOG.plans, "scale": scale})


async def price_of(client: stripe.StripeClient) -> dict[str, Any]:
    found = await client.v1.prices.list_async({"lookup_keys": [OVERAGE]})
    price: dict[str, Any] = found.data[0].to_dict()
    return price


async def test_a_meter_and_its_price_are_made_once(client: stripe.StripeClient, wire: Wire) -> None:
    done = await push(client, sold(units=10))

    assert done[0] == "meter shop_runs (Runs)"
    assert done[-2:] == [
        "product shop_runs_overage (Runs beyond the plan)",
        f"price {OVERAGE}: $0.25, by use, for every 10",
    ]
    [meter] = (await client.v1.billing.meters.list_async()).data
    assert (meter.event_name, meter.default_aggregation.formula) == (COUNTED_AS, "sum")
    assert (meter.customer_mapping.event_payload_key, meter.value_settings.event_payload_key) == (
        "stripe_customer_id",
        "value",
    )
    price = await price_of(client)
    assert price["recurring"] | {"trial_period_days": None} == {
        "interval": "month",
        "interval_count": 1,
        "meter": meter.id,
        "trial_period_days": None,
        "usage_type": "metered",
    }
    assert (price["unit_amount"], price["transform_quantity"]) == (25, {"divide_by": 10, "round": "up"})

    before = len(wire.calls)
    assert await push(client, sold(units=10)) == []
    assert {method for method, _, _ in wire.calls[before:]} == {"GET"}


async def test_a_meter_that_is_there_is_used_and_a_dry_run_makes_none(client: stripe.StripeClient) -> None:
    assert (await push(client, CATALOG, dry_run=True))[0] == "meter shop_runs (Runs)"
    assert (await client.v1.billing.meters.list_async()).data == []
    await push(client, CATALOG)

    done = await push(client, replace(CATALOG, version=2))

    assert [line for line in done if "meter" in line] == []
    assert len((await client.v1.billing.meters.list_async()).data) == 1


@pytest.mark.parametrize(
    ("catalog", "wanted"),
    [
        pytest.param(sold(30), "$0.30 a month, by use", id="amount"),
        pytest.param(sold(units=10), "$0.25 a month, by use, for every 10", id="units"),
    ],
)
async def test_another_usage_price_under_the_same_name_is_refused(
    client: stripe.StripeClient, catalog: Catalog, wanted: str
) -> None:
    await push(client, CATALOG)

    with pytest.raises(GatewayRefused) as refused:
        await push(client, catalog)

    assert refused.value.code == "price_in_use"
    assert f"Stripe has $0.25 a month, by use under {OVERAGE}, the catalog says {wanted}" in refused.value.message


async def test_a_meter_with_other_settings_or_deactivated_is_reported(client: stripe.StripeClient) -> None:
    other: Any = {
        "event_name": COUNTED_AS,
        "display_name": "Runs",
        "default_aggregation": {"formula": "sum"},
        "value_settings": {"event_payload_key": "runs"},
    }
    meter = await client.v1.billing.meters.create_async(other)
    for words in ("with another value_settings", "deactivated the meter"):
        with pytest.raises(GatewayRefused, match=words) as refused:
            await push(client, CATALOG)
        assert refused.value.code == "meter_differs"
        assert (await client.v1.products.list_async()).data == []
        if words.startswith("with"):
            await client.v1.billing.meters.deactivate_async(meter.id)


async def test_a_price_counted_by_another_meter_is_reported(client: stripe.StripeClient) -> None:
    await push(client, CATALOG)
    [meter] = (await client.v1.billing.meters.list_async()).data
    await client.v1.billing.meters.deactivate_async(meter.id)
    await client.v1.billing.meters.create_async(
        {"event_name": COUNTED_AS, "display_name": "Runs", "default_aggregation": {"formula": "sum"}}
    )

    with pytest.raises(GatewayRefused, match="with a meter other than shop_runs") as refused:
        await push(client, CATALOG)

    assert refused.value.code == "price_in_use"


def test_a_meter_name_that_stripe_cannot_represent_is_reported() -> None:
    [offer] = [offer for offer in offers(CATALOG) if offer.event_name]
    long = replace(offer, event_name="shop_" + "x" * 100)

    assert list(unrepresentable(offer)) == []
    assert "has a name longer than 100" in next(unrepresentable(long))


@pytest.fixture
async def scale(rig: StripeRig) -> tuple[StripeRig, Wallet, str]:
    """Ada is subscribed to Scale, with overage."""
    await push(rig.client, CATALOG)
    wallet = await rig.wallet()
    begun = await rig.begin(wallet, items=(SCALE, RUNS))
    return rig, wallet, begun.agreement_ref


async def quantities(rig: StripeRig, wallet: Wallet) -> dict[str, int | None]:
    [agreement] = await rig.agreements(wallet)
    return {item["price"]["lookup_key"]: item.get("quantity") for item in agreement["items"]["data"]}


async def tell(rig: StripeRig, wallet: Wallet, quantity: int = 4) -> None:
    at = rig.simulator.now("ada")
    use = BilledUsage("default", f"use/{quantity}", wallet.customer_ref, COUNTED_AS, quantity, at)
    await rig.provider.metering.report_usage(use, key=use.report_key)


async def test_metered_prices_keep_their_own_item(scale: tuple[StripeRig, Wallet, str]) -> None:
    rig, wallet, ref = scale
    at = rig.simulator.now("ada")
    [agreement] = await rig.agreements(wallet)
    plan, _ = (item["id"] for item in agreement["items"]["data"])

    for key, items in {
        "none": (PRO,),
        "back": (SCALE, RUNS),
        "more": (replace(SCALE, quantity=3), Item("shop_users_month_v1", 2), RUNS),
    }.items():
        await rig.provider.changes.change(ref, items, at, key=key)
        wanted = {item.lookup_key: item.quantity or None for item in items}
        assert await quantities(rig, wallet) == wanted
    [agreement] = await rig.agreements(wallet)
    assert agreement["items"]["data"][0]["id"] == plan, "the plan's item lives as long as the agreement"


async def test_an_invoice_is_for_the_period_that_it_starts_whatever_usage_it_bills(
    scale: tuple[StripeRig, Wallet, str],
) -> None:
    rig, wallet, ref = scale
    await tell(rig, wallet)
    await rig.renew()

    latest = (await rig.provider.billing.provider_state(wallet.customer_ref, ref, "")).latest

    assert latest is not None
    assert latest.invoice is not None
    assert latest.invoice.amount == 29900 + 100
    assert (latest.invoice.period_start, latest.invoice.period_end) == (latest.period_start, latest.period_end)


async def test_usage_left_by_an_interrupted_restart_is_carried_over_once(
    scale: tuple[StripeRig, Wallet, str],
) -> None:
    rig, wallet, ref = scale
    await rig.provider.billing.hold(ref, True, key="hold")
    await tell(rig, wallet)
    await rig.renew()
    # The update of the agreement gets through, its answer does not; then the item's.
    for lost in (1, 1):
        rig.wire.lose(lost)
        with pytest.raises(GatewayUnavailable):
            await rig.provider.charges.restart(ref, "", (PRO,), key="restart")
        rig.simulator._store.execute("DELETE FROM calls")

    await rig.provider.charges.restart(ref, "", (PRO,), key="restart")
    await rig.renew()

    assert [bill["amount_paid"] for bill in await rig.bills(wallet)] == [29900, 0, 19900, 19900 + 100]
    assert [bill["status"] for bill in await rig.bills(wallet)] == ["paid", "void", "paid", "paid"]


async def test_agreements_without_usage_cost_no_further_requests(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    await rig.provider.billing.hold(begun.agreement_ref, True, key="hold")
    await rig.simulator.advance("ada", rig.simulator.now("ada") + timedelta(days=40))
    before = len(rig.wire.calls)

    await rig.provider.charges.restart(begun.agreement_ref, "", key="restart")

    assert [path.rpartition("/")[2] for _, path, _ in rig.wire.calls[before:]] == [begun.agreement_ref] * 2
    assert await rig.statuses(wallet) == ["paid", "void", "paid"]
