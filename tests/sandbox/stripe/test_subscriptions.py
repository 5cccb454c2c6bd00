"""A subscription's life at Stripe, as the SDK sees it."""

from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import SETTLE_WITHIN, Inbox, Shop, moment, period_of


async def test_a_subscription_is_active_and_paid_when_the_card_is_good(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer()
    await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    inbox.events.clear()

    subscription = await shop.subscribe(ada, expand=["latest_invoice.payments"])

    assert subscription["status"] == "active"
    invoice = subscription["latest_invoice"]
    assert (invoice["status"], invoice["amount_paid"], invoice["number"][-5:]) == ("paid", 4900, "-0001")
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds == [
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.paid",
    ]


async def test_only_a_failed_payment_intent_is_left_when_the_first_charge_is_declined(shop: Shop) -> None:
    ada = await shop.customer(card="pm_card_chargeCustomerFail")

    with pytest.raises(stripe.CardError) as refused:
        await shop.subscribe(ada)

    assert refused.value.http_status == 402
    assert refused.value.code == "card_declined"
    error: Any = refused.value.error
    assert error.decline_code == "generic_decline"
    intent = await shop.client.v1.payment_intents.retrieve_async(error.payment_intent.id)
    assert intent.status == "requires_payment_method"
    listed = await shop.client.v1.subscriptions.list_async({"customer": ada, "status": "all"})
    assert listed.data == []
    assert await shop.invoices(ada) == []


async def test_the_error_asks_for_the_customer_when_the_card_wants_authentication(shop: Shop) -> None:
    ada = await shop.customer(card="pm_card_authenticationRequired")

    with pytest.raises(stripe.CardError) as refused:
        await shop.subscribe(ada)

    assert refused.value.code == "subscription_payment_intent_requires_action"
    assert refused.value.error.payment_intent.status == "requires_action"  # type: ignore[union-attr]


async def test_a_subscription_is_incomplete_and_expires_when_that_is_allowed(shop: Shop) -> None:
    ada = await shop.customer(card="pm_card_chargeCustomerFail")
    subscription = await shop.subscribe(ada, payment_behavior="allow_incomplete")
    assert subscription["status"] == "incomplete"

    await shop.simulator.advance("ada", shop.simulator.now("ada") + timedelta(hours=24))

    assert (await shop.subscription(subscription["id"]))["status"] == "incomplete_expired"
    assert [each["status"] for each in await shop.invoices(ada)] == ["void"]


async def test_a_new_period_starts_now_and_is_charged_when_the_anchor_is_moved(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["insufficient_funds"])
    await shop.renew()
    await shop.client.v1.invoices.void_invoice_async((await shop.invoices(ada))[-1]["id"])
    await shop.simulator.advance("ada", shop.simulator.now("ada") + timedelta(days=10))
    await shop.new_card(ada)

    restarted = await shop.change(
        subscription["id"],
        billing_cycle_anchor={"type": "now"},
        proration_behavior="none",
        payment_behavior="error_if_incomplete",
        off_session=True,
    )

    now = shop.simulator.now("ada")
    assert abs(period_of(restarted)[0] - now.timestamp()) < 5
    last = (await shop.invoices(ada))[-1]
    assert (last["id"], last["amount_paid"]) == (restarted["latest_invoice"], 4900)


async def test_nothing_changes_when_a_strict_change_cannot_be_paid(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    item = subscription["items"]["data"][0]["id"]
    shop.simulator.set_card_answers("ada", ["insufficient_funds"])

    with pytest.raises(stripe.CardError):
        await shop.change(
            subscription["id"],
            items=[{"id": item, "price": await shop.price("pro")}],
            proration_behavior="always_invoice",
            payment_behavior="error_if_incomplete",
        )

    assert await shop.subscription(subscription["id"]) == subscription
    assert len(await shop.invoices(ada)) == 1


async def test_an_upgrade_is_prorated_by_the_second_and_billed_at_once_when_asked(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    start, end = period_of(subscription)
    await shop.simulator.advance("ada", moment((start + end) // 2))
    item = subscription["items"]["data"][0]["id"]

    changed = await shop.change(
        subscription["id"],
        items=[{"id": item, "price": await shop.price("pro")}],
        proration_behavior="always_invoice",
        expand=["latest_invoice"],
    )

    assert changed["items"]["data"][0]["price"]["id"] == await shop.price("pro")
    amounts = [line["amount"] for line in changed["latest_invoice"]["lines"]["data"]]
    assert amounts == pytest.approx([-2450, 9950], abs=2)
    assert changed["latest_invoice"]["status"] == "paid"


async def test_a_downgrade_is_credited_on_the_next_invoice(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada, "pro")
    start, end = period_of(subscription)
    await shop.simulator.advance("ada", moment((start + end) // 2))
    item = subscription["items"]["data"][0]["id"]
    await shop.change(subscription["id"], items=[{"id": item, "price": await shop.price("starter")}])

    await shop.renew()

    first, second = await shop.invoices(ada)
    assert first["total"] == 19900
    assert second["total"] == pytest.approx(4900 - 9950 + 2450, abs=3)
    assert second["amount_due"] == 0
    assert second["status"] == "paid"
    assert (await shop.client.v1.customers.retrieve_async(ada)).balance == second["total"]


async def test_quantities_and_items_add_up(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(
        ada, items=[{"price": await shop.price("starter")}, {"price": await shop.price("seat"), "quantity": 3}]
    )
    invoice = (await shop.invoices(ada))[0]

    assert [line["amount"] for line in invoice["lines"]["data"]] == [4900, 1500]
    assert invoice["total"] == 6400
    seat = subscription["items"]["data"][1]["id"]
    changed = await shop.change(subscription["id"], items=[{"id": seat, "deleted": True}])
    assert len(changed["items"]["data"]) == 1


async def test_a_subscription_ends_at_the_period_end_when_it_was_canceled(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    canceling = await shop.change(subscription["id"], cancel_at_period_end=True)
    assert canceling["cancel_at"] == period_of(subscription)[1]

    await shop.simulator.advance("ada", moment(period_of(subscription)[1]))

    ended = await shop.subscription(subscription["id"])
    assert (ended["status"], ended["ended_at"]) == ("canceled", period_of(subscription)[1])
    assert len(await shop.invoices(ada)) == 1
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds[-1] == "customer.subscription.deleted"
    assert shop.simulator.next_boundary("ada") is None


async def test_a_cancellation_can_be_withdrawn(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    await shop.change(subscription["id"], cancel_at_period_end=True)
    await shop.change(subscription["id"], cancel_at_period_end=False)

    await shop.renew()

    assert (await shop.subscription(subscription["id"]))["status"] == "active"


async def test_a_canceled_subscription_is_gone_for_further_commands(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    canceled = await shop.client.v1.subscriptions.cancel_async(subscription["id"], {"prorate": False})
    assert canceled.status == "canceled"

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.client.v1.subscriptions.cancel_async(subscription["id"])
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="canceled subscription"):
        await shop.change(subscription["id"], cancel_at_period_end=True)


async def test_a_trial_costs_nothing_and_is_charged_at_its_end(shop: Shop) -> None:
    ada = await shop.customer()
    trial_end = int(shop.simulator.now("ada").timestamp()) + 14 * 86_400
    subscription = await shop.subscribe(ada, trial_end=trial_end)
    assert subscription["status"] == "trialing"
    assert (await shop.invoices(ada))[0]["total"] == 0

    await shop.renew()

    renewed = await shop.subscription(subscription["id"])
    assert (renewed["status"], period_of(renewed)[0]) == ("active", trial_end)
    assert (await shop.invoices(ada))[-1]["amount_paid"] == 4900
