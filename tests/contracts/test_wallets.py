"""Customers, their cards, and the pages on which they look after both."""

from datetime import timedelta

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import NO_SUCH_THING, AgreementStatus
from tests.contracts.provider import contact
from tests.contracts.shop import Shop, bill_of

SUCCESS, CANCEL, RETURN = "https://shop.example/done", "https://shop.example/back", "https://shop.example/billing"


async def test_a_wallet_is_opened_once_under_one_key_also_when_the_answer_gets_lost(shop: Shop) -> None:
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.wallet()

    first, again = await shop.wallet(), await shop.wallet()

    assert first == again
    assert first.card is not None
    assert await shop.world.wallets() == 1


async def test_a_wallet_may_hold_no_card(shop: Shop) -> None:
    assert (await shop.wallet(card=None)).card is None


async def test_a_customer_who_is_known_keeps_the_wallet(shop: Shop) -> None:
    known = await shop.wallet()

    same = await shop.provider.wallets.open_wallet(contact(customer_ref=known.customer_ref), None, key="k/1")
    other = await shop.provider.wallets.open_wallet(
        contact(customer_ref=known.customer_ref), shop.cards.another, key="k/2"
    )

    assert same == known
    assert other.customer_ref == known.customer_ref
    assert other.card != known.card
    assert await shop.world.wallets() == 1


async def test_a_card_can_be_kept_beside_the_one_that_is_charged_until_it_is_decided_on(shop: Shop) -> None:
    known = await shop.wallet()
    again = contact(customer_ref=known.customer_ref)

    kept = await shop.provider.wallets.open_wallet(again, shop.cards.another, key="k/1", keeps_default=True)

    assert (kept.customer_ref, kept.is_default, kept.card == known.card) == (known.customer_ref, False, False)
    assert (await shop.provider.billing.provider_state(known.customer_ref, "", "")).card == known.card
    assert kept.card is not None
    assert await shop.provider.wallets.put_card(known.customer_ref, "", kept.card.ref, key="k/2") == kept.card
    assert (await shop.provider.billing.provider_state(known.customer_ref, "", "")).card == kept.card


async def test_nobody_is_kept_whose_card_is_refused_or_unknown(shop: Shop) -> None:
    for card, code in ((shop.cards.refused, "card_declined"), (shop.cards.unknown, "unknown_payment_method")):
        with pytest.raises(GatewayRefused) as refused:
            await shop.provider.wallets.open_wallet(contact(), card, key=f"sign-up/{code}")
        assert (refused.value.code, refused.value.field) == (code, "payment_method")

    assert await shop.world.wallets() == 0


async def test_a_customer_is_known_by_what_they_were_changed_to(shop: Shop) -> None:
    ref = (await shop.wallet()).customer_ref

    for _ in range(2):
        await shop.provider.contacts.change_customer(ref, "ada@new.example", "Ada King", "de-AT", key="customer/1")

    known = await shop.provider.contacts.known_customer(ref)
    assert known is not None
    assert (known.email, known.name, known.locale) == ("ada@new.example", "Ada King", "de-AT")

    await shop.provider.contacts.change_customer(ref, "ada@new.example", None, "de-AT", key="customer/2")
    known = await shop.provider.contacts.known_customer(ref)
    assert known is not None
    assert known.name is None


async def test_a_customer_who_is_not_there_cannot_be_changed(shop: Shop) -> None:
    with pytest.raises(GatewayRefused):
        await shop.provider.contacts.change_customer("cus_nobody", "ada@new.example", None, "en", key="customer/3")


async def test_a_card_put_on_file_is_the_one_that_is_charged_for_the_agreement_too(shop: Shop) -> None:
    sale = await shop.sale()
    shop.world.bank_says("ada", "ok")

    card = await shop.provider.wallets.put_card(sale.customer, sale.ref, shop.cards.another, key="card/1")

    assert (await shop.provider.billing.provider_state(sale.customer, sale.ref, "")).card == card
    assert bill_of(await shop.renew(sale)).status == "paid"


