"""Changes that wait for the customer: made when their invoice is paid, dropped when it is voided or too late."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
import stripe

from tests.harness.patience import PATIENT
from tests.sandbox.stripe.shop import Inbox, Shop, moment, period_of, plain

AUTHENTICATE = "authentication_required"
HOURS_23 = 23 * 3600


class Waiting:
    """A subscription to Starter whose change to Pro waits for an answer of the bank's."""

    def __init__(self, shop: Shop, customer: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        self.shop, self.customer, self.before, self.after = shop, customer, before, after

    @classmethod
    async def after_answer(cls, shop: Shop, *answers: str, **params: Any) -> "Waiting":
        customer = await shop.customer()
        before = await shop.subscribe(customer)
        shop.simulator.set_card_answers("ada", answers)
        return cls(shop, customer, before, await ask(shop, before, "pro", **params))

    async def stands(self) -> dict[str, Any]:
        return await self.shop.subscription(self.before["id"])

    async def invoice(self) -> dict[str, Any]:
        return plain(await self.shop.client.v1.invoices.retrieve_async(self.after["latest_invoice"]))

    async def plan(self) -> str:
        return str((await self.stands())["items"]["data"][0]["price"]["id"])

    async def confirm(self) -> None:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=PATIENT) as browser:
            (await browser.post((await self.invoice())["hosted_invoice_url"])).raise_for_status()


async def ask(shop: Shop, subscription: dict[str, Any], plan: str, **params: Any) -> dict[str, Any]:
    terms: Any = {
        "items": [{"id": subscription["items"]["data"][0]["id"], "price": await shop.price(plan)}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }
    return await shop.change(subscription["id"], **terms | params)


@pytest.mark.parametrize("answer", [AUTHENTICATE, "insufficient_funds"])
async def test_an_unpaid_change_waits_and_leaves_all_as_it_was(shop: Shop, answer: str) -> None:
    waiting = await Waiting.after_answer(shop, answer, metadata={"mine": "1"})

    pending, invoice = waiting.after["pending_update"], await waiting.invoice()
    assert [item["price"]["id"] for item in pending["subscription_items"]] == [await shop.price("pro")]
    assert pending["metadata"] == {"mine": "1"}
    assert pending["expires_at"] == invoice["created"] + HOURS_23
    assert (waiting.after["status"], waiting.after["metadata"]) == ("active", {})
    assert waiting.after["items"] == waiting.before["items"]
    assert (invoice["status"], invoice["billing_reason"]) == ("open", "subscription_update")


async def test_a_change_that_is_paid_at_once_waits_for_nothing(shop: Shop) -> None:
    waiting = await Waiting.after_answer(shop, "ok", metadata={"mine": "1"})

    assert (waiting.after["pending_update"], waiting.after["metadata"]) == (None, {"mine": "1"})
    assert await waiting.plan() == await shop.price("pro")
    assert (await waiting.invoice())["status"] == "paid"


async def test_it_is_made_when_the_customer_has_confirmed(shop: Shop, inbox: Inbox) -> None:
    waiting = await Waiting.after_answer(shop, AUTHENTICATE, metadata={"mine": "1"}, cancel_at_period_end=True)

    await waiting.confirm()

    stands = await waiting.stands()
    assert await waiting.plan() == await shop.price("pro")
    assert (stands["pending_update"], stands["metadata"], stands["status"]) == (None, {"mine": "1"}, "active")
    assert stands["cancel_at_period_end"] is True
    assert period_of(stands) == period_of(waiting.before)
    await inbox.has("customer.subscription.pending_update_applied")


async def test_another_interval_begins_its_period_with_the_confirmation(shop: Shop) -> None:
    customer = await shop.customer()
    before = await shop.subscribe(customer)
    await shop.simulator.advance("ada", moment(period_of(before)[0] + 10 * 86_400))
    shop.simulator.set_card_answers("ada", [AUTHENTICATE])
    waiting = Waiting(shop, customer, before, await ask(shop, before, "yearly"))
    assert period_of(waiting.after) == period_of(before)

    await waiting.confirm()

    assert period_of(await waiting.stands())[0] == waiting.after["pending_update"]["billing_cycle_anchor"]


async def test_it_is_dropped_when_its_invoice_is_voided(shop: Shop, inbox: Inbox) -> None:
    waiting = await Waiting.after_answer(shop, AUTHENTICATE)

    await shop.client.v1.invoices.void_invoice_async(waiting.after["latest_invoice"])

    stands = await waiting.stands()
    assert (stands["pending_update"], stands["status"]) == (None, "active")
    assert await waiting.plan() == await shop.price("starter")
    await inbox.has("customer.subscription.pending_update_expired")


async def test_it_is_dropped_after_23_hours(shop: Shop) -> None:
    waiting = await Waiting.after_answer(shop, AUTHENTICATE)
    end = moment(waiting.after["pending_update"]["expires_at"])

    await shop.simulator.advance("ada", end - timedelta(seconds=1))
    assert (await waiting.stands())["pending_update"] is not None
    await shop.simulator.advance("ada", end)

    assert (await waiting.stands())["pending_update"] is None
    assert (await waiting.invoice())["status"] == "void"


async def test_it_never_outlasts_the_period_which_is_renewed_as_it_was(shop: Shop) -> None:
    customer = await shop.customer()
    before = await shop.subscribe(customer)
    end = period_of(before)[1]
    await shop.simulator.advance("ada", moment(end - 12 * 3600))
    shop.simulator.set_card_answers("ada", [AUTHENTICATE, "ok"])
    waiting = Waiting(shop, customer, before, await ask(shop, before, "pro"))
    assert waiting.after["pending_update"]["expires_at"] == end

    await shop.renew()

    assert [bill["amount_paid"] for bill in await shop.invoices(customer) if bill["status"] == "paid"] == [4900, 4900]


async def test_another_change_replaces_it(shop: Shop) -> None:
    waiting = await Waiting.after_answer(shop, AUTHENTICATE, "ok")

    changed = await ask(shop, waiting.before, "yearly")

    assert (changed["pending_update"], (await waiting.invoice())["status"]) == (None, "void")
    assert await waiting.plan() == await shop.price("yearly")


async def test_what_cannot_wait_is_refused_along_with_it(shop: Shop) -> None:
    subscription = await shop.subscribe(await shop.customer())

    for param in ({"off_session": True}, {"pause_collection": ""}, {"description": "x"}):
        with pytest.raises(stripe.InvalidRequestError, match="only pass supported params"):
            await ask(shop, subscription, "pro", **param)


async def test_an_incomplete_subscription_is_active_once_confirmed_and_over_once_voided(shop: Shop) -> None:
    customer = await shop.customer()
    shop.simulator.set_card_answers("ada", [AUTHENTICATE])
    for voided in (False, True):
        begun = await shop.subscribe(customer, payment_behavior="allow_incomplete", off_session=False)
        assert begun["status"] == "incomplete"
        bill = plain(await shop.client.v1.invoices.retrieve_async(begun["latest_invoice"]))
        if voided:
            await shop.client.v1.invoices.void_invoice_async(bill["id"])
        else:
            async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=PATIENT) as browser:
                (await browser.post(bill["hosted_invoice_url"])).raise_for_status()
        expected = "incomplete_expired" if voided else "active"
        assert (await shop.subscription(begun["id"]))["status"] == expected
