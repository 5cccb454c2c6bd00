"""Pages on which somebody buys: what they leave behind, and how what was bought is found and undone."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import NO_SUCH_THING, AgreementStatus, ChargeOutcome, ReversalKind
from domain.provider.purchases import Purchase, PurchaseOrder, PurchasePage, PurchaseStatus
from tests.contracts.provider import RUNS, SCALE, STARTER, USERS, contact
from tests.contracts.shop import Shop, bill_of

KEY = "p/charge/1"
SUCCESS, CANCEL = "https://shop.example/done?session={CHECKOUT_SESSION_ID}", "https://shop.example/back"


def order(*items: Item, customer_ref: str = "", subscription: str = "p") -> PurchaseOrder:
    return PurchaseOrder(subscription, "ada@example.com", "de-AT", customer_ref, items, KEY, SUCCESS, CANCEL)


async def opened(shop: Shop, *items: Item, customer_ref: str = "", key: str = "p/purchase") -> PurchasePage:
    return await shop.provider.purchases.open_purchase(order(*items, customer_ref=customer_ref), key=key)


async def bought(shop: Shop, *items: Item, customer_ref: str = "", key: str = "p/purchase") -> Purchase:
    page = await opened(shop, *items, customer_ref=customer_ref, key=key)
    await shop.world.give_at_checkout(page.url, shop.cards.good)
    return await shop.provider.purchases.purchase(page.ref)


async def test_a_page_is_opened_once_under_one_key_and_leaves_nobody_behind(shop: Shop) -> None:
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await opened(shop, STARTER)

    first, again, other = await opened(shop, STARTER), await opened(shop, STARTER), await opened(shop, key="q/purchase")

    assert first == again
    assert first.ref != other.ref
    assert first.expires_at > datetime.min.replace(tzinfo=first.expires_at.tzinfo)
    found = await shop.provider.purchases.purchase(first.ref)
    assert found == Purchase(first.ref, PurchaseStatus.OPEN, "p")
    assert await shop.world.wallets() == 0


async def test_what_is_paid_on_the_page_is_found_by_the_key_of_the_first_charge(shop: Shop) -> None:
    done = await bought(shop, SCALE, USERS, RUNS)

    assert (done.status, done.subscription) == (PurchaseStatus.COMPLETE, "p")
    assert done.name == "Card Holder"
    begun = await shop.provider.charges.begun(done.customer_ref, key=KEY)
    assert begun is not None
    assert (begun.outcome, begun.agreement_ref) == (ChargeOutcome.PAID, done.agreement_ref)
    assert await shop.world.paid(done.customer_ref) == [29900 + 3 * 500]
    agreement = await shop.provider.agreements.find(done.agreement_ref)
    assert agreement is not None
    assert agreement.subscription == "p"
    assert await shop.world.wallets() == 1


async def test_a_page_for_a_trial_keeps_a_card_and_charges_nothing(shop: Shop) -> None:
    done = await bought(shop)

    assert (done.status, done.agreement_ref) == (PurchaseStatus.COMPLETE, "")
    assert await shop.world.paid(done.customer_ref) == []
    owner = contact(customer_ref=done.customer_ref)
    wallet = await shop.provider.wallets.open_wallet(owner, done.card_ref, key="k/1", keeps_default=True)
    assert wallet.card is not None
    assert wallet.card.ref == done.card_ref


async def test_a_former_customer_buys_under_the_same_name_at_the_provider(shop: Shop) -> None:
    wallet = await shop.wallet()

    done = await bought(shop, STARTER, customer_ref=wallet.customer_ref)

    assert done.customer_ref == wallet.customer_ref
    assert (await shop.provider.billing.provider_state(wallet.customer_ref, "", "")).card == wallet.card
    assert await shop.world.wallets() == 1


async def test_a_customer_who_was_deleted_cannot_be_sent_to_a_page(shop: Shop) -> None:
    wallet = await shop.wallet()
    await shop.world.delete_customer(wallet.customer_ref)

    with pytest.raises(GatewayRefused) as refused:
        await opened(shop, STARTER, customer_ref=wallet.customer_ref)

    assert refused.value.code == NO_SUCH_THING


@pytest.mark.parametrize("items", [(), (STARTER,)], ids=["for a trial", "paid at once"])
async def test_a_declined_card_leaves_the_page_open_and_nobody_behind(shop: Shop, items: tuple[Item, ...]) -> None:
    page = await opened(shop, *items)

    with pytest.raises(Exception, match="declined"):
        await shop.world.give_at_checkout(page.url, shop.cards.refused)

    assert (await shop.provider.purchases.purchase(page.ref)).status is PurchaseStatus.OPEN
    assert await shop.world.wallets() == 0


async def test_a_page_that_nobody_completed_expires_and_leaves_nobody_behind(shop: Shop) -> None:
    page = await opened(shop, STARTER)

    await shop.world.expire_page(page.url)

    assert (await shop.provider.purchases.purchase(page.ref)).status is PurchaseStatus.EXPIRED
    assert await shop.world.wallets() == 0


async def test_the_customer_of_a_page_is_marked_as_ours(shop: Shop) -> None:
    done = await bought(shop)

    for _ in range(2):
        await shop.provider.purchases.claim_customer(done.customer_ref, contact(), key="p/claim")

    known = await shop.provider.contacts.known_customer(done.customer_ref)
    assert known is not None
    assert (known.email, known.name, known.locale) == ("ada@example.com", "Ada", "en")
    assert known.metadata["external_id"] == "ada"


async def test_a_name_that_we_were_not_told_stays_as_it_was_entered(shop: Shop) -> None:
    done = await bought(shop)

    await shop.provider.purchases.claim_customer(done.customer_ref, replace(contact(), name=None), key="p/claim")

    known = await shop.provider.contacts.known_customer(done.customer_ref)
    assert known is not None
    assert known.name == "Card Holder"


async def test_to_whom_invoices_are_addressed_can_be_read(shop: Shop) -> None:
    done = await bought(shop)

    details = await shop.provider.contacts.billing_details(done.customer_ref)

    assert details is not None
    assert (details.name, details.line1, details.city, details.country) == (
        "Card Holder",
        "12 St James's Square",
        "London",
        "GB",
    )


async def test_nobody_and_the_deleted_have_no_billing_details(shop: Shop) -> None:
    wallet = await shop.wallet()
    await shop.world.delete_customer(wallet.customer_ref)

    assert await shop.provider.contacts.billing_details(wallet.customer_ref) is None
    assert await shop.provider.contacts.billing_details("cus_nobody") is None


async def test_a_purchase_is_undone_once_and_its_money_given_back(shop: Shop) -> None:
    done = await bought(shop, STARTER)
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.purchases.undo_purchase(done.ref, key="p/undo")

    first = await shop.provider.purchases.undo_purchase(done.ref, key="p/undo")
    shop.world.forget_keys()
    again = await shop.provider.purchases.undo_purchase(done.ref, key="p/undo")

    assert first == again
    assert first is not None
    assert (first.kind, first.amount, first.currency, first.is_full) == (ReversalKind.REFUND, 4900, "usd", True)
    state = await shop.provider.billing.provider_state(done.customer_ref, done.agreement_ref, "")
    assert state.agreement is AgreementStatus.ENDED
    assert (await shop.provider.billing.provider_state(done.customer_ref, "", "")).card is None


async def test_a_card_that_began_nothing_is_removed(shop: Shop) -> None:
    done = await bought(shop)

    for _ in range(2):
        assert await shop.provider.purchases.undo_purchase(done.ref, key="p/undo") is None

    assert (await shop.provider.billing.provider_state(done.customer_ref, "", "")).card is None


async def test_the_card_that_a_customer_is_charged_on_stays_when_a_purchase_is_undone(shop: Shop) -> None:
    wallet = await shop.wallet()
    done = await bought(shop, customer_ref=wallet.customer_ref)
    await shop.provider.wallets.put_card(wallet.customer_ref, "", done.card_ref, key="card/1")

    await shop.provider.purchases.undo_purchase(done.ref, key="p/undo")

    card = (await shop.provider.billing.provider_state(wallet.customer_ref, "", "")).card
    assert card is not None
    assert card.ref == done.card_ref


async def test_credit_that_paid_for_a_purchase_is_credit_again(shop: Shop) -> None:
    sale = await shop.sale(SCALE)
    now = shop.world.now("ada") + timedelta(days=1)
    await shop.world.advance("ada", now)
    credited = await shop.provider.changes.change(sale.ref, (STARTER,), now, key="s/change/1")
    credit = -bill_of(credited).amount
    assert credit > 4900
    await shop.provider.billing.end(sale.ref, "", key="s/end")
    done = await bought(shop, STARTER, customer_ref=sale.customer)

    for _ in range(2):
        assert await shop.provider.purchases.undo_purchase(done.ref, key="p/undo") is None
        shop.world.forget_keys()

    quote = await shop.provider.quotes.first_quote(sale.customer, (SCALE,))
    assert quote.settled is not None
    assert quote.settled.credit_applied == credit


async def test_completed_purchases_are_listed_page_by_page_and_open_ones_are_not(shop: Shop) -> None:
    await opened(shop, STARTER)
    since = (await opened(shop, key="q/purchase")).expires_at - timedelta(hours=25)
    done = [(await bought(shop, key=f"p{n}/purchase")).ref for n in range(3)]
    wallet = await shop.wallet()
    card_page = await shop.provider.wallets.open_checkout(wallet.customer_ref, "s", SUCCESS, CANCEL, key="checkout/1")
    await shop.world.give_at_checkout(card_page, shop.cards.another)

    found, cursor = [], None
    while True:
        listed = await shop.provider.purchases.completed_purchases(since, cursor)
        found += [each.ref for each in listed.purchases]
        cursor = listed.next_cursor
        if cursor is None:
            break

    assert found == done[::-1]
    assert (await shop.provider.purchases.completed_purchases(since + timedelta(hours=2), None)).purchases == ()


async def test_a_page_that_stores_a_card_is_no_purchase(shop: Shop) -> None:
    wallet = await shop.wallet()
    url = await shop.provider.wallets.open_checkout(wallet.customer_ref, "s", SUCCESS, CANCEL, key="checkout/1")

    with pytest.raises(GatewayRefused) as refused:
        await shop.provider.purchases.purchase(url.rpartition("/")[2])

    assert refused.value.code == NO_SUCH_THING
