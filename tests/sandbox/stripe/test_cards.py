"""Test cards: attached, renewed by the bank, refused."""

import pytest
import stripe

from tests.sandbox.stripe.shop import SETTLE_WITHIN, Inbox, Shop, plain


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


async def test_without_a_card_there_is_no_expiry_date(shop: Shop) -> None:
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