async def test_a_card_is_put_on_file_once_under_one_key(shop: Shop) -> None:
    wallet = await shop.wallet()
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.wallets.put_card(wallet.customer_ref, "", shop.cards.another, key="card/1")

    first = await shop.provider.wallets.put_card(wallet.customer_ref, "", shop.cards.another, key="card/1")

    assert await shop.provider.wallets.put_card(wallet.customer_ref, "", shop.cards.another, key="card/1") == first


async def test_a_card_that_the_customer_has_there_can_be_chosen_by_its_id(shop: Shop) -> None:
    sale = await shop.sale()
    first = sale.wallet.card
    assert first is not None
    await shop.provider.wallets.put_card(sale.customer, sale.ref, shop.cards.another, key="card/1")

    assert await shop.provider.wallets.put_card(sale.customer, sale.ref, first.ref, key="card/2") == first
    assert (await shop.provider.billing.provider_state(sale.customer, sale.ref, "")).card == first


async def test_the_card_on_file_stays_when_another_is_refused(shop: Shop) -> None:
    wallet = await shop.wallet()

    for card, code in ((shop.cards.refused, "card_declined"), (shop.cards.unknown, "unknown_payment_method")):
        with pytest.raises(GatewayRefused) as refused:
            await shop.provider.wallets.put_card(wallet.customer_ref, "", card, key=f"card/{code}")
        assert (refused.value.code, refused.value.field) == (code, "payment_method")

    assert (await shop.provider.billing.provider_state(wallet.customer_ref, "", "")).card == wallet.card


async def test_the_same_card_given_again_is_known_by_its_fingerprint(shop: Shop) -> None:
    wallet = await shop.wallet(card=shop.cards.another)
    again = await shop.provider.wallets.put_card(wallet.customer_ref, "", shop.cards.another, key="card/1")
    other = await shop.provider.wallets.put_card(wallet.customer_ref, "", shop.cards.good, key="card/2")

    assert wallet.card is not None
    assert again.fingerprint == wallet.card.fingerprint != ""
    assert other.fingerprint != again.fingerprint


async def test_the_card_given_at_a_checkout_is_charged_once_it_is_adopted(shop: Shop) -> None:
    sale = await shop.sale()
    url = await shop.provider.wallets.open_checkout(sale.customer, "s", SUCCESS, CANCEL, key="checkout/1")
    session = await shop.world.give_at_checkout(url, shop.cards.another)

    adopted = await shop.provider.wallets.adopt_checkout(session, sale.ref, None, key=f"adopt/{session}")

    assert adopted is not None
    assert adopted.card is not None
    assert adopted.given_at is not None
    assert adopted.customer_ref == sale.customer
    assert (await shop.provider.billing.provider_state(sale.customer, sale.ref, "")).card == adopted.card
    assert await shop.provider.wallets.adopt_checkout(session, sale.ref, None, key=f"adopt/{session}") == adopted


async def test_a_checkout_is_opened_once_under_one_key_and_gives_nothing_while_it_is_open(shop: Shop) -> None:
    wallet = await shop.wallet(card=None)
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.wallets.open_checkout(wallet.customer_ref, "s", SUCCESS, CANCEL, key="checkout/1")

    first = await shop.provider.wallets.open_checkout(wallet.customer_ref, "s", SUCCESS, CANCEL, key="checkout/1")
    other = await shop.provider.wallets.open_checkout(wallet.customer_ref, "s", SUCCESS, CANCEL, key="checkout/2")

    assert (
        await shop.provider.wallets.open_checkout(wallet.customer_ref, "s", SUCCESS, CANCEL, key="checkout/1") == first
    )
    assert other != first
    assert await shop.provider.wallets.adopt_checkout(first.rpartition("/")[2], "", None, key="adopt/1") is None


