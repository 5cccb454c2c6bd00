"""The pages that customers see: a checkout, and an invoice to be paid."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from sandbox.stripe.errors import StripeFailure
from tests.harness.patience import PATIENT
from tests.sandbox.stripe.shop import SETTLE_WITHIN, Inbox, Shop, plain


async def _checkout(shop: Shop, customer: str) -> dict[str, Any]:
    params: Any = {
        "mode": "setup",
        "customer": customer,
        "currency": "usd",
        "allowed_payment_method_types": ["card"],
        "success_url": "http://127.0.0.1/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1/back",
        "metadata": {"tenure_subscription": "1"},
    }
    return plain(await shop.client.v1.checkout.sessions.create_async(params))


async def _browser(url: str, **form: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENT) as http:
        return await (http.post(url, data=form) if form else http.get(url))


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

    asked = (await _browser(url)).text
    assert "Authenticate and pay $49.00" in asked
    assert "Your bank wants to hear from you" in asked
    assert asked.count("Tenure Sandbox") == 2, "whom one pays, at the top and on the invoice"
    assert "Test mode: no money moves" in asked
    assert (await _browser(url, payment_method="")).status_code == 303

    assert (await shop.subscription(subscription["id"]))["status"] == "active"
    assert "paid" in (await _browser(url)).text
    pdf = await _browser((await shop.invoices(ada))[-1]["invoice_pdf"])
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-1.4")
    assert b"Total $49.00, paid" in pdf.content


async def test_the_page_says_so_when_the_card_is_declined_again(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["insufficient_funds"])
    await shop.renew()
    url = (await shop.invoices(ada))[-1]["hosted_invoice_url"]

    declined = await _browser(url, payment_method="")

    assert declined.status_code == 402
    assert "insufficient funds" in declined.text
    assert (await shop.invoices(ada))[-1]["attempt_count"] == 1, "tries by hand are not counted"


async def test_a_card_that_pays_on_the_page_is_kept_but_not_made_the_default(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    before = plain(await shop.client.v1.customers.retrieve_async(ada))
    shop.simulator.set_card_answers("ada", ["insufficient_funds"])
    await shop.renew()
    url = (await shop.invoices(ada))[-1]["hosted_invoice_url"]

    declined = await _browser(url, payment_method="pm_card_chargeCustomerFail")
    assert declined.status_code == 402
    assert await cards(shop, ada) == ["4242"]
    assert (await _browser(url, payment_method="pm_card_mastercard")).status_code == 303

    assert await cards(shop, ada) == ["4444", "4242"]
    after = plain(await shop.client.v1.customers.retrieve_async(ada))
    assert after["invoice_settings"] == before["invoice_settings"]
    assert (await shop.subscription(subscription["id"]))["default_payment_method"] is None


async def cards(shop: Shop, customer: str) -> list[str]:
    listed = await shop.client.v1.customers.payment_methods.list_async(customer)
    return [plain(each)["card"]["last4"] for each in listed.data]


async def test_an_invoice_of_a_deleted_customer_stays_open_and_cannot_be_paid_on_its_page(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)
    shop.simulator.set_card_answers("ada", ["insufficient_funds"])
    await shop.renew()
    bill = (await shop.invoices(ada))[-1]
    await shop.client.v1.customers.delete_async(ada)

    assert "cannot be paid" in (await _browser(bill["hosted_invoice_url"])).text
    assert (await _browser(bill["hosted_invoice_url"], payment_method="pm_card_visa")).status_code == 404
    stands = plain(await shop.client.v1.invoices.retrieve_async(bill["id"]))
    assert (stands["status"], stands["auto_advance"]) == ("open", False)
    voided = await shop.client.v1.invoices.void_invoice_async(bill["id"])
    assert voided.status == "void"
