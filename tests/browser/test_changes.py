"""Changes of plan: what they cost is shown before they are made."""

from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, Begin, comes_back, enters


async def test_an_upgrade_bills_what_was_shown(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)

    await enters(visitor, life)
    await visitor.presses("Change your plan", role="link")
    await visitor.sees("change of plan", "Choose what you would like. You see what it costs before anything changes.")
    await visitor.chooses("plan", "professional/month")
    await visitor.presses("See what it costs")
    await visitor.sees("price of an upgrade", "Due now")
    await visitor.reads("$150.00")
    await visitor.presses("Change now and pay %(amount)s", amount="$150.00")
    await comes_back(visitor, life)
    await visitor.reads("Professional")
    bills = (await life.product.get("/v1/invoices", customer=life.external_id))["data"]
    assert sorted(bill["amount_paid"] for bill in bills) == [4900, 15000]


async def test_an_upgrade_that_the_bank_asks_about_is_made_once_it_is_confirmed(
    arrive: Arrive, customer: Begin
) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await life.product.card_answers(life.external_id, "authentication_required", "ok")

    await enters(visitor, life, flow="change_plan")
    await visitor.chooses("plan", "professional/month")
    await visitor.presses("See what it costs")
    await visitor.presses("Change now and pay %(amount)s", amount="$150.00")
    await visitor.is_taken_on()
    bank = visitor.page.url
    await visitor.opens("/billing")
    await visitor.sees("overview with a payment to confirm", "Your bank asks you to confirm a payment")
    await visitor.presses("Confirm the payment", role="link")
    await visitor.sees("confirm a payment", "Confirm the payment")
    await visitor.presses("Confirm the payment")
    await visitor.is_taken_on()
    assert visitor.page.url == bank
    await visitor.confirms()
    await comes_back(visitor, life)
    await visitor.reads("Professional")
    assert (await life.stands())["plan"] == "professional"


async def test_a_downgrade_is_planned_and_can_be_withdrawn(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(plan="professional", **PAYING)

    await enters(visitor, life, flow="change_plan")
    await visitor.chooses("plan", "starter/month")
    await visitor.presses("See what it costs")
    await visitor.sees("price of a downgrade", "Nothing is charged now.")
    await visitor.presses("Change your plan")
    await visitor.sees("overview with a change planned", "Change planned")
    assert (await life.stands())["pending_change"]["plan"] == "starter"
    await visitor.presses("Withdraw the change", role="link")
    await visitor.sees("withdraw the change", "Withdraw the change")
    await visitor.presses("Withdraw the change")
    await visitor.sees("change withdrawn", "Your subscription goes on")
    assert (await life.stands())["pending_change"] is None


async def test_a_downgrade_that_does_not_fit_says_what_to_free(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(plan="professional", **PAYING)
    await life.product.consume(life.external_id, "storage_gb", 110, key=f"{life.external_id}-upload")

    await enters(visitor, life)
    await visitor.sees("limit is reached", "A limit of your plan is reached")
    await visitor.presses("Change your plan", role="link")
    await visitor.chooses("plan", "starter/month")
    await visitor.presses("See what it costs")
    await visitor.sees("downgrade that does not fit")
    await visitor.reads("Storage in GB: you use 110, and Starter has 10. Please free 100 first.")
    assert await visitor.page.get_by_role("button", name="Change your plan").count() == 0


async def test_a_number_that_is_none_is_refused_where_it_was_written(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await enters(visitor, life, flow="change_plan")
    await visitor.writes("Quantity", "-1")
    await visitor.presses("See what it costs")
    await visitor.sees("quantity that is none", "Please write a whole number.")