async def test_of_two_checkouts_the_one_given_earlier_does_not_replace_the_later(shop: Shop) -> None:
    wallet = await shop.wallet(card=None)
    urls = [
        await shop.provider.wallets.open_checkout(wallet.customer_ref, "s", SUCCESS, CANCEL, key=f"checkout/{number}")
        for number in (1, 2)
    ]
    earlier = await shop.world.give_at_checkout(urls[0], shop.cards.good)
    await shop.world.advance("ada", shop.world.now("ada") + timedelta(seconds=5))
    later = await shop.world.give_at_checkout(urls[1], shop.cards.another)

    adopted = await shop.provider.wallets.adopt_checkout(later, "", None, key="adopt/2")

    assert adopted is not None
    assert await shop.provider.wallets.adopt_checkout(earlier, "", adopted.given_at, key="adopt/1") is None
    assert (await shop.provider.billing.provider_state(wallet.customer_ref, "", "")).card == adopted.card


async def test_a_checkout_of_another_customer_changes_no_agreement(shop: Shop) -> None:
    sale, bob = await shop.sale(), await shop.wallet("bob", card=None)
    url = await shop.provider.wallets.open_checkout(bob.customer_ref, "s", SUCCESS, CANCEL, key="checkout/1")
    session = await shop.world.give_at_checkout(url, shop.cards.another)

    with pytest.raises(GatewayRefused):
        await shop.provider.wallets.adopt_checkout(session, sale.ref, None, key="adopt/1")
    with pytest.raises(GatewayRefused):
        await shop.provider.wallets.adopt_checkout("nobody-knows", sale.ref, None, key="adopt/2")

    assert (await shop.provider.billing.provider_state(sale.customer, sale.ref, "")).card == sale.wallet.card


async def test_a_card_chosen_in_the_portal_is_the_card_on_file(shop: Shop) -> None:
    sale = await shop.sale()
    url = await shop.provider.wallets.open_portal(sale.customer, RETURN, key="portal/1")
    assert await shop.provider.wallets.open_portal(sale.customer, RETURN, key="portal/1") == url
    assert await shop.provider.wallets.open_portal(sale.customer, RETURN, key="portal/2") != url

    await shop.world.choose_in_portal(url, shop.cards.another)

    card = (await shop.provider.billing.provider_state(sale.customer, sale.ref, "")).card
    assert card is not None
    assert card != sale.wallet.card
    assert await shop.provider.wallets.put_card(sale.customer, sale.ref, card.ref, key="card/1") == card


async def test_no_portal_is_opened_for_nobody(shop: Shop) -> None:
    with pytest.raises(GatewayRefused):
        await shop.provider.wallets.open_portal("nobody-knows", RETURN, key="portal/1")


async def test_no_card_stands_once_the_customer_has_taken_it_away(shop: Shop) -> None:
    sale = await shop.sale()
    await shop.world.take_cards_away(sale.customer)

    assert (await shop.provider.billing.provider_state(sale.customer, sale.ref, "")).card is None
    assert (await shop.provider.billing.provider_state(sale.customer, "", "")).card is None


async def test_a_customer_who_was_deleted_is_told_from_one_who_never_was(shop: Shop) -> None:
    sale = await shop.sale()
    assert not await shop.provider.wallets.is_deleted(sale.customer)

    await shop.world.delete_customer(sale.customer)

    assert await shop.provider.wallets.is_deleted(sale.customer)
    standing = await shop.provider.billing.provider_state(sale.customer, sale.ref, "")
    assert (standing.agreement, standing.customer_is_deleted) == (AgreementStatus.ENDED, True)
    assert (await shop.provider.billing.provider_state(sale.customer, "", "")).customer_is_deleted
    with pytest.raises(GatewayRefused) as refused:
        await shop.provider.wallets.put_card(sale.customer, "", shop.cards.another, key="card/1")
    assert refused.value.code == NO_SUCH_THING
    with pytest.raises(GatewayRefused):
        await shop.provider.wallets.is_deleted("cus_nobody")
