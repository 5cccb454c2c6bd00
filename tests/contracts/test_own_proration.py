"""Changes that the provider cannot prorate: in a period of our own, and where money has gone back."""

from datetime import datetime, timedelta

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayUnavailable
from domain.provider.payments import ChargeOutcome
from domain.provider.proration import OwnPeriod
from tests.contracts.provider import PRO, STARTER, USERS, YEARLY
from tests.contracts.shop import Sale, Shop, bill_of
from tests.contracts.test_changes import in_mid_period, lookup_keys

SPAN = timedelta(days=20)


def half_over(shop: Shop, sale: Sale) -> OwnPeriod:
    """A period of ours of which half is left, however much of the provider's own is."""
    now = shop.world.now("ada")
    assert sale.begun.period_start is not None
    return OwnPeriod(now - SPAN / 2, now + SPAN / 2, sale.begun.period_start)


async def held(shop: Shop, *items: Item) -> Sale:
    sale = await in_mid_period(shop, *items)
    await shop.provider.billing.hold(sale.ref, True, key="hold/on")
    return sale


async def is_held(shop: Shop, sale: Sale) -> bool | None:
    return (await shop.provider.billing.provider_state(sale.customer, sale.ref, "")).is_held


@pytest.mark.parametrize(
    ("had", "wanted", "cents"),
    [
        pytest.param((STARTER,), (PRO,), -2450 + 9950, id="a dearer plan"),
        pytest.param((PRO,), (STARTER,), -9950 + 2450, id="a cheaper plan"),
        pytest.param((STARTER,), (STARTER, USERS), 250 * USERS.quantity, id="an add-on comes"),
    ],
)
async def test_in_a_period_of_our_own_what_is_left_of_that_one_is_billed(
    shop: Shop, had: tuple[Item, ...], wanted: tuple[Item, ...], cents: int
) -> None:
    sale = await held(shop, *had)
    own = half_over(shop, sale)
    at = own.start + SPAN / 2

    quote = await shop.provider.quotes.quote(sale.ref, wanted, at, own)
    charge = await shop.provider.changes.change(sale.ref, wanted, at, own, key="s/change/1")

    assert (charge.outcome, bill_of(charge).amount, quote.amount) == (ChargeOutcome.PAID, cents, cents)
    assert sum(line.amount for line in quote.lines) == cents
    assert charge.is_apart, "it is no bill of the agreement's own"
    assert bill_of(await shop.latest(sale)).ref == bill_of(sale.begun).ref
    assert await lookup_keys(shop, sale) == {item.lookup_key: item.quantity for item in wanted}
    assert await is_held(shop, sale) is not False, "the next period is begun by us all the same"


async def test_a_credit_of_our_own_lowers_the_next_bill(shop: Shop) -> None:
    sale = await held(shop, PRO)
    own = half_over(shop, sale)
    at = own.start + SPAN / 2
    await shop.provider.changes.change(sale.ref, (STARTER,), at, own, key="s/change/1")

    restarted = await shop.provider.charges.restart(sale.ref, "", key="s/charge/2")

    assert bill_of(restarted).amount == 0
    assert await shop.world.paid(sale.customer) == [19900]


async def test_another_interval_begins_a_period_at_once_from_a_period_of_our_own(shop: Shop) -> None:
    sale = await held(shop, STARTER)
    own = half_over(shop, sale)
    at = own.start + SPAN / 2

    quote = await shop.provider.quotes.quote(sale.ref, (YEARLY,), at, own)
    charge = await shop.provider.changes.change(sale.ref, (YEARLY,), at, own, key="s/change/1")

    assert bill_of(charge).amount == quote.amount
    assert await shop.world.paid(sale.customer) == [4900, quote.amount]
    assert charge.period_start is not None
    assert charge.period_end is not None
    assert charge.period_end - charge.period_start > timedelta(days=364)


@pytest.mark.parametrize("forgets", [False, True])
@pytest.mark.parametrize("wanted", [(PRO,), (STARTER, USERS)])
async def test_a_change_of_our_own_is_billed_once_however_late_it_is_repeated(
    shop: Shop, forgets: bool, wanted: tuple[Item, ...]
) -> None:
    sale = await held(shop)
    own = half_over(shop, sale)
    at = own.start + SPAN / 2
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.changes.change(sale.ref, wanted, at, own, key="s/change/1")
    if forgets:
        shop.world.forget_keys()

    charge = await shop.provider.changes.change(sale.ref, wanted, at, own, key="s/change/1")
    again = await shop.provider.changes.change(sale.ref, wanted, at, own, key="s/change/1")

    assert again.invoice == charge.invoice
    assert await shop.world.paid(sale.customer) == [4900, bill_of(charge).amount]
    assert await lookup_keys(shop, sale) == {item.lookup_key: item.quantity for item in wanted}


