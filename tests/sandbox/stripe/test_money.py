"""Cards, checkout, catalog, refunds, disputes and the pages that customers see."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from sandbox.stripe.errors import StripeFailure
from tests.sandbox.stripe.shop import SETTLE_WITHIN, Inbox, Shop, plain


async def _checkout(shop: Shop, customer: str) -> dict[str, Any]:
    params: Any = {
        "mode": "setup",
        "customer": customer,
        "currency": "usd",
        "payment_method_types": ["card"],
        "success_url": "http://127.0.0.1/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1/back",
        "metadata": {"tenure_subscription": "1"},
    }
    return plain(await shop.client.v1.checkout.sessions.create_async(params))


async def _browser(url: str, **form: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as http:
        return await (http.post(url, data=form) if form else http.get(url))


@pytest.mark.parametrize("card", ["pm_card_chargeDeclined", "pm_card_visa_chargeDeclinedInsufficientFunds"])
async def test_no_customer_comes_about_when_the_card_cannot_be_attached(shop: Shop, card: str) -> None:
    with pytest.raises(stripe.CardError) as refused:
        await shop.customer(card=card)

    assert refused.value.code == "card_declined"
    assert (await shop.client.v1.customers.list_async()).data == []


async def test_no_customer_comes_about_when_the_card_is_unknown(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod: 'pm_nothing'"):
        await shop.customer(card="pm_nothing")

    assert (await shop.client.v1.customers.list_async()).data == []


async def test_every_attached_test_card_is_a_payment_method_of_its_own(shop: Shop) -> None:
    ada = await shop.customer()
    second = await shop.new_card(ada, "pm_card_visa")

    listed = await shop.client.v1.customers.payment_methods.list_async(ada, {"type": "card"})
    assert len({each.id for each in listed.data}) == 2
    assert len({each.card.fingerprint for each in listed.data if each.card}) == 1

    detached = await shop.client.v1.payment_methods.detach_async(second)
    assert detached.customer is None
    customer = plain(await shop.client.v1.customers.retrieve_async(ada))
    assert customer["invoice_settings"]["default_payment_method"] is None


async def test_a_test_card_is_everybodys_own_but_for_the_shared_one(shop: Shop) -> None:
    async def fingerprint(name: str, card: str) -> str:
        customer = await shop.customer(name, card)
        (method,) = (await shop.client.v1.customers.payment_methods.list_async(customer)).data
        assert method.card
        return str(method.card.fingerprint)

    own = [await fingerprint(name, "pm_card_visa") for name in ("ada", "grace")]
    shared = [await fingerprint(name, "pm_card_visa_shared") for name in ("ada", "grace")]

    assert len({*own, *shared}) == 3
    assert shared[0] == shared[1]
    assert await fingerprint("ada", "pm_card_visa") == own[0]
    assert await fingerprint("ada", "pm_card_mastercard") != own[0]


async def test_a_bank_gives_a_card_another_date_with_a_word_or_without(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer()

    silent = shop.simulator.set_card_expiry("ada", 3, 2031, announced=False)
    told = shop.simulator.set_card_expiry("ada", 5, 2035, announced=True)

    assert [(each["card"]["exp_month"], each["card"]["exp_year"]) for each in (silent, told)] == [(3, 2031), (5, 2035)]
    (method,) = (await shop.client.v1.customers.payment_methods.list_async(ada)).data
    assert method.card
    assert (method.id, method.card.exp_month, method.card.exp_year) == (told["id"], 5, 2035)
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds.count("payment_method.automatically_updated") == 1
    assert inbox.events[-1]["data"]["previous_attributes"]["card"]["exp_year"] == 2031


async def test_there_is_no_date_without_a_card(shop: Shop) -> None:
    await shop.customer(card=None)

    with pytest.raises(ValueError, match="'ada' has no card on file"):
        shop.simulator.set_card_expiry("ada", 3, 2031, announced=True)


async def test_a_card_of_somebody_else_is_refused(shop: Shop) -> None:
    ada, grace = await shop.customer("ada"), await shop.customer("grace")
    stolen = await shop.new_card(grace)

    with pytest.raises(stripe.InvalidRequestError):
        await shop.client.v1.customers.update_async(ada, {"invoice_settings": {"default_payment_method": stolen}})
    with pytest.raises(stripe.InvalidRequestError):
        await shop.client.v1.payment_methods.attach_async(stolen, {"customer": ada})


async def test_a_checkout_puts_a_card_on_file_and_leads_back(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer(card=None)
    session = await _checkout(shop, ada)

    page = (await _browser(session["url"])).text
    assert "ada@example.com" in page
    assert '<form method="post">' in page
    assert '<option value="pm_card_mastercard">' in page
    done = await _browser(session["url"], payment_method="pm_card_mastercard")

    assert done.status_code == 303
    assert done.headers["location"] == f"http://127.0.0.1/done?session={session['id']}"
    params: Any = {"expand": ["setup_intent.payment_method"]}
    completed = plain(await shop.client.v1.checkout.sessions.retrieve_async(session["id"], params))
    assert completed["status"] == "complete"
    assert completed["setup_intent"]["status"] == "succeeded"
    assert completed["setup_intent"]["payment_method"]["card"]["brand"] == "mastercard"
    assert shop.simulator.complete_checkout(session["id"])["status"] == "complete"
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds == [
        "customer.created",
        "payment_method.attached",
        "setup_intent.succeeded",
        "checkout.session.completed",
    ]


async def test_a_checkout_stays_open_when_the_card_is_declined(shop: Shop) -> None:
    session = await _checkout(shop, await shop.customer(card=None))

    declined = await _browser(session["url"], payment_method="pm_card_chargeDeclined")

    assert declined.status_code == 402
    assert "Your card was declined." in declined.text
    assert shop.simulator.complete_checkout(session["id"])["status"] == "complete"


async def test_a_checkout_expires_after_a_day_of_the_customers_time(shop: Shop, inbox: Inbox) -> None:
    session = await _checkout(shop, await shop.customer(card=None))
    await shop.simulator.advance("ada", shop.simulator.now("ada") + timedelta(hours=25))

    with pytest.raises(StripeFailure, match="expired"):
        shop.simulator.complete_checkout(session["id"])
    assert (await _browser(session["url"])).status_code == 410
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds[-1] == "checkout.session.expired"


async def test_a_checkout_can_be_withdrawn(shop: Shop) -> None:
    session = await _checkout(shop, await shop.customer(card=None))

    assert (await shop.client.v1.checkout.sessions.expire_async(session["id"])).status == "expired"
    with pytest.raises(stripe.InvalidRequestError):
        await shop.client.v1.checkout.sessions.expire_async(session["id"])


async def test_a_card_set_up_with_its_owner_needs_no_authentication_later(shop: Shop) -> None:
    ada = await shop.customer(card=None)
    session = await _checkout(shop, ada)
    shop.simulator.complete_checkout(session["id"], "pm_card_authenticationRequiredOnSetup")
    method = (await shop.client.v1.customers.payment_methods.list_async(ada)).data[0].id

    subscription = await shop.subscribe(ada, default_payment_method=method)

    assert subscription["status"] == "active"


async def test_a_customer_authenticates_on_the_page_of_the_invoice(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["authentication_required"])
    await shop.renew()
    url = (await shop.invoices(ada))[-1]["hosted_invoice_url"]

    assert "Authenticate" in (await _browser(url)).text
    assert (await _browser(url, payment_method="")).status_code == 303

    assert (await shop.subscription(subscription["id"]))["status"] == "active"
    assert "paid" in (await _browser(url)).text
    pdf = await _browser((await shop.invoices(ada))[-1]["invoice_pdf"])
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-1.4")
    assert b"Total 49.00 USD, paid" in pdf.content


async def test_the_page_says_so_when_the_card_is_declined_again(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["insufficient_funds"])
    await shop.renew()
    url = (await shop.invoices(ada))[-1]["hosted_invoice_url"]

    declined = await _browser(url, payment_method="")

    assert declined.status_code == 402
    assert "insufficient funds" in declined.text
    assert (await shop.invoices(ada))[-1]["attempt_count"] == 2


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


async def test_a_dispute_is_told_by_webhook(shop: Shop, inbox: Inbox) -> None:
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
async def test_a_dispute_takes_its_turns(
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


async def test_a_payment_tells_its_bill(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)
    await shop.renew()
    await shop.subscribe(await shop.customer("grace"))
    charge = shop.simulator.refund("ada", 100)

    listed = await shop.client.v1.invoice_payments.list_async(
        {"payment": {"type": "payment_intent", "payment_intent": charge["payment_intent"]}}
    )

    assert [payment.invoice for payment in listed.data] == [(await shop.invoices(ada))[-1]["id"]]


async def test_a_lookup_key_belongs_to_one_price_and_can_be_handed_on(shop: Shop) -> None:
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
    assert abs(created - shop.simulator.now("ada").timestamp()) < 5
    assert abs((shop.simulator.now(ada) - shop.simulator.now("ada")).total_seconds()) < 1
    earlier = shop.simulator.now("ada") - timedelta(days=1)
    await shop.simulator.advance("ada", earlier)
    assert shop.simulator.now("ada") > earlier + timedelta(hours=23)
