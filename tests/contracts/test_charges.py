"""Taking money: a first period, an open bill, a new beginning; never twice for one try."""

from datetime import timedelta

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import NO_CARD, AgreementStatus, ChargeOutcome
from tests.contracts.provider import PRO, STARTER, USERS
from tests.contracts.shop import SOON, Sale, Shop, bill_of

REFUSALS = [
    pytest.param("insufficient_funds", ChargeOutcome.DECLINED, id="declined"),
    pytest.param("authentication_required", ChargeOutcome.ACTION_REQUIRED, id="the customer must confirm"),
]


async def test_the_first_period_is_paid_and_told_with_its_bill(shop: Shop) -> None:
    wallet = await shop.wallet()
    now = shop.world.now("ada")

    charge = await shop.begin(wallet, STARTER, USERS)

    bill = bill_of(charge)
    assert (charge.outcome, bill.status, bill.amount, bill.currency) == (ChargeOutcome.PAID, "paid", 6400, "usd")
    assert charge.period_start is not None
    assert charge.period_end is not None
    assert abs(charge.period_start - now) < SOON
    assert 28 <= (charge.period_end - charge.period_start).days <= 31
    assert (bill.period_start, bill.period_end) == (charge.period_start, charge.period_end)
    assert await shop.world.paid(wallet.customer_ref) == [6400]


@pytest.mark.parametrize(("answer", "outcome"), REFUSALS)
async def test_nothing_comes_about_when_the_first_charge_is_refused(
    shop: Shop, answer: str, outcome: ChargeOutcome
) -> None:
    wallet = await shop.wallet()
    shop.world.bank_says("ada", answer, "ok")

    charge = await shop.begin(wallet)

    assert (charge.outcome, charge.agreement_ref) == (outcome, "")
    assert charge.decline is not None
    assert charge.decline.code == answer
    assert (await shop.begin(wallet)).outcome is outcome, "under the same key the answer is the same"
    assert await shop.provider.charges.begun(wallet.customer_ref, key="s/charge/1") is None
    assert (await shop.begin(wallet, key="s/charge/2")).outcome is ChargeOutcome.PAID
    assert await shop.world.paid(wallet.customer_ref) == [4900]


async def test_a_first_charge_is_made_once_when_its_answer_gets_lost(shop: Shop) -> None:
    wallet = await shop.wallet()
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.begin(wallet)

    charge = await shop.begin(wallet)

    assert charge == await shop.begin(wallet)
    assert await shop.world.paid(wallet.customer_ref) == [4900]


async def test_what_was_begun_is_found_by_its_key_when_the_provider_has_forgotten_it(shop: Shop) -> None:
    wallet = await shop.wallet()
    charge = await shop.begin(wallet)
    shop.world.forget_keys()

    assert await shop.provider.charges.begun(wallet.customer_ref, key="s/charge/1") == charge
    assert await shop.provider.charges.begun(wallet.customer_ref, key="s/charge/2") is None


async def test_what_is_not_sold_or_whose_card_is_gone_is_refused(shop: Shop) -> None:
    wallet = await shop.wallet()
    with pytest.raises(GatewayRefused) as refused:
        await shop.begin(wallet, Item("shop_nothing_month_v1", 1))
    assert refused.value.code == "unknown_price"

    await shop.world.take_cards_away(wallet.customer_ref)
    with pytest.raises(GatewayRefused) as refused:
        await shop.begin(wallet)
    assert refused.value.code == "unknown_payment_method"
    assert await shop.world.paid(wallet.customer_ref) == []


async def test_a_renewal_is_billed_by_the_provider_itself(shop: Shop) -> None:
    sale = await shop.sale()

    latest = await shop.renew(sale)

    assert latest.outcome is ChargeOutcome.PAID
    assert bill_of(latest).ref != bill_of(sale.begun).ref
    assert latest.period_start == sale.begun.period_end
    assert await shop.world.paid(sale.customer) == [4900, 4900]


@pytest.mark.parametrize(("answer", "outcome"), REFUSALS)
async def test_a_refused_renewal_stands_open_with_its_reason_and_is_collected_once(
    shop: Shop, answer: str, outcome: ChargeOutcome
) -> None:
    sale, bill = await shop.owing(answer)
    standing = await shop.provider.billing.provider_state(sale.customer, sale.ref, bill)
    assert standing.agreement is AgreementStatus.LIVE
    assert standing.latest is not None
    assert (standing.latest.outcome, bill_of(standing.latest).status) == (outcome, "open")
    assert standing.latest.decline is not None
    assert standing.latest.decline.code == answer
    if outcome is ChargeOutcome.ACTION_REQUIRED:
        assert standing.latest.decline.action_url.startswith("http")

    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.charges.collect(bill, key="s/charge/2")
    charge = await shop.provider.charges.collect(bill, key="s/charge/2")

    assert (charge.outcome, bill_of(charge).ref) == (ChargeOutcome.PAID, bill)
    assert await shop.world.paid(sale.customer) == [4900, 4900]


async def test_an_open_bill_stays_open_when_it_is_refused_again(shop: Shop) -> None:
    sale, bill = await shop.owing()
    shop.world.bank_says("ada", "lost_card", "ok")

    charge = await shop.provider.charges.collect(bill, key="s/charge/2")

    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert charge.decline.is_hard
    assert (await shop.provider.charges.collect(bill, key="s/charge/2")).outcome is ChargeOutcome.DECLINED
    assert (await shop.provider.charges.collect(bill, key="s/charge/3")).outcome is ChargeOutcome.PAID
    assert await shop.world.paid(sale.customer) == [4900, 4900]