async def test_a_declined_change_of_our_own_changes_nothing_and_leaves_nothing_to_pay(shop: Shop) -> None:
    sale = await held(shop)
    own = half_over(shop, sale)
    at = own.start + SPAN / 2
    shop.world.bank_says("ada", "insufficient_funds", "ok")

    charge = await shop.provider.changes.change(sale.ref, (PRO,), at, own, key="s/change/1")

    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert charge.decline.code == "insufficient_funds"
    assert await lookup_keys(shop, sale) == {STARTER.lookup_key: 1}
    assert await shop.world.paid(sale.customer) == [4900]
    assert await is_held(shop, sale) is not False
    paid = await shop.provider.changes.change(sale.ref, (PRO,), at, own, key="s/change/2")
    assert paid.outcome is ChargeOutcome.PAID


async def test_a_change_without_a_difference_in_a_period_of_our_own_bills_nothing(shop: Shop) -> None:
    sale = await held(shop)
    own = half_over(shop, sale)

    charge = await shop.provider.changes.change(sale.ref, (STARTER,), own.start + SPAN / 2, own, key="s/change/1")

    assert charge.outcome is ChargeOutcome.PAID
    assert await shop.world.paid(sale.customer) == [4900]


# Money that has gone back


def share_left(sale: Sale, at: datetime) -> float:
    start, end = sale.begun.period_start, sale.begun.period_end
    assert start is not None
    assert end is not None
    return (end - at) / (end - start)


@pytest.mark.parametrize("refunded", [None, 5000], ids=["in-full", "in-part"])
async def test_a_downgrade_credits_no_money_that_was_refunded(shop: Shop, refunded: int | None) -> None:
    sale = await in_mid_period(shop, PRO)
    await shop.world.refund("ada", refunded)
    at = shop.world.now("ada")

    quote = await shop.provider.quotes.quote(sale.ref, (STARTER,), at)
    charge = await shop.provider.changes.change(sale.ref, (STARTER,), at, key="s/change/1")

    left, kept = share_left(sale, at), 0 if refunded is None else 19900 - refunded
    assert quote.amount == bill_of(charge).amount
    assert abs(quote.amount - (4900 * left - kept * left)) <= 2
    assert all(line.amount >= -kept for line in quote.lines)


async def test_an_upgrade_after_a_refund_pays_for_what_is_left_in_full(shop: Shop) -> None:
    sale = await in_mid_period(shop, STARTER)
    await shop.world.refund("ada")
    at = shop.world.now("ada")

    charge = await shop.provider.changes.change(sale.ref, (PRO,), at, key="s/change/1")

    assert abs(bill_of(charge).amount - 19900 * share_left(sale, at)) <= 1


async def test_a_refund_of_an_earlier_period_lowers_no_credit_of_this_one(shop: Shop) -> None:
    sale = await shop.sale(PRO)
    await shop.world.refund("ada")
    await shop.renew(sale)
    at = shop.world.now("ada")

    quote = await shop.provider.quotes.quote(sale.ref, (STARTER,), at)

    assert quote.amount < -14000


async def test_in_a_period_of_our_own_a_refund_counts_from_when_that_was_paid(shop: Shop) -> None:
    sale = await held(shop, PRO)
    await shop.world.refund("ada")

    own = half_over(shop, sale)
    quote = await shop.provider.quotes.quote(sale.ref, (STARTER,), own.start + SPAN / 2, own)

    assert quote.amount == 2450


@pytest.mark.parametrize(("turn", "is_credited"), [("lost", False), ("won", True)])
async def test_money_that_the_bank_took_back_for_good_is_not_credited_either(
    shop: Shop, turn: str, is_credited: bool
) -> None:
    sale = await in_mid_period(shop, PRO)
    for each in ("opened", turn):
        await shop.world.dispute("ada", each)

    quote = await shop.provider.quotes.quote(sale.ref, (STARTER,), shop.world.now("ada"))

    assert (quote.amount < 0) is is_credited


async def test_what_went_back_is_taken_off_once_however_often_the_plan_changes(shop: Shop) -> None:
    """After the first change the new plan is paid for and kept, until more goes back."""
    sale = await in_mid_period(shop, STARTER)
    await shop.world.refund("ada")
    at = shop.world.now("ada")
    up = await shop.provider.changes.change(sale.ref, (PRO,), at, key="s/change/1")
    paid = bill_of(up).amount

    back = await shop.provider.quotes.quote(sale.ref, (STARTER,), at)
    await shop.world.refund("ada")
    after_another = await shop.provider.quotes.quote(sale.ref, (STARTER,), at)

    assert abs(back.amount + paid - 4900 * share_left(sale, at)) <= 2, "all that was paid for Pro, for Starter's part"
    assert after_another.amount >= 4900 * share_left(sale, at) - 1, "nothing is left to be credited"
