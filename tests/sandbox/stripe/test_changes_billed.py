"""What a change bills at once, previewed and done, and what a pause makes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop, moment, period_of, plain

STARTS = datetime(2031, 1, 1, tzinfo=UTC)
"""The first of a month of 31 days."""


async def a_subscription(shop: Shop, plan: str = "starter") -> tuple[str, dict[str, Any], int]:
    """Customer, subscription, and a moment with 21 of its 31 days left, just gone by."""
    await shop.simulator.advance("ada", STARTS)
    ada = await shop.customer()
    subscription = await shop.subscribe(ada, plan)
    at = period_of(subscription)[0] + 10 * 86_400
    await shop.simulator.advance("ada", moment(at) + timedelta(minutes=1))
    return ada, subscription, at


async def terms(shop: Shop, subscription: dict[str, Any], plan: str, at: int, behavior: str) -> dict[str, Any]:
    item = subscription["items"]["data"][0]["id"]
    return {
        "items": [{"id": item, "price": await shop.price(plan)}],
        "proration_behavior": behavior,
        "proration_date": at,
    }


async def preview(shop: Shop, subscription: dict[str, Any], details: Any) -> dict[str, Any]:
    return plain(
        await shop.client.v1.invoices.create_preview_async(
            {"subscription": subscription["id"], "subscription_details": details}
        )
    )


def lines_of(invoice: dict[str, Any]) -> list[tuple[int, str, dict[str, int]]]:
    return [(line["amount"], line["description"], line["period"]) for line in invoice["lines"]["data"]]


@pytest.mark.parametrize("plan", ["pro", "yearly"])
async def test_a_preview_of_an_immediate_invoice_has_nothing_of_the_next_period(shop: Shop, plan: str) -> None:
    _, subscription, at = await a_subscription(shop)
    details = await terms(shop, subscription, plan, at, "always_invoice")

    previewed = await preview(shop, subscription, details)
    changed = await shop.change(subscription["id"], **details, expand=["latest_invoice"])

    billed = changed["latest_invoice"]
    assert billed["total"] == {"pro": 13480 - 3320, "yearly": 49900 - 3320}[plan]
    assert previewed["total"] == previewed["amount_due"] == billed["total"]
    assert [line[:2] for line in lines_of(previewed)] == [line[:2] for line in lines_of(billed)]
    assert (previewed["billing_reason"], previewed["status"]) == ("upcoming", "draft")
    assert previewed["id"].startswith("upcoming_in_")


async def test_a_preview_of_what_waits_for_the_renewal_is_the_renewal(shop: Shop) -> None:
    ada, subscription, at = await a_subscription(shop)
    details = await terms(shop, subscription, "pro", at, "create_prorations")

    previewed = await preview(shop, subscription, details)
    await shop.change(subscription["id"], **details)
    await shop.renew()

    renewal = (await shop.invoices(ada))[-1]
    assert previewed["total"] == renewal["total"] == 19900 + 13480 - 3320
    assert lines_of(previewed) == lines_of(renewal)


async def test_a_preview_counts_an_earlier_credit_and_leaves_it_where_it_is(shop: Shop) -> None:
    ada, subscription, at = await a_subscription(shop)
    await shop.client.v1.customers.update_async(ada, {"balance": -20000})
    details = await terms(shop, subscription, "pro", at, "always_invoice")

    previewed = await preview(shop, subscription, details)

    assert (previewed["total"], previewed["amount_due"], previewed["ending_balance"]) == (10160, 0, 10160 - 20000)
    assert plain(await shop.client.v1.customers.retrieve_async(ada))["balance"] == -20000
    assert await shop.subscription(subscription["id"]) == subscription
    assert len(await shop.invoices(ada)) == 1


async def test_a_negative_invoice_is_paid_and_kept_as_a_credit(shop: Shop) -> None:
    ada, subscription, at = await a_subscription(shop, "pro")
    details = await terms(shop, subscription, "starter", at, "always_invoice")

    changed = await shop.change(subscription["id"], **details, expand=["latest_invoice"])

    bill = changed["latest_invoice"]
    assert (bill["status"], bill["total"], bill["amount_due"], bill["amount_paid"]) == ("paid", -10162, 0, 0)
    assert plain(await shop.client.v1.customers.retrieve_async(ada))["balance"] == -10162
    await shop.renew()
    renewal = (await shop.invoices(ada))[-1]
    assert (renewal["total"], renewal["amount_due"], renewal["status"]) == (4900, 0, "paid")


@pytest.mark.parametrize("days", [-1, 31])
async def test_a_moment_outside_of_the_period_is_refused(shop: Shop, days: int) -> None:
    _, subscription, _ = await a_subscription(shop)
    at = period_of(subscription)[0] + days * 86_400
    details = await terms(shop, subscription, "pro", at, "always_invoice")

    with pytest.raises(stripe.InvalidRequestError, match="proration date"):
        await preview(shop, subscription, details)
    with pytest.raises(stripe.InvalidRequestError, match="proration date"):
        await shop.change(subscription["id"], **details)


async def test_an_invoice_under_a_pause_is_voided_and_costs_nothing(shop: Shop) -> None:
    ada, subscription, at = await a_subscription(shop)
    await shop.change(subscription["id"], pause_collection={"behavior": "void"})
    details = await terms(shop, subscription, "pro", at, "always_invoice")

    await shop.change(subscription["id"], **details)

    bill = (await shop.invoices(ada))[-1]
    assert (bill["status"], bill["total"], bill["amount_paid"]) == ("void", 10160, 0)
    assert (await shop.subscription(subscription["id"]))["status"] == "active"


async def test_a_change_that_ends_the_pause_is_billed(shop: Shop) -> None:
    ada, subscription, at = await a_subscription(shop)
    await shop.change(subscription["id"], pause_collection={"behavior": "void"})
    details = await terms(shop, subscription, "pro", at, "always_invoice")

    await shop.change(subscription["id"], **details, pause_collection="")

    assert (await shop.invoices(ada))[-1]["status"] == "paid"
