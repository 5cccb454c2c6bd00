"""Changes of what an agreement is about: what is quoted is billed, once, or nothing is changed."""

from datetime import timedelta

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import ChargeOutcome, UpcomingInvoice
from domain.provider.settlement import Settled
from tests.contracts.provider import PRO, STARTER, USERS, YEARLY
from tests.contracts.shop import Sale, Shop, bill_of

SEATS = Item(STARTER.lookup_key, 3)


async def lookup_keys(shop: Shop, sale: Sale) -> dict[str, int]:
    found = await shop.provider.agreements.find(sale.ref)
    assert found is not None
    return {item.lookup_key: item.quantity for item in found.items}


async def in_mid_period(shop: Shop, *items: Item) -> Sale:
    sale = await shop.sale(*items)
    await shop.world.advance("ada", shop.world.now("ada") + timedelta(days=10))
    return sale


@pytest.mark.parametrize(
    ("had", "wanted"),
    [
        pytest.param((STARTER,), (PRO,), id="a dearer plan"),
        pytest.param((PRO,), (STARTER,), id="a cheaper plan"),
        pytest.param((STARTER,), (SEATS,), id="more seats"),
        pytest.param((STARTER,), (STARTER, USERS), id="an add-on comes"),
        pytest.param((STARTER, USERS), (PRO,), id="an add-on goes with the plan"),
        pytest.param((STARTER,), (YEARLY,), id="another interval"),
    ],
)
async def test_a_change_bills_what_was_quoted(shop: Shop, had: tuple[Item, ...], wanted: tuple[Item, ...]) -> None:
    sale = await in_mid_period(shop, *had)
    before, at = await shop.world.paid(sale.customer), shop.world.now("ada")

    quote = await shop.provider.quotes.quote(sale.ref, wanted, at)
    assert await lookup_keys(shop, sale) == {item.lookup_key: item.quantity for item in had}, "a quote changes nothing"
    charge = await shop.provider.changes.change(sale.ref, wanted, at, key="s/change/1")

    assert charge.outcome is ChargeOutcome.PAID
    assert bill_of(charge).amount == quote.amount == sum(line.amount for line in quote.lines)
    assert quote.currency == "usd"
    assert await lookup_keys(shop, sale) == {item.lookup_key: item.quantity for item in wanted}
    taken = [quote.amount] if quote.amount > 0 else []
    assert await shop.world.paid(sale.customer) == [*before, *taken]


async def test_a_first_period_bills_what_was_quoted_after_the_credit_that_there_was(shop: Shop) -> None:
    sale = await in_mid_period(shop, PRO)
    credit = -bill_of(
        await shop.provider.changes.change(sale.ref, (STARTER,), shop.world.now("ada"), key="s/change/1")
    ).amount
    await shop.provider.billing.end(sale.ref, "", key="s/end")

    quote = await shop.provider.quotes.first_quote(sale.customer, (PRO, USERS))
    charge = await shop.begin(sale.wallet, PRO, USERS, key="s/charge/2")

    assert quote.amount == sum(line.amount for line in quote.lines) == 19900 + 3 * 500
    assert quote.settled == Settled(quote.amount - credit, credit_applied=credit)
    assert bill_of(charge).amount == quote.settled.due_now
    assert await shop.world.paid(sale.customer) == [19900, quote.settled.due_now]


async def test_a_credit_lowers_the_next_bill(shop: Shop) -> None:
    sale = await in_mid_period(shop, PRO)
    credit = bill_of(
        await shop.provider.changes.change(sale.ref, (STARTER,), shop.world.now("ada"), key="s/change/1")
    ).amount
    assert credit < -4900
    assert await shop.provider.quotes.upcoming_invoice(sale.ref) == UpcomingInvoice(0, "usd")

    latest = await shop.renew(sale)

    assert (latest.outcome, bill_of(latest).amount) == (ChargeOutcome.PAID, 0)
    assert await shop.world.paid(sale.customer) == [19900]


async def test_the_next_renewal_is_told_before_it_is_billed(shop: Shop) -> None:
    sale = await in_mid_period(shop, STARTER, USERS)

    upcoming = await shop.provider.quotes.upcoming_invoice(sale.ref)

    latest = await shop.renew(sale)
    assert (upcoming.amount_due, upcoming.currency) == (bill_of(latest).amount, "usd")
    assert upcoming.amount_due > 4900


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_change_is_billed_once_however_late_it_is_repeated(shop: Shop, forgets: bool) -> None:
    sale = await in_mid_period(shop)
    at = shop.world.now("ada")
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.changes.change(sale.ref, (PRO,), at, key="s/change/1")
    if forgets:
        shop.world.forget_keys()

    charge = await shop.provider.changes.change(sale.ref, (PRO,), at, key="s/change/1")

    assert await shop.world.paid(sale.customer) == [4900, bill_of(charge).amount]


