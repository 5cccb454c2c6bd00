"""Checkout pages for somebody whom the shop does not know yet: a card for later, or a subscription paid at once."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from sandbox.stripe.checkout_completion import BillingDetails
from sandbox.stripe.errors import StripeFailure
from tests.harness.patience import PATIENT
from tests.sandbox.stripe.shop import SETTLE_WITHIN, Inbox, Shop, plain

MARKS = {"tenure_subscription": "s-1", "tenure_try": "s-1/charge/1"}
HOME = BillingDetails(
    "Ada King", {"line1": "Dorset Street 1", "city": "London", "postal_code": "W1U 4EG", "country": "GB"}, "DE123456789"
)


async def _open(shop: Shop, mode: str, **more: Any) -> dict[str, Any]:
    params: Any = {
        "mode": mode,
        "customer_email": "ada@example.com",
        "allowed_payment_method_types": ["card"],
        "billing_address_collection": "required",
        "tax_id_collection": {"enabled": True},
        "success_url": "http://127.0.0.1/done?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://127.0.0.1/back",
        **more,
    }
    if mode == "setup" and "customer" not in more:
        params["customer_creation"] = "always"
    elif mode == "subscription":
        params.setdefault("line_items", [{"price": await shop.price("starter"), "quantity": 2}])
        params["subscription_data"] = {"metadata": MARKS}
    if "customer" in more:
        del params["customer_email"]
        params["customer_update"] = {"name": "auto", "address": "auto"}
    return plain(await shop.client.v1.checkout.sessions.create_async(params))


async def _session(shop: Shop, reference: str, *expand: str) -> dict[str, Any]:
    params: Any = {"expand": list(expand)}
    return plain(await shop.client.v1.checkout.sessions.retrieve_async(reference, params))


async def _customers(shop: Shop) -> list[str]:
    return [each.id for each in (await shop.client.v1.customers.list_async()).data]


async def _browser(url: str, **form: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENT) as http:
        return await (http.post(url, data=form) if form else http.get(url))


async def test_a_subscription_is_bought_with_its_customer_and_first_invoice_at_once(shop: Shop, inbox: Inbox) -> None:
    session = await _open(shop, "subscription")
    assert (session["customer"], session["subscription"], session["payment_status"]) == (None, None, "unpaid")
    assert (session["amount_total"], session["currency"]) == (9800, "usd")
    assert await _customers(shop) == []

    shop.simulator.complete_checkout(session["id"], details=HOME)

    done = await _session(shop, session["id"], "subscription", "invoice", "customer.tax_ids")
    assert (done["status"], done["payment_status"], done["url"]) == ("complete", "paid", None)
    bought = done["subscription"]
    assert (bought["status"], bought["metadata"]) == ("active", MARKS)
    assert bought["default_payment_method"] is not None
    assert [item["quantity"] for item in bought["items"]["data"]] == [2]
    assert (done["invoice"]["status"], done["invoice"]["amount_paid"]) == ("paid", 9800)
    customer = done["customer"]
    assert (customer["email"], customer["name"]) == ("ada@example.com", "Ada King")
    assert customer["address"]["line1"] == "Dorset Street 1"
    assert [each["value"] for each in customer["tax_ids"]["data"]] == ["DE123456789"]
    assert done["customer_details"]["tax_ids"] == [{"type": "eu_vat", "value": "DE123456789"}]
    assert await shop.simulator.webhooks_settled(customer["id"], SETTLE_WITHIN)
    assert {"customer.created", "customer.subscription.created", "invoice.paid"} < set(inbox.kinds)
    assert inbox.kinds[-1] == "checkout.session.completed"


async def test_a_card_for_later_creates_its_customer_when_the_page_is_completed(shop: Shop) -> None:
    session = await _open(shop, "setup")
    assert await _customers(shop) == []

    shop.simulator.complete_checkout(session["id"], details=HOME)

    done = await _session(shop, session["id"], "setup_intent.payment_method")
    method = done["setup_intent"]["payment_method"]
    assert [done["customer"]] == await _customers(shop)
    assert (method["customer"], done["payment_status"]) == (done["customer"], "no_payment_required")


async def test_a_former_customer_stays_the_same_and_gets_what_was_entered(shop: Shop) -> None:
    ada = await shop.customer(card=None)
    session = await _open(shop, "subscription", customer=ada)

    shop.simulator.complete_checkout(session["id"], details=HOME)

    assert (await _session(shop, session["id"]))["customer"] == ada
    assert [ada] == await _customers(shop)
    assert (await shop.client.v1.customers.retrieve_async(ada)).name == "Ada King"


@pytest.mark.parametrize("card", ["pm_card_chargeDeclined", "pm_card_chargeCustomerFail"])
async def test_a_declined_card_leaves_the_page_open_and_nothing_behind(shop: Shop, card: str) -> None:
    session = await _open(shop, "subscription")

    declined = await _browser(session["url"], payment_method=card)

    assert declined.status_code == 402
    assert "Your card was declined." in declined.text
    assert await _customers(shop) == []
    assert (await _session(shop, session["id"]))["status"] == "open"


async def test_a_card_declined_for_later_creates_no_customer(shop: Shop) -> None:
    session = await _open(shop, "setup")

    assert (await _browser(session["url"], payment_method="pm_card_chargeDeclined")).status_code == 402

    assert await _customers(shop) == []


@pytest.mark.parametrize("mode", ["setup", "subscription"])
async def test_the_bank_asks_on_the_page_whether_it_is_its_customer(shop: Shop, mode: str) -> None:
    session = await _open(shop, mode)
    card = {"payment_method": "pm_card_threeDSecure2Required", "name": "Ada King", "country": "GB"}

    asked = await _browser(session["url"], **card)
    assert "Your bank asks" in asked.text
    failed = await _browser(session["url"], **card, authentication="fail")
    assert (failed.status_code, "unable to authenticate" in failed.text) == (402, True)
    assert await _customers(shop) == []

    done = await _browser(session["url"], **card, authentication="complete")

    assert done.headers["location"] == f"http://127.0.0.1/done?session={session['id']}"
    completed = await _session(shop, session["id"], "customer")
    assert (completed["status"], completed["customer"]["name"]) == ("complete", "Ada King")


async def test_the_page_says_what_is_bought_and_asks_who_pays(shop: Shop) -> None:
    session = await _open(shop, "subscription")

    shown = (await _browser(session["url"])).text

    assert "ada@example.com" in shown
    assert "Starter × 2" in shown
    assert "$98.00" in shown
    assert 'name="vat_id"' in shown
    assert "Nothing is charged" not in shown


async def test_an_abandoned_page_expires_after_a_day_and_leaves_nobody(shop: Shop, inbox: Inbox) -> None:
    session = await _open(shop, "subscription")

    await shop.simulator.advance(session["id"], shop.simulator.now(session["id"]) + timedelta(hours=25))

    assert (await _session(shop, session["id"]))["status"] == "expired"
    assert await _customers(shop) == []
    with pytest.raises(StripeFailure, match="expired"):
        shop.simulator.complete_checkout(session["id"])
    assert await shop.simulator.webhooks_settled(session["id"], SETTLE_WITHIN)
    assert inbox.kinds == ["checkout.session.expired"]


async def test_sessions_are_listed_by_what_became_of_them(shop: Shop) -> None:
    first, second = await _open(shop, "setup"), await _open(shop, "subscription")
    shop.simulator.complete_checkout(second["id"])

    complete = await shop.client.v1.checkout.sessions.list_async({"status": "complete"})
    still_open = await shop.client.v1.checkout.sessions.list_async({"status": "open"})

    assert [each.id for each in complete.data] == [second["id"]]
    assert [each.id for each in still_open.data] == [first["id"]]


@pytest.mark.parametrize(
    ("mode", "more", "param"),
    [
        ("setup", {"line_items": [{"price": "price_1"}]}, "line_items"),
        ("setup", {"subscription_data": {"description": "x"}}, "subscription_data"),
        ("subscription", {"customer_creation": "always"}, "customer_creation"),
        ("subscription", {"line_items": []}, "line_items"),
        ("subscription", {"customer_update": {"name": "auto"}}, "customer_update"),
        ("subscription", {"expires_at": 1}, "expires_at"),
    ],
)
async def test_what_does_not_go_together_is_refused(shop: Shop, mode: str, more: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await _open(shop, mode, **more)

    assert refused.value.param == param


async def test_a_tax_id_of_a_known_customer_needs_leave_to_change_their_name(shop: Shop) -> None:
    ada = await shop.customer(card=None)
    params: Any = {
        "mode": "setup",
        "customer": ada,
        "currency": "usd",
        "tax_id_collection": {"enabled": True},
        "success_url": "http://127.0.0.1/done",
    }

    with pytest.raises(stripe.InvalidRequestError, match="customer_update"):
        await shop.client.v1.checkout.sessions.create_async(params)
