"""What messages are about: whose it is, and what the provider remembers to have told."""

from datetime import datetime, timedelta

import pytest

from domain.provider.events import ObjectOwner, PastEvent
from domain.provider.hints import EventKind
from tests.contracts.shop import SOON, Shop, bill_of

BACK = "https://shop.example"
THEIRS = [news for news in EventKind if news is not EventKind.LIFE_RESTORED]
"""What a provider can have news of; that a life was restored is ours."""


async def test_everything_that_there_is_news_of_is_found_to_be_somebodys(shop: Shop) -> None:
    sale = await shop.sale()
    assert sale.wallet.card is not None
    bill, card = bill_of(sale.begun).ref, sale.wallet.card.ref
    url = await shop.provider.wallets.open_checkout(sale.customer, "s", BACK, BACK, key="checkout/1")
    of_agreement, of_customer = ObjectOwner(sale.customer, sale.ref), ObjectOwner(sale.customer)

    expected = {
        EventKind.INVOICE_PAID: (bill, of_agreement),
        EventKind.INVOICE_FAILED: (bill, of_agreement),
        EventKind.INVOICE_CLOSED: (bill, of_agreement),
        EventKind.AGREEMENT_ENDED: (sale.ref, of_agreement),
        EventKind.CARD_GIVEN: (await shop.world.give_at_checkout(url, shop.cards.another), of_customer),
        EventKind.CARD_CHANGED: (card, of_customer),
        EventKind.CARD_CHOSEN: (card, of_customer),
        EventKind.CONTACT_CHANGED: (sale.customer, of_customer),
        EventKind.CARD_AND_CONTACT: (card, of_customer),
        EventKind.REFUNDED: (await shop.world.refund("ada", 100), of_agreement),
        EventKind.DISPUTED: (await shop.world.dispute("ada", "opened"), of_agreement),
    }

    assert list(expected) == THEIRS
    for news, (ref, belonging) in expected.items():
        assert await shop.provider.owners.owner_of(news, ref) == belonging, news


async def test_what_belongs_to_one_customer_is_not_anothers(shop: Shop) -> None:
    ada, bob = await shop.sale(), await shop.sale(name="bob")

    for sale in (ada, bob):
        found = await shop.provider.owners.owner_of(EventKind.INVOICE_PAID, bill_of(sale.begun).ref)
        assert found == ObjectOwner(sale.customer, sale.ref)


@pytest.mark.parametrize("news", THEIRS)
async def test_what_the_provider_does_not_know_is_nobodys(shop: Shop, news: EventKind) -> None:
    assert await shop.provider.owners.owner_of(news, "id_of_nothing") == ObjectOwner()


async def test_what_was_told_is_remembered_newest_first_each_once(shop: Shop) -> None:
    since = shop.world.now("ada") - SOON
    sale = await shop.sale()
    charge = await shop.world.refund("ada", 100)
    dispute = await shop.world.dispute("ada", "opened")

    past = await _remembered(shop, since)

    told = [(each.event.news, each.event.object_id) for each in past]
    expected = [
        (EventKind.DISPUTED, dispute),
        (EventKind.REFUNDED, charge),
        (EventKind.INVOICE_PAID, bill_of(sale.begun).ref),
    ]
    assert [each for each in told if each in expected] == expected
    assert len({each.event.id for each in past}) == len(past)
    assert all(each.event.customer_ref in ("", sale.customer) for each in past)
    assert all(each.body for each in past)


async def test_of_another_time_nothing_is_remembered(shop: Shop) -> None:
    now = shop.world.now("ada")
    await shop.sale()

    hour = timedelta(hours=1)
    assert (await shop.provider.history.events(now + hour, None, None, undelivered=False)).events == ()
    assert (await shop.provider.history.events(now - 2 * hour, now - hour, None, undelivered=False)).events == ()


async def _remembered(shop: Shop, since: datetime) -> list[PastEvent]:
    page = await shop.provider.history.events(since, None, None, undelivered=False)
    found = list(page.events)
    while page.next_cursor is not None:
        page = await shop.provider.history.events(since, None, page.next_cursor, undelivered=False)
        found += page.events
    return found
