"""The customer portal as a person uses it, and pages that have nothing to offer any more."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from sandbox.own_account import open_portal
from tests.harness.patience import PATIENT
from tests.sandbox.stripe.shop import SETTLE_WITHIN, Inbox, Shop, plain

RETURN = "http://127.0.0.1/billing"


class Visit:
    """A customer in the portal: what the page says, and its buttons."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def look(self) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENT) as http:
            return await http.get(self.url)

    async def submit(self, **form: str) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=PATIENT) as http:
            return await http.post(self.url, data=form)

    async def press(self, word: str) -> httpx.Response:
        """Press the first button with this word on it, as a browser does."""
        html = (await self.look()).text
        forms = re.findall(r"<form.*?</form>", html, re.DOTALL)
        found = next((each for each in forms if f">{word}</button>" in each), None)
        assert found is not None, f"no button {word!r} in {html}"
        return await self.submit(**dict(re.findall(r'name="(\w+)" value="([^"]*)"', found)))


async def visit(shop: Shop, customer: str) -> Visit:
    await open_portal(shop.client)
    request: Any = {"customer": customer, "return_url": RETURN}
    return Visit((await shop.client.v1.billing_portal.sessions.create_async(request)).url)


async def default_card(shop: Shop, customer: str) -> str:
    owner = plain(await shop.client.v1.customers.retrieve_async(customer))
    return str(owner["invoice_settings"]["default_payment_method"])


async def test_a_card_added_in_the_portal_becomes_the_default_of_the_customer_alone(shop: Shop, inbox: Inbox) -> None:
    ada = await shop.customer()
    first = await default_card(shop, ada)
    subscription = await shop.subscribe(ada, default_payment_method=first)
    portal = await visit(shop, ada)

    page = await portal.submit(payment_method="pm_card_amex")

    assert page.status_code == 200
    assert "amex •••• 8431" in page.text
    assert RETURN in page.text
    assert await default_card(shop, ada) != first
    assert (await shop.subscription(subscription["id"]))["default_payment_method"] == first
    assert await shop.simulator.webhooks_settled("ada", SETTLE_WITHIN)
    assert inbox.kinds[-2:] == ["payment_method.attached", "customer.updated"]


async def test_a_customer_switches_to_another_card_and_removes_the_first(shop: Shop) -> None:
    ada = await shop.customer()
    first = await default_card(shop, ada)
    await shop.subscribe(ada)
    portal = await visit(shop, ada)
    await portal.submit(payment_method="pm_card_amex")

    await portal.press("Use this card")
    assert await default_card(shop, ada) == first

    page = await portal.press("Remove")
    assert "amex" not in page.text.split("<select")[0]
    assert "Remove" not in page.text, "what runs is charged to the card that is left"
    refused = await portal.submit(act="remove", subject=first)
    assert (refused.status_code, "Choose another card" in refused.text) == (400, True)


async def test_a_card_that_is_declined_or_not_theirs_changes_nothing(shop: Shop) -> None:
    ada, bob = await shop.customer("ada"), await shop.customer("bob")
    first = await default_card(shop, ada)
    portal = await visit(shop, ada)

    assert (await portal.submit(payment_method="pm_card_chargeDeclined")).status_code == 402
    assert (await portal.submit(act="use", subject=await default_card(shop, bob))).status_code == 400
    assert await default_card(shop, ada) == first


async def test_invoices_are_listed_with_pages_and_pdfs_even_after_the_end(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    await shop.client.v1.subscriptions.cancel_async(subscription["id"])
    (bill,) = await shop.invoices(ada)

    page = (await (await visit(shop, ada)).look()).text

    assert all(each in page for each in (bill["number"], bill["hosted_invoice_url"], bill["invoice_pdf"], "$49.00"))
    assert "Nothing is running" in page


async def test_a_subscription_is_canceled_in_the_portal_only_where_its_configuration_allows_it(shop: Shop) -> None:
    ada = await shop.customer()
    subscription = await shop.subscribe(ada)
    portal = await visit(shop, ada)
    assert ">Cancel</button>" not in (await portal.look()).text
    assert (await portal.submit(act="cancel", subject=subscription["id"])).status_code == 400
    assert not (await shop.subscription(subscription["id"]))["cancel_at_period_end"]

    (allowed,) = (await shop.client.v1.billing_portal.configurations.list_async({"is_default": True})).data
    await shop.client.v1.billing_portal.configurations.update_async(
        allowed.id, {"features": {"subscription_cancel": {"enabled": True}}}
    )
    await portal.press("Cancel")
    assert (await shop.subscription(subscription["id"]))["cancel_at_period_end"]
    await portal.press("Keep it")
    assert not (await shop.subscription(subscription["id"]))["cancel_at_period_end"]


async def test_pages_that_are_over_or_never_were_say_so(shop: Shop) -> None:
    ada = await shop.customer(card=None)
    params: Any = {
        "mode": "setup",
        "customer": ada,
        "currency": "usd",
        "success_url": f"{RETURN}?{{CHECKOUT_SESSION_ID}}",
    }
    session = await shop.client.v1.checkout.sessions.create_async(params)
    shop.simulator.complete_checkout(session.id)
    done = await Visit(str(session.url)).look()
    assert (done.status_code, f"{RETURN}?{session.id}" in done.text) == (200, True)

    portal = await visit(shop, ada)
    await shop.simulator.advance("ada", shop.simulator.now("ada") + timedelta(hours=1))
    expired = await portal.look()
    assert (expired.status_code, "Link expired" in expired.text, RETURN in expired.text) == (410, True, True)
    assert (await portal.submit(payment_method="pm_card_amex")).status_code == 410

    for path in ("/c/pay/cs_test_none", "/p/session/bps_none", "/i/in_none", "/i/in_none/pdf"):
        assert (await Visit(f"{shop.simulator.base_url}{path}").look()).status_code == 404


async def test_every_page_has_a_language_a_title_one_heading_and_a_label_for_each_choice(shop: Shop) -> None:
    ada = await shop.customer()
    await shop.subscribe(ada)
    params: Any = {"mode": "setup", "customer": ada, "currency": "usd", "success_url": RETURN}
    checkout = await shop.client.v1.checkout.sessions.create_async(params)
    pages = [str(checkout.url), (await visit(shop, ada)).url, (await shop.invoices(ada))[0]["hosted_invoice_url"]]

    for url in pages:
        html = (await Visit(url).look()).text
        assert '<html lang="en">' in html
        assert re.search(r"<title>[^<]+</title>", html)
        assert html.count("<h1>") == 1
        assert "width=device-width" in html
        assert len(re.findall(r"<select", html)) == len(re.findall(r'<label for="card">', html))


async def test_only_web_addresses_are_linked(shop: Shop) -> None:
    ada = await shop.customer()
    await open_portal(shop.client)
    request: Any = {"customer": ada, "return_url": "javascript:alert(1)"}
    portal = await shop.client.v1.billing_portal.sessions.create_async(request)

    assert "javascript" not in (await Visit(portal.url).look()).text


async def test_a_portal_is_opened_for_nobody_who_is_not_known(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await visit(shop, "cus_nobody")
