"""Customers and their cards at Stripe."""

from dataclasses import replace

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable
from tests.gateways.rig import StripeRig, a_contact

SUCCESS, CANCEL = "https://shop.example/done", "https://shop.example/back"


async def test_a_customer_and_the_card_are_made_in_one_call(rig: StripeRig) -> None:
    before = len(rig.wire.calls)
    wallet = await rig.wallet()

    assert rig.wire.calls[before:] == [("GET", "/v1/customers", None), ("POST", "/v1/customers", "ada/sign-up")]
    assert wallet.card is not None
    assert (wallet.card.brand, wallet.card.last4, wallet.card.exp_month) == ("visa", "4242", 12)
    assert await rig.default_card(wallet) == wallet.card.ref
    owner = (await rig.client.v1.customers.retrieve_async(wallet.customer_ref)).to_dict()
    assert owner["metadata"] == {"tenure_customer": "c-ada", "external_id": "ada"}
    assert (owner["email"], owner["name"]) == ("ada@example.com", "Ada")


async def test_a_customer_without_a_card_or_a_name_is_made_too(rig: StripeRig) -> None:
    wallet = await rig.provider.wallets.open_wallet(replace(a_contact(), name=None), None, key="k")

    assert wallet.card is None
    assert (await rig.client.v1.customers.retrieve_async(wallet.customer_ref)).name is None


async def test_a_card_is_recognised_by_its_fingerprint(rig: StripeRig) -> None:
    ada = await rig.wallet("ada", "pm_card_visa_shared")
    grace = await rig.wallet("grace", "pm_card_visa_shared")
    own = await rig.provider.wallets.put_card(ada.customer_ref, "", "pm_card_visa", key="k/1")
    again = await rig.provider.wallets.put_card(ada.customer_ref, "", "pm_card_visa", key="k/2")

    assert ada.card is not None
    assert grace.card is not None
    assert ada.card.fingerprint == grace.card.fingerprint != ""
    assert own.ref != again.ref
    assert own.fingerprint == again.fingerprint != ada.card.fingerprint


async def test_a_card_on_file_is_seen_with_the_date_that_its_bank_has_given_it(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    rig.simulator.set_card_expiry("ada", 5, 2035, announced=True)

    card = (await rig.provider.billing.provider_state(wallet.customer_ref, begun.agreement_ref, "")).card

    assert card is not None
    assert wallet.card is not None
    assert (card.ref, card.exp_month, card.exp_year) == (wallet.card.ref, 5, 2035)


async def test_a_card_on_file_is_seen_when_it_was_never_made_the_default(rig: StripeRig) -> None:
    wallet = await rig.wallet(card=None)
    await rig.client.v1.payment_methods.attach_async("pm_card_amex", {"customer": wallet.customer_ref})

    seen = await rig.provider.wallets.open_wallet(a_contact(customer_ref=wallet.customer_ref), None, key="again")

    assert seen.card is not None
    assert seen.card.brand == "amex"


async def test_a_new_card_is_charged_from_then_on_for_customer_and_agreement(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()

    card = await rig.provider.wallets.put_card(
        wallet.customer_ref, begun.agreement_ref, "pm_card_mastercard", key="card/1"
    )

    assert (card.brand, card.last4) == ("mastercard", "4444")
    assert await rig.default_card(wallet) == card.ref
    (agreement,) = await rig.agreements(wallet)
    assert agreement["default_payment_method"] == card.ref


async def test_a_card_is_put_on_file_once_when_answers_get_lost(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    for step in (1, 2, 3):
        rig.wire.lose(step)
        with pytest.raises(GatewayUnavailable):
            await rig.provider.wallets.put_card(wallet.customer_ref, begun.agreement_ref, "pm_card_amex", key="card/1")
    card = await rig.provider.wallets.put_card(wallet.customer_ref, begun.agreement_ref, "pm_card_amex", key="card/1")

    listed = await rig.client.v1.customers.payment_methods.list_async(wallet.customer_ref)
    assert [each.id for each in listed.data] == [card.ref, wallet.card.ref if wallet.card else ""]


async def test_a_card_of_another_customer_is_refused_by_its_field(rig: StripeRig) -> None:
    ada, bob = await rig.wallet("ada"), await rig.wallet("bob")
    assert bob.card is not None

    with pytest.raises(GatewayRefused, match="already been attached") as refused:
        await rig.provider.wallets.put_card(ada.customer_ref, "", bob.card.ref, key="theft")

    assert refused.value.field == "payment_method"
    with pytest.raises(GatewayRefused, match="already been attached") as refused:
        await rig.provider.wallets.open_wallet(a_contact("eve"), bob.card.ref, key="theft/2")
    assert refused.value.field == "payment_method"
    assert await rig.customers() == 2


async def checkout(rig: StripeRig, customer_ref: str, key: str = "checkout/1") -> str:
    """The id of a checkout session just opened."""
    page = await rig.provider.wallets.open_checkout(customer_ref, "s", SUCCESS, CANCEL, key=key)
    return page.rpartition("/")[2]


async def test_a_checkout_page_is_opened_once_under_one_key(rig: StripeRig) -> None:
    wallet = await rig.wallet(card=None)
    rig.wire.lose(1)
    with pytest.raises(GatewayUnavailable):
        await checkout(rig, wallet.customer_ref)

    first = await checkout(rig, wallet.customer_ref)
    assert first == await checkout(rig, wallet.customer_ref)
    assert first != await checkout(rig, wallet.customer_ref, key="checkout/2")
    session = (await rig.client.v1.checkout.sessions.retrieve_async(first)).to_dict()
    assert (session["mode"], session["success_url"], session["cancel_url"]) == ("setup", SUCCESS, CANCEL)
    assert session["metadata"] == {"tenure_subscription": "s"}


async def test_the_card_of_a_completed_checkout_is_charged_from_then_on(rig: StripeRig) -> None:
    wallet, begun = await rig.sold()
    session = await checkout(rig, wallet.customer_ref)
    rig.simulator.complete_checkout(session, "pm_card_mastercard")

    adopted = await rig.provider.wallets.adopt_checkout(session, begun.agreement_ref, None, key=f"adopt/{session}")

    assert adopted is not None
    assert adopted.card is not None
    assert (adopted.customer_ref, adopted.card.last4) == (wallet.customer_ref, "4444")
    assert await rig.default_card(wallet) == adopted.card.ref
    (agreement,) = await rig.agreements(wallet)
    assert agreement["default_payment_method"] == adopted.card.ref
    assert (
        await rig.provider.wallets.adopt_checkout(session, begun.agreement_ref, None, key=f"adopt/{session}") == adopted
    )


async def test_there_is_no_card_to_adopt_when_the_checkout_is_open_or_expired(rig: StripeRig) -> None:
    wallet = await rig.wallet(card=None)
    session = await checkout(rig, wallet.customer_ref)
    assert await rig.provider.wallets.adopt_checkout(session, "", None, key="adopt/1") is None

    await rig.client.v1.checkout.sessions.expire_async(session)
    assert await rig.provider.wallets.adopt_checkout(session, "", None, key="adopt/1") is None
