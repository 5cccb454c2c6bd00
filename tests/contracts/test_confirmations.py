"""Payments that their customer is there to confirm: done once confirmed, or as if they had not been asked for."""

from datetime import timedelta

import pytest

from domain.provider.agreements import NewAgreement
from domain.provider.payments import Charge, ChargeOutcome, Wallet
from tests.contracts.provider import PRO, STARTER, YEARLY
from tests.contracts.shop import Sale, Shop, bill_of
from tests.contracts.test_changes import in_mid_period, lookup_keys

KEY = "s/change/1"
AUTHENTICATE = "authentication_required"


async def asked(shop: Shop, sale: Sale, *answers: str, held: bool = False) -> Charge:
    """A change to Pro, or to what the bank's *answers* make of it."""
    shop.world.bank_says("ada", *answers)
    return await shop.provider.changes.change(sale.ref, (PRO,), shop.world.now("ada"), key=KEY, present=True, held=held)


async def withdrawn(shop: Shop, sale: Sale, waiting: Charge) -> ChargeOutcome:
    ref = bill_of(waiting).ref
    charge = await shop.provider.confirmations.withdraw_confirmation(
        sale.ref, ref, ends_agreement=False, key="withdraw"
    )
    return charge.outcome


async def test_a_change_waits_for_the_customer_and_is_made_once_when_they_confirm(shop: Shop) -> None:
    sale = await in_mid_period(shop)

    waiting = await asked(shop, sale, AUTHENTICATE, "ok")

    assert (waiting.outcome, bill_of(waiting).status) == (ChargeOutcome.ACTION_REQUIRED, "open")
    assert waiting.waits_until is not None
    assert timedelta() < waiting.waits_until - shop.world.now("ada") <= timedelta(hours=23)
    assert bill_of(waiting).url
    assert await lookup_keys(shop, sale) == {STARTER.lookup_key: 1}
    look = await shop.provider.confirmations.confirmation(sale.ref, bill_of(waiting).ref)
    assert look.outcome is ChargeOutcome.ACTION_REQUIRED

    await shop.world.pay_by_hand(bill_of(waiting).ref)

    paid = await shop.provider.confirmations.confirmation(sale.ref, bill_of(waiting).ref)
    assert (paid.outcome, paid.agreement_ref) == (ChargeOutcome.PAID, sale.ref)
    assert await lookup_keys(shop, sale) == {PRO.lookup_key: 1}
    assert await shop.world.paid(sale.customer) == [4900, bill_of(waiting).amount]


@pytest.mark.parametrize("forgets", [False, True])
async def test_asked_again_under_its_key_it_waits_on_or_is_done(shop: Shop, forgets: bool) -> None:
    sale = await in_mid_period(shop)
    waiting = await asked(shop, sale, AUTHENTICATE, "ok")

    for expected in (ChargeOutcome.ACTION_REQUIRED, ChargeOutcome.PAID):
        if forgets:
            shop.world.forget_keys()
            again = await shop.provider.changes.change(sale.ref, (PRO,), shop.world.now("ada"), key=KEY, present=True)
            assert (again.outcome, bill_of(again).ref) == (expected, bill_of(waiting).ref)
        if expected is ChargeOutcome.ACTION_REQUIRED:
            await shop.world.pay_by_hand(bill_of(waiting).ref)

    assert await shop.world.paid(sale.customer) == [4900, bill_of(waiting).amount]


async def test_withdrawn_it_is_as_if_it_had_not_been_asked_for(shop: Shop) -> None:
    sale = await in_mid_period(shop)
    waiting = await asked(shop, sale, AUTHENTICATE, "ok")

    assert [await withdrawn(shop, sale, waiting) for _ in range(2)] == [ChargeOutcome.GONE] * 2

    assert await lookup_keys(shop, sale) == {STARTER.lookup_key: 1}
    assert (
        await shop.provider.confirmations.confirmation(sale.ref, bill_of(waiting).ref)
    ).outcome is ChargeOutcome.GONE
    assert (await shop.renew(sale)).outcome is ChargeOutcome.PAID
    assert await shop.world.paid(sale.customer) == [4900, 4900]


async def test_withdrawn_too_late_it_is_paid_and_done(shop: Shop) -> None:
    sale = await in_mid_period(shop)
    waiting = await asked(shop, sale, AUTHENTICATE, "ok")
    await shop.world.pay_by_hand(bill_of(waiting).ref)

    assert await withdrawn(shop, sale, waiting) is ChargeOutcome.PAID

    assert await lookup_keys(shop, sale) == {PRO.lookup_key: 1}