async def test_a_bill_paid_by_hand_or_forgotten_answers_as_it_stands(shop: Shop) -> None:
    sale, bill = await shop.owing()
    await shop.world.pay_by_hand(bill)

    assert (await shop.provider.charges.collect(bill, key="s/charge/2")).outcome is ChargeOutcome.PAID
    assert bill_of(await shop.provider.charges.restart(sale.ref, bill, key="s/charge/3")).ref == bill
    assert await shop.world.paid(sale.customer) == [4900, 4900]


async def test_a_bill_paid_with_another_card_says_which_and_only_once_put_on_file_is_that_card_charged_again(
    shop: Shop,
) -> None:
    sale, bill = await shop.owing()
    assert (await shop.latest(sale)).paid_with == ""
    shop.world.bank_says("ada", "ok")

    await shop.world.pay_by_hand(bill, shop.cards.another)

    for charge in (await shop.latest(sale), await shop.provider.charges.collect(bill, key="s/charge/2")):
        assert (charge.outcome, bill_of(charge).ref) == (ChargeOutcome.PAID, bill)
        assert charge.paid_with not in ("", card_of(sale))
    assert (await shop.provider.billing.provider_state(sale.customer, sale.ref, "")).card == sale.wallet.card
    assert (await shop.renew(sale)).paid_with == card_of(sale)

    card = await shop.provider.wallets.put_card(sale.customer, sale.ref, charge.paid_with, key="s/card/1")
    assert card.ref == charge.paid_with
    assert (await shop.renew(sale)).paid_with == card.ref


def card_of(sale: Sale) -> str:
    assert sale.wallet.card is not None
    return sale.wallet.card.ref


async def test_a_charge_without_any_card_is_a_decline_that_is_not_tried_again(shop: Shop) -> None:
    sale, bill = await shop.owing()
    await shop.world.take_cards_away(sale.customer)

    for charge in (
        await shop.provider.charges.collect(bill, key="s/charge/2"),
        await shop.provider.charges.restart(sale.ref, bill, key="s/charge/3"),
        await shop.provider.changes.change(sale.ref, (PRO,), shop.world.now("ada"), key="s/change/1"),
    ):
        assert charge.outcome is ChargeOutcome.DECLINED
        assert charge.decline is not None
        assert (charge.decline.code, charge.decline.is_hard) == (NO_CARD, True)


async def test_a_restart_charges_a_period_from_now_and_voids_the_old_bill(shop: Shop) -> None:
    sale, bill = await shop.owing()
    await shop.provider.billing.hold(sale.ref, True, key="hold/on")
    now = shop.world.now("ada")

    charge = await shop.provider.charges.restart(sale.ref, bill, key="s/charge/2")

    assert charge.outcome is ChargeOutcome.PAID
    assert charge.period_start is not None
    assert abs(charge.period_start - now) < SOON
    owed = (await shop.provider.billing.provider_state(sale.customer, sale.ref, bill)).latest
    assert owed is not None
    assert owed.outcome is ChargeOutcome.GONE
    assert (await shop.provider.charges.collect(bill, key="s/charge/3")).outcome is ChargeOutcome.GONE
    assert bill_of(await shop.renew(sale)).status == "paid", "a restart ends the hold"


async def test_after_a_restart_the_provider_renews_on_its_day(shop: Shop) -> None:
    sale = await shop.sale()
    later = shop.world.now("ada") + timedelta(days=7)
    await shop.world.advance("ada", later if later.day < 28 else later + timedelta(days=7))

    restarted = await shop.provider.charges.restart(sale.ref, "", key="s/charge/2")
    renewed = await shop.renew(sale)

    assert restarted.period_start is not None
    assert renewed.period_end is not None
    assert renewed.period_start == restarted.period_end
    assert renewed.period_end.day == restarted.period_start.day


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_restart_is_charged_once_however_late_it_is_repeated(shop: Shop, forgets: bool) -> None:
    sale, bill = await shop.owing()
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.charges.restart(sale.ref, bill, key="s/charge/2")
    if forgets:
        shop.world.forget_keys()

    charge = await shop.provider.charges.restart(sale.ref, bill, key="s/charge/2")

    assert charge.outcome is ChargeOutcome.PAID
    assert await shop.world.paid(sale.customer) == [4900, 4900]


async def test_a_refused_restart_leaves_all_as_it_was(shop: Shop) -> None:
    sale, bill = await shop.owing()
    shop.world.bank_says("ada", "insufficient_funds", "ok")

    assert (
        await shop.provider.charges.restart(sale.ref, bill, (PRO,), key="s/charge/2")
    ).outcome is ChargeOutcome.DECLINED

    found = await shop.provider.agreements.find(sale.ref)
    assert found is not None
    assert [item.lookup_key for item in found.items] == [STARTER.lookup_key]
    assert (await shop.provider.charges.collect(bill, key="s/charge/3")).outcome is ChargeOutcome.PAID


async def test_a_restart_may_be_about_something_else(shop: Shop) -> None:
    sale, bill = await shop.owing()

    charge = await shop.provider.charges.restart(sale.ref, bill, (PRO,), key="s/charge/2")

    assert bill_of(charge).amount == 19900


async def test_an_unknown_bill_is_refused(shop: Shop) -> None:
    await shop.sale()
    with pytest.raises(GatewayRefused):
        await shop.provider.charges.collect("nobody-knows", key="s/charge/2")
