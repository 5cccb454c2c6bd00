"""A customer whom somebody has deleted at Stripe: no dead end, nothing paid is lost, nothing is charged twice."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe

from gateways.stripe.http_client import connected
from sandbox.product import RefusedError
from sandbox.secrets import Secrets
from sandbox.stack import Stack
from tests.harness.lives import A_MINUTE, Life

Begin = Callable[..., Awaitable[Life]]
pytestmark = pytest.mark.usefixtures("healed")
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}


@pytest.fixture
async def account(stack: Stack, stack_folder: Path) -> AsyncIterator[stripe.StripeClient]:
    """The account at Stripe as an operator has it."""
    async with connected(Secrets.of(stack_folder).stripe_key, stack.addresses.stripe_url) as client:
        yield client


async def delete(account: stripe.StripeClient, life: Life) -> str:
    """Delete the customer in Stripe's dashboard."""
    of_email: Any = {"email": f"{life.external_id}@example.com"}
    [customer] = (await account.v1.customers.list_async(of_email)).data
    await account.v1.customers.delete_async(customer.id)
    return customer.id


async def bills_at_stripe(account: stripe.StripeClient, life: Life) -> list[stripe.Invoice]:
    """Newest first, whoever is customer by now."""
    listed = await account.v1.invoices.list_async({"limit": 100})
    return [bill for bill in listed.data if bill.customer_email == f"{life.external_id}@example.com"]


async def test_a_trial_of_a_deleted_customer_ends_as_one_without_a_card_and_has_its_way_back(
    begin: Begin, account: stripe.StripeClient
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(A_MINUTE)
    await delete(account, life)

    await life.live_until("convert")

    stands = await life.stands()
    assert (stands["status"], stands["status_reason"], stands["blocked"]) == ("suspended", "trial_expired", None)
    assert (await life.kinds())["customer_deleted"] == 1
    assert await life.bills() == Counter()
    await life.product.checkout(life.id)
    await life.live(A_MINUTE)
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)


async def test_a_paid_period_of_a_deleted_customer_goes_on_and_the_next_one_needs_a_card(
    begin: Begin, account: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.live(A_MINUTE)
    paid_until = (await life.stands())["current_period_end"]

    await delete(account, life)
    await life.live(A_MINUTE)

    stands = await life.stands()
    assert (stands["status"], stands["access"], stands["current_period_end"]) == ("active", "full", paid_until)
    assert await life.refused("convert", payment_method="pm_card_visa") == (409, "already_converted")
    assert await life.refused("change-plan", plan="professional", when="now") == (409, "agreement_lost")
    await life.live_until("begin_period")
    stands = await life.stands()
    assert (stands["status"], stands["status_reason"]) == ("past_due", "no_card")
    assert await life.bills() == Counter(paid=1)

    back = await life.command("payment-method", payment_method="pm_card_mastercard")

    assert (back["status"], back["access"]) == ("active", "full")
    await life.live(timedelta(days=33))
    assert await life.bills() == Counter(paid=3)


async def test_a_new_card_of_a_deleted_customer_is_charged_only_when_the_paid_period_is_over(
    begin: Begin, account: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.live(A_MINUTE)
    await life.product.faults(webhooks={"drop": True})
    await delete(account, life)

    given = await life.command("payment-method", payment_method="pm_card_mastercard")

    assert given["status"] == "active"
    assert await life.bills() == Counter(paid=1)
    await life.live_until("begin_period")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert (await life.kinds())["converted"] == 1


async def test_every_way_to_a_card_leads_to_one_new_customer_whose_old_id_still_finds_them(
    begin: Begin, account: stripe.StripeClient
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.live(A_MINUTE)
    deleted = await delete(account, life)

    with pytest.raises(RefusedError, match="there is no card on file"):
        await life.command("convert", when="now")
    assert await life.product.open_portal(life.external_id)
    assert await life.product.open_checkout(life.id)
    assert (await life.command("payment-method", payment_method="pm_card_mastercard"))["status"] == "trialing"

    of_email: Any = {"email": f"{life.external_id}@example.com"}
    [known] = (await account.v1.customers.list_async(of_email)).data
    assert known.id != deleted
    await life.live_until_converted()
    assert await life.bills() == Counter(paid=1)


async def test_who_comes_back_after_being_deleted_can_sign_up_with_a_card(
    begin: Begin, account: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.command("cancel", at="now")
    await delete(account, life)

    back = await life.product.sign_up(life.external_id, trial_days=0, payment_method="pm_card_visa")

    assert (back["status"], back["access"]) == ("active", "full")


async def test_what_a_deleted_customer_owed_or_had_paid_unheard_of_is_paid_once(
    begin: Begin, account: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.live_until_declined("insufficient_funds")
    await delete(account, life)
    await life.live(A_MINUTE)

    assert (await life.status())[0] == "past_due"
    assert await life.bills() == Counter(paid=1, void=1)
    assert [bill.status for bill in await bills_at_stripe(account, life)] == ["void", "paid"]
    await life.command("payment-method", payment_method="pm_card_mastercard")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2, void=1)


async def test_a_renewal_that_was_paid_unheard_of_before_the_customer_was_deleted_is_not_charged_again(
    begin: Begin, account: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    await life.live(A_MINUTE)
    paid_until = (await life.stands())["current_period_end"]
    await life.product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=1, minutes=30))
    await delete(account, life)

    await life.live_until("ask_provider")

    stands = await life.stands()
    assert (stands["status"], stands["blocked"]) == ("active", None)
    assert stands["current_period_end"] > paid_until
    assert await life.bills() == Counter(paid=2)
    assert (await life.kinds())["payment_failed"] == 0