async def test_a_decline_leaves_nothing_behind(shop: Shop) -> None:
    sale = await in_mid_period(shop)

    charge = await asked(shop, sale, "insufficient_funds", "ok")

    assert charge.outcome is ChargeOutcome.DECLINED
    assert charge.decline is not None
    assert charge.decline.code == "insufficient_funds"
    assert charge.waits_until is None
    assert await lookup_keys(shop, sale) == {STARTER.lookup_key: 1}
    at = shop.world.now("ada")
    again = await shop.provider.changes.change(sale.ref, (YEARLY,), at, key="s/change/2", present=True)
    assert again.outcome is ChargeOutcome.PAID


async def test_a_change_that_is_paid_at_once_waits_for_nobody(shop: Shop) -> None:
    sale = await in_mid_period(shop)

    charge = await asked(shop, sale, "ok")

    assert (charge.outcome, charge.waits_until) == (ChargeOutcome.PAID, None)
    assert await lookup_keys(shop, sale) == {PRO.lookup_key: 1}


@pytest.mark.parametrize(("answer", "stays"), [("ok", False), (AUTHENTICATE, True), ("insufficient_funds", True)])
async def test_a_hold_ends_with_the_change_alone(shop: Shop, answer: str, stays: bool) -> None:
    sale = await in_mid_period(shop)
    await shop.provider.billing.hold(sale.ref, True, key="hold/on")

    charge = await asked(shop, sale, answer, "ok", held=True)

    assert (charge.outcome is ChargeOutcome.PAID) is not stays
    assert bill_of(charge).status != "void" if charge.invoice else True
    found = await shop.provider.agreements.find(sale.ref)
    assert found is not None
    assert found.is_held is stays


async def begun(shop: Shop, wallet: Wallet, *answers: str) -> Charge:
    shop.world.bank_says("ada", *answers)
    assert wallet.card is not None
    order = NewAgreement("s", wallet.customer_ref, wallet.card.ref, (STARTER,), present=True)
    return await shop.provider.charges.begin(order, key="s/charge/1")


async def test_a_first_period_waits_for_the_customer_and_is_found_by_its_key(shop: Shop) -> None:
    wallet = await shop.wallet()

    waiting = await begun(shop, wallet, AUTHENTICATE, "ok")

    assert waiting.outcome is ChargeOutcome.ACTION_REQUIRED
    assert waiting.waits_until is not None
    found = await shop.provider.charges.begun(wallet.customer_ref, key="s/charge/1")
    assert found is not None
    assert (found.outcome, bill_of(found).ref) == (ChargeOutcome.ACTION_REQUIRED, bill_of(waiting).ref)
    assert found.waits_until is not None

    await shop.world.pay_by_hand(bill_of(waiting).ref)

    paid = await shop.provider.confirmations.confirmation(waiting.agreement_ref, bill_of(waiting).ref)
    assert (paid.outcome, paid.agreement_ref) == (ChargeOutcome.PAID, waiting.agreement_ref)
    assert await shop.world.paid(wallet.customer_ref) == [4900]


async def test_a_first_period_that_is_withdrawn_or_declined_leaves_no_agreement(shop: Shop) -> None:
    wallet = await shop.wallet()
    waiting = await begun(shop, wallet, AUTHENTICATE, "ok")

    gone = await shop.provider.confirmations.withdraw_confirmation(
        waiting.agreement_ref, bill_of(waiting).ref, ends_agreement=True, key="withdraw"
    )

    assert gone.outcome is ChargeOutcome.GONE
    shop.world.bank_says("ada", "insufficient_funds", "ok")
    assert wallet.card is not None
    order = NewAgreement("s", wallet.customer_ref, wallet.card.ref, (STARTER,), present=True)
    declined = await shop.provider.charges.begin(order, key="s/charge/2")
    assert declined.decline is not None
    assert (declined.outcome, declined.decline.code) == (ChargeOutcome.DECLINED, "insufficient_funds")
    assert (await shop.provider.agreements.page(None)).agreements == ()
    assert (await shop.provider.charges.begin(order, key="s/charge/3")).outcome is ChargeOutcome.PAID
    assert await shop.world.paid(wallet.customer_ref) == [4900]
