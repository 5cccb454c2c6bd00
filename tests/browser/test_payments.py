"""What is owed is paid by the customers themselves, and they come back at once."""

from sandbox.stack import Stack
from tests.browser.conftest import Arrive
from tests.browser.customers import PAYING, Begin, comes_back, enters
from tests.harness.lives import Life


async def suspended_for_nonpayment(life: Life) -> None:
    await life.live_until_declined("insufficient_funds")
    while (await life.status())[0] != "suspended":
        await life.live_until("recover")


async def test_a_declined_renewal_is_paid_on_the_spot(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await life.live_until_declined("insufficient_funds")

    await enters(visitor, life)
    await visitor.sees("overview with a failed payment", "Important", "Pay now")
    await visitor.presses("Pay now", role="link")
    await visitor.sees("pay")
    await visitor.reads("Pay $49.00")
    await visitor.presses("Continue to the payment page")
    await visitor.pays()
    await comes_back(visitor, life)
    await visitor.sees("overview of an active subscription", "Next bill")
    assert await life.status() == ("active", "full")


async def test_a_payment_that_the_bank_asks_about_is_confirmed_there(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await life.live_until_declined("authentication_required")

    await enters(visitor, life)
    await visitor.presses("Pay now", role="link")
    await visitor.presses("Continue to the payment page")
    await visitor.confirms()
    await comes_back(visitor, life)
    await visitor.sees("overview of an active subscription", "Next bill")
    assert await life.status() == ("active", "full")


async def test_who_was_suspended_for_nonpayment_pays_with_another_card(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await suspended_for_nonpayment(life)

    await enters(visitor, life)
    await visitor.sees("overview while suspended", "Urgent", "Your subscription is suspended", "Pay now")
    await visitor.presses("Pay now", role="link")
    await visitor.sees("pay while suspended")
    await visitor.presses("Continue to the payment page")
    await visitor.pays("pm_card_mastercard")
    await comes_back(visitor, life)
    await visitor.sees("overview of an active subscription", "Next bill")
    assert await life.status() == ("active", "full")


async def test_a_subscription_that_an_operator_suspended_offers_no_payment(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await life.command("suspend", reason="a chargeback is looked into")
    await enters(visitor, life)
    await visitor.sees(
        "suspended by an operator", "Your subscription was suspended by our team. Our support will help you."
    )
    assert "chargeback" not in await visitor.text()


async def test_the_page_that_leads_on_to_the_provider_has_a_button_too(
    arrive: Arrive, customer: Begin, stack: Stack
) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await enters(visitor, life, flow="payment_method")
    provider = f"{stack.addresses.stripe_url}/**"
    await visitor.page.route(provider, lambda route: route.abort("aborted"))
    await visitor.presses("Continue to the payment page")
    await visitor.sees("leaving for the provider", "You are taken to the payment page")
    await visitor.page.unroute(provider)
    await visitor.presses("Continue to the payment page", role="link")
    await visitor.is_taken_on()


async def test_another_card_is_put_on_file(arrive: Arrive, customer: Begin) -> None:
    visitor, life = await arrive(), await customer(**PAYING)
    await enters(visitor, life)
    await visitor.presses("Update your card", role="link")
    await visitor.sees("update the card")
    await visitor.reads("Nothing is charged now; the next payments are taken from it.")
    await visitor.presses("Continue to the payment page")
    await visitor.pays("pm_card_amex")
    await comes_back(visitor, life)
    await visitor.reads("card ending in 8431")
