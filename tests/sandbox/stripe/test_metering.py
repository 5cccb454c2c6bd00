"""What is billed by use: meters, what was used, and the bills on which it comes."""

from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop, moment, period_of, plain

RUNS = "shop_runs"
DAY = timedelta(days=1)


async def a_meter(shop: Shop, name: str = RUNS) -> str:
    params: Any = {
        "event_name": name,
        "display_name": "Runs",
        "default_aggregation": {"formula": "sum"},
        "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
        "value_settings": {"event_payload_key": "value"},
    }
    return (await shop.client.v1.billing.meters.create_async(params)).id


async def a_price(shop: Shop, interval: str = "month", units: int = 1) -> str:
    meters = (await shop.client.v1.billing.meters.list_async({"status": "active"})).data
    meter = meters[0].id if meters else await a_meter(shop)
    params: Any = {
        "product": (await shop.client.v1.products.create_async({"name": "Runs"})).id,
        "currency": "usd",
        "unit_amount": 25,
        "recurring": {"interval": interval, "usage_type": "metered", "meter": meter},
    }
    if units > 1:
        params["transform_quantity"] = {"divide_by": units, "round": "up"}
    return (await shop.client.v1.prices.create_async(params)).id


async def a_subscription(shop: Shop, units: int = 1, **params: Any) -> tuple[str, dict[str, Any], str]:
    """Customer, subscription to a plan and to what is metered, and the id of the metered item."""
    ada = await shop.customer()
    items = [{"price": await shop.price("starter")}, {"price": await a_price(shop, units=units)}]
    made = await shop.subscribe(ada, items=items, **params)
    return ada, made, made["items"]["data"][1]["id"]


async def use(shop: Shop, customer: str, value: int, **params: Any) -> dict[str, Any]:
    told: Any = {
        "event_name": RUNS,
        "payload": {"stripe_customer_id": customer, "value": str(value)},
        "timestamp": int(shop.simulator.now("ada").timestamp()),
        **params,
    }
    return plain(await shop.client.v1.billing.meter_events.create_async(told))


def billed(invoice: dict[str, Any]) -> list[tuple[int, int]]:
    """Amount and quantity of each line."""
    return [(line["amount"], line["quantity"]) for line in invoice["lines"]["data"]]


async def test_a_renewal_bills_the_usage_of_the_past_period(shop: Shop) -> None:
    ada, made, _ = await a_subscription(shop)
    assert [line["amount"] for line in (await shop.invoices(ada))[0]["lines"]["data"]] == [4900]

    await use(shop, ada, 4)
    await use(shop, ada, 2)
    await shop.renew()
    await shop.renew()

    first, second = (await shop.invoices(ada))[1:]
    assert billed(first) == [(150, 6), (4900, 1)]
    assert first["lines"]["data"][0]["period"] == dict(zip(("start", "end"), period_of(made), strict=True))
    assert first["lines"]["data"][0]["description"] == "6 × Runs (at $0.25 each)"
    assert first["amount_paid"] == 5050
    assert billed(second) == [(0, 0), (4900, 1)]


async def test_begun_packages_of_units_count(shop: Shop) -> None:
    ada, _, _ = await a_subscription(shop, units=10)

    await use(shop, ada, 21)
    await shop.renew()

    assert billed((await shop.invoices(ada))[-1])[0] == (75, 21)


async def test_usage_reported_while_the_invoice_is_a_draft_is_on_it_and_later_usage_on_none(shop: Shop) -> None:
    ada, made, _ = await a_subscription(shop)
    end = period_of(made)[1]
    await shop.simulator.advance("ada", moment(end) + timedelta(minutes=30))

    await use(shop, ada, 3, timestamp=end - 60)
    await shop.simulator.advance("ada", moment(end) + timedelta(hours=2))
    await use(shop, ada, 5, timestamp=end - 60)
    await shop.renew()

    first, second = (await shop.invoices(ada))[1:]
    assert (billed(first)[0], first["amount_paid"]) == ((75, 3), 4975)
    assert billed(second)[0] == (0, 0)


