"""Whose it is what a message is about: asked of Stripe, for everything that we have news of."""

import pytest

from domain.news import News
from domain.ports import Belonging
from tests.gateways.till import Till


async def test_everything_that_there_is_news_of_is_found_to_be_somebodys(till: Till) -> None:
    wallet, begun = await till.sold()
    assert begun.invoice is not None
    assert wallet.card is not None
    back = "https://shop.example"
    page = await till.payments.open_checkout(wallet.customer_ref, "s", back, back, key="checkout/1")
    refund = till.simulator.refund("ada", 100)
    dispute = till.simulator.dispute("ada")
    of_agreement, of_customer = (Belonging(wallet.customer_ref, ref) for ref in (begun.agreement_ref, ""))

    expected = {
        News.BILL_PAID: (begun.invoice.ref, of_agreement),
        News.BILL_FAILED: (begun.invoice.ref, of_agreement),
        News.BILL_CLOSED: (begun.invoice.ref, of_agreement),
        News.AGREEMENT_ENDED: (begun.agreement_ref, of_agreement),
        News.CARD_GIVEN: (page.rpartition("/")[2], of_customer),
        News.CARD_CHANGED: (wallet.card.ref, of_customer),
        News.CARD_CHOSEN: (wallet.card.ref, of_customer),
        News.REFUNDED: (refund["charge"], of_agreement),
        News.DISPUTED: (dispute["id"], of_agreement),
    }

    assert set(expected) == set(News) - {News.LIFE_RESTORED}, "which is ours, of nothing there"
    for news, (ref, belonging) in expected.items():
        assert await till.payments.belonging(news, ref) == belonging, news


@pytest.mark.parametrize("news", [news for news in News if news is not News.LIFE_RESTORED])
async def test_what_stripe_does_not_know_is_nobodys(till: Till, news: News) -> None:
    assert await till.payments.belonging(news, "id_of_nothing") == Belonging()