async def test_a_refused_change_leaves_the_agreement_as_it_was(shop: Shop) -> None:
    sale = await in_mid_period(shop)
    at = shop.world.now("ada")
    shop.world.bank_says("ada", "insufficient_funds", "ok")

    charge = await shop.provider.changes.change(sale.ref, (PRO,), at, key="s/change/1")

    assert charge.outcome is ChargeOutcome.DECLINED
    assert await lookup_keys(shop, sale) == {STARTER.lookup_key: 1}
    assert await shop.world.paid(sale.customer) == [4900]
    assert (await shop.provider.changes.change(sale.ref, (PRO,), at, key="s/change/2")).outcome is ChargeOutcome.PAID


async def test_another_interval_begins_a_new_period(shop: Shop) -> None:
    sale = await in_mid_period(shop)

    charge = await shop.provider.changes.change(sale.ref, (YEARLY,), shop.world.now("ada"), key="s/change/1")

    assert charge.period_start is not None
    assert charge.period_end is not None
    assert sale.begun.period_start is not None
    assert charge.period_start > sale.begun.period_start + timedelta(days=9)
    assert 364 <= (charge.period_end - charge.period_start).days <= 366


async def test_a_change_to_what_there_is_bills_nothing(shop: Shop) -> None:
    sale = await in_mid_period(shop)

    charge = await shop.provider.changes.change(sale.ref, (STARTER,), shop.world.now("ada"), key="s/change/1")

    assert charge.outcome is ChargeOutcome.PAID
    assert charge.period_end == sale.begun.period_end
    assert await shop.world.paid(sale.customer) == [4900]


async def test_a_change_under_a_hold_is_billed_all_the_same(shop: Shop) -> None:
    sale = await in_mid_period(shop)
    await shop.provider.billing.hold(sale.ref, True, key="hold/on")

    charge = await shop.provider.changes.change(sale.ref, (PRO,), shop.world.now("ada"), key="s/change/1")

    assert (charge.outcome, bill_of(charge).status) == (ChargeOutcome.PAID, "paid")


async def test_what_is_not_sold_or_has_ended_is_neither_quoted_nor_changed(shop: Shop) -> None:
    sale = await in_mid_period(shop)
    at, nothing = shop.world.now("ada"), (Item("shop_nothing_month_v1", 1),)
    for asking in (
        shop.provider.quotes.quote(sale.ref, nothing, at),
        shop.provider.quotes.first_quote(sale.customer, nothing),
        shop.provider.changes.change(sale.ref, nothing, at, key="s/change/1"),
    ):
        with pytest.raises(GatewayRefused):
            await asking

    await shop.provider.billing.end(sale.ref, "", key="end")
    with pytest.raises(GatewayRefused):
        await shop.provider.changes.change(sale.ref, (PRO,), at, key="s/change/2")


async def test_what_came_of_a_change_is_told_by_its_key(shop: Shop) -> None:
    sale = await in_mid_period(shop, STARTER)
    at = shop.world.now("ada")
    assert (await shop.provider.changes.requested_change(sale.ref, key="s/change/1")).outcome is ChargeOutcome.GONE
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.changes.change(sale.ref, (PRO,), at, key="s/change/1")

    found = await shop.provider.changes.requested_change(sale.ref, key="s/change/1")

    assert found == await shop.provider.changes.change(sale.ref, (PRO,), at, key="s/change/1")
    assert (found.outcome, found.invoice is not None) == (ChargeOutcome.PAID, True)
    assert (await shop.provider.changes.requested_change(sale.ref, key="s/change/2")).outcome is ChargeOutcome.GONE


async def test_the_bill_of_a_change_is_told_from_that_of_a_period(shop: Shop) -> None:
    sale = await in_mid_period(shop, STARTER)
    await shop.provider.changes.change(sale.ref, (PRO,), shop.world.now("ada"), key="s/change/1")
    changed = await shop.provider.billing.provider_state(sale.customer, sale.ref, "")

    begun_anew = await shop.provider.charges.restart(sale.ref, "", key="s/charge/2")

    assert changed.latest is not None
    assert changed.latest.is_of_change
    assert not begun_anew.is_of_change