async def test_an_identifier_is_accepted_once_within_a_day(shop: Shop) -> None:
    ada, _, _ = await a_subscription(shop)
    told = await use(shop, ada, 4, identifier="once")
    assert (told["identifier"], told["event_name"]) == ("once", RUNS)

    with pytest.raises(stripe.InvalidRequestError, match="already exists with identifier once"):
        await use(shop, ada, 4, identifier="once")
    await shop.simulator.advance("ada", shop.simulator.now("ada") + DAY + timedelta(minutes=1))
    await use(shop, ada, 4, identifier="once")

    await shop.renew()
    assert billed((await shop.invoices(ada))[-1])[0] == (200, 8)


@pytest.mark.parametrize("away", [-36 * DAY, timedelta(minutes=6)])
async def test_what_is_too_long_ago_or_still_to_come_is_refused(shop: Shop, away: timedelta) -> None:
    ada, _, _ = await a_subscription(shop)

    with pytest.raises(stripe.InvalidRequestError, match="35 calendar days") as refused:
        await use(shop, ada, 1, timestamp=int((shop.simulator.now("ada") + away).timestamp()))

    assert refused.value.param == "timestamp"


async def test_reports_need_a_customer_a_meter_and_a_number(shop: Shop) -> None:
    ada, _, _ = await a_subscription(shop)

    for more, words in (
        ({"payload": {"stripe_customer_id": "cus_nobody", "value": "1"}}, "No such customer"),
        ({"payload": {"stripe_customer_id": ada, "value": "many"}}, "whole number"),
        ({"payload": {"value": "1"}}, "lacks stripe_customer_id"),
        ({"event_name": "other"}, "No active meter"),
        ({"identifier": "x" * 101}, "more than 100"),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=words):
            await use(shop, ada, 1, **more)


async def test_a_meter_is_found_by_its_name_and_made_once_while_it_is_active(shop: Shop) -> None:
    meter = await a_meter(shop)
    with pytest.raises(stripe.InvalidRequestError, match="already an active meter"):
        await a_meter(shop)
    await shop.client.v1.billing.meters.deactivate_async(meter)
    other = await a_meter(shop)

    listed = await shop.client.v1.billing.meters.list_async({"status": "active"})

    assert [(each.id, each.event_name) for each in listed.data] == [(other, RUNS)]
    assert (await shop.client.v1.billing.meters.retrieve_async(meter)).status == "inactive"


async def test_a_metered_item_has_no_quantity_and_a_metered_price_needs_a_meter(shop: Shop) -> None:
    ada, made, item = await a_subscription(shop)
    assert "quantity" not in made["items"]["data"][1]

    with pytest.raises(stripe.InvalidRequestError, match="Quantity should not be specified"):
        await shop.subscribe(ada, items=[{"price": await a_price(shop), "quantity": 1}])
    with pytest.raises(stripe.InvalidRequestError, match="Quantity should not be specified"):
        await shop.change(made["id"], items=[{"id": item, "quantity": 0}])
    params: Any = {
        "product": "tenure_starter",
        "currency": "usd",
        "unit_amount": 1,
        "recurring": {"interval": "month", "usage_type": "metered"},
    }
    with pytest.raises(stripe.InvalidRequestError, match="backed by a meter"):
        await shop.client.v1.prices.create_async(params)


async def test_usage_of_a_removed_item_is_billed_on_removal_and_previewed(shop: Shop) -> None:
    ada, made, item = await a_subscription(shop)
    await use(shop, ada, 4)
    await shop.simulator.advance("ada", shop.simulator.now("ada") + DAY)
    terms: Any = {"items": [{"id": item, "deleted": True}], "proration_behavior": "always_invoice"}

    previewed = plain(
        await shop.client.v1.invoices.create_preview_async({"subscription": made["id"], "subscription_details": terms})
    )
    await shop.change(made["id"], **terms)
    await shop.renew()

    at_once, renewal = (await shop.invoices(ada))[1:]
    assert billed(previewed) == billed(at_once) == [(100, 4)]
    assert billed(renewal) == [(4900, 1)]


