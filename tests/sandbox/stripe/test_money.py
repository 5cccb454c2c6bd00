"""Refunds, disputes, the catalog and the account."""

from datetime import timedelta
from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import SETTLE_WITHIN, Inbox, Shop, plain


async def test_a_charge_is_refunded_once(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer()
    params: Any = {"expand": ["latest_invoice.payments"]}
    subscription = await shop.subscribe(ada, **params)
    intent = subscription["latest_invoice"]["payments"]["data"][0]["payment"]["payment_intent"]

    part = await shop.client.v1.refunds.create_async({"payment_intent": intent, "amount": 900})
    assert (await shop.client.v1.refunds.retrieve_async(part.id)).amount == 900
    shop.simulator.refund("ada")

    charge = await shop.client.v1.charges.retrieve_async(str(part.charge), {"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded, len(charge.refunds.data)) == (True, 4900, 2)  # type: ignore[union-attr]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await shop.client.v1.refunds.create_async({"charge": charge.id})
    assert refused.value.code == "charge_already_refunded"
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds[-2:] == ["refund.created", "charge.refunded"]


async def test_a_dispute_sends_webhooks(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer()
    with pytest.raises(ValueError, match="'ada' has no paid charge"):
        shop.simulator.dispute("ada")
    await shop.subscribe(ada)

    dispute = shop.simulator.dispute("ada")

    charge = await shop.client.v1.charges.retrieve_async(dispute["charge"])
    assert charge.disputed
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds[-1] == "charge.dispute.created"
    found = plain(await shop.client.v1.disputes.retrieve_async(dispute["id"]))
    assert (found["status"], found["amount"], found["charge"]) == ("needs_response", 4900, charge.id)


@pytest.mark.parametrize(
    ("turns", "status", "events"),
    [
        (["opened", "won"], "won", ["created", "closed"]),
        (["opened", "lost"], "lost", ["created", "closed"]),
        (["inquiry"], "warning_needs_response", ["created"]),
        (["inquiry", "won"], "warning_closed", ["created", "closed"]),
        (["inquiry", "opened", "lost"], "lost", ["created", "updated", "closed"]),
    ],
)
async def test_a_dispute_goes_through_its_stages(
    shop: Shop, inbox: Inbox, turns: list[str], status: str, events: list[str]
) -> None:
    await shop.subscribe(await shop.customer())

    (reference,) = {shop.simulator.dispute("ada", turn)["id"] for turn in turns}

    assert (await shop.client.v1.disputes.retrieve_async(reference)).status == status
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds[-len(events) :] == [f"charge.dispute.{each}" for each in events]


async def test_a_dispute_cannot_be_decided_that_is_not_open(shop: Shop) -> None:
    await shop.subscribe(await shop.customer())

    with pytest.raises(ValueError, match="'ada' has no open dispute"):
        shop.simulator.dispute("ada", "won")
    shop.simulator.dispute("ada", "inquiry")
    with pytest.raises(ValueError, match="an inquiry cannot be lost"):
        shop.simulator.dispute("ada", "lost")
    shop.simulator.dispute("ada", "won")
    with pytest.raises(ValueError, match="'ada' has no open dispute"):
        shop.simulator.dispute("ada", "won")


async def test_a_payment_names_its_invoice(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)
    await shop.renew()
    await shop.subscribe(await shop.customer("grace"))
    charge = shop.simulator.refund("ada", 100)

    listed = await shop.client.v1.invoice_payments.list_async(
        {"payment": {"type": "payment_intent", "payment_intent": charge["payment_intent"]}}
    )

    assert [payment.invoice for payment in listed.data] == [(await shop.invoices(ada))[-1]["id"]]


async def test_a_lookup_key_belongs_to_one_price_and_can_be_transferred(shop: Shop) -> None:
    old = await shop.price("starter")
    params: Any = {
        "product": "tenure_starter",
        "currency": "usd",
        "unit_amount": 5900,
        "recurring": {"interval": "month"},
        "lookup_key": "starter_month",
    }
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        await shop.client.v1.prices.create_async(params)
    new = await shop.client.v1.prices.create_async(params | {"transfer_lookup_key": True})

    found = await shop.client.v1.prices.list_async({"lookup_keys": ["starter_month"], "active": True})
    assert [each.id for each in found.data] == [new.id]
    assert (await shop.client.v1.prices.retrieve_async(old)).lookup_key is None
    updated = await shop.client.v1.products.update_async("tenure_starter", {"name": "Start"})
    assert updated.name == "Start"
    assert (await shop.client.v1.products.list_async({"active": True})).data[0].id == "tenure_starter"


async def test_the_account_can_be_asked_for(shop: Shop) -> None:
    assert (await shop.client.v1.accounts.retrieve_current_async()).charges_enabled


async def test_a_clock_moved_before_sign_up_is_the_new_customers(shop: Shop) -> None:
    await shop.simulator.advance("ada", shop.simulator.now("ada") + timedelta(days=40))

    ada = await shop.customer()

    created = (await shop.client.v1.customers.retrieve_async(ada)).created
    assert abs(created - shop.simulator.now("ada").timestamp()) < 3600
    assert abs(shop.simulator.now(ada) - shop.simulator.now("ada")) < timedelta(hours=1)
    earlier = shop.simulator.now("ada") - timedelta(days=1)
    await shop.simulator.advance("ada", earlier)
    assert shop.simulator.now("ada") > earlier + timedelta(hours=23)