async def test_without_proration_usage_of_a_removed_item_is_not_billed(shop: Shop) -> None:
    ada, made, item = await a_subscription(shop)
    await use(shop, ada, 4)
    await shop.simulator.advance("ada", shop.simulator.now("ada") + DAY)

    await shop.change(
        made["id"],
        items=[{"id": item, "deleted": True}],
        proration_behavior="none",
        billing_cycle_anchor={"type": "now"},
    )

    assert billed((await shop.invoices(ada))[-1]) == [(4900, 1)]


async def test_starting_a_new_period_early_bills_the_usage_of_the_old_one(shop: Shop) -> None:
    ada, made, _ = await a_subscription(shop)
    await use(shop, ada, 4)
    await shop.simulator.advance("ada", shop.simulator.now("ada") + DAY)

    await shop.change(made["id"], proration_behavior="none", billing_cycle_anchor={"type": "now"})
    await shop.renew()

    at_once, renewal = (await shop.invoices(ada))[1:]
    assert billed(at_once) == [(100, 4), (4900, 1)]
    assert billed(renewal) == [(0, 0), (4900, 1)]


async def test_at_the_end_of_the_period_the_last_invoice_is_for_usage(shop: Shop) -> None:
    ada, made, _ = await a_subscription(shop, cancel_at_period_end=True)
    await use(shop, ada, 4)

    await shop.simulator.advance("ada", moment(period_of(made)[1]) + timedelta(hours=2))

    assert (await shop.subscription(made["id"]))["status"] == "canceled"
    last = (await shop.invoices(ada))[-1]
    assert (billed(last), last["status"], last["billing_reason"]) == ([(100, 4)], "paid", "subscription_cycle")


@pytest.mark.parametrize("wished", [True, False])
async def test_an_immediate_end_bills_usage_on_request(shop: Shop, wished: bool) -> None:
    ada, made, _ = await a_subscription(shop)
    await use(shop, ada, 4)
    await shop.simulator.advance("ada", shop.simulator.now("ada") + DAY)

    await shop.client.v1.subscriptions.cancel_async(made["id"], {"invoice_now": wished, "prorate": False})

    bills = (await shop.invoices(ada))[1:]
    assert [(billed(bill), bill["status"]) for bill in bills] == ([([(100, 4)], "paid")] if wished else [])


async def test_the_next_invoice_is_previewed_with_usage_so_far(shop: Shop) -> None:
    ada, made, _ = await a_subscription(shop)
    await use(shop, ada, 4)

    previewed = plain(await shop.client.v1.invoices.create_preview_async({"subscription": made["id"]}))

    assert billed(previewed) == [(100, 4), (4900, 1)]


async def test_a_given_amount_is_on_the_next_invoice_only(shop: Shop) -> None:
    ada, made, _ = await a_subscription(shop)
    params: Any = {
        "customer": ada,
        "subscription": made["id"],
        "amount": 100,
        "currency": "usd",
        "description": "4 × Runs",
        "metadata": {"of": "earlier"},
    }
    item = await shop.client.v1.invoice_items.create_async(params)
    pending = await shop.client.v1.invoice_items.list_async({"customer": ada, "pending": True})
    assert [each.id for each in pending.data] == [item.id]

    await shop.renew()
    await shop.renew()

    first, second = (await shop.invoices(ada))[1:]
    assert (billed(first), first["amount_paid"]) == ([(100, 1), (0, 0), (4900, 1)], 5000)
    assert billed(second) == [(0, 0), (4900, 1)]
    taken = await shop.client.v1.invoice_items.list_async({"customer": ada, "invoice": first["id"]})
    assert [each.id for each in taken.data] == [item.id]
