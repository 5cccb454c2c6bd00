"""Amounts below what Stripe charges, and amounts covered by credit: quoted as they are billed."""

from datetime import timedelta

import pytest

from domain.provider.payments import ChargeOutcome
from domain.provider.settlement import Settled
from tests.gateways.changing import PRO, Deal, bill_of, rig, users
from tests.gateways.rig import STARTER

__all__ = ["rig"]

from tests.gateways.rig import StripeRig


async def test_less_than_stripe_charges_is_quoted_and_billed_as_zero_and_is_on_the_next_invoice(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    await rig.simulator.advance("ada", deal.end - timedelta(hours=12))
    deal.at = deal.end - timedelta(hours=12)
    after = (STARTER, users(1))

    quote = await rig.provider.quotes.quote(deal.ref, after, deal.at)
    charge = await deal.change(*after)

    assert quote.settled == Settled(0, carried_to_next=quote.amount)
    assert 0 < quote.amount < 50
    assert charge.outcome is ChargeOutcome.PAID
    assert (bill_of(charge).amount, bill_of(charge).status) == (0, "paid")
    assert await deal.balance() == quote.amount
    await rig.renew()
    renewal = (await deal.bills())[-1]
    assert (renewal["total"], renewal["amount_paid"]) == (4900 + 500, 4900 + 500 + quote.amount)
    assert await deal.balance() == 0


async def test_a_first_period_below_what_stripe_charges_is_quoted_and_billed_as_zero(rig: StripeRig) -> None:
    wallet = await rig.wallet("ada")
    await rig.client.v1.customers.update_async(wallet.customer_ref, {"balance": -4880})

    quote = await rig.provider.quotes.first_quote(wallet.customer_ref, (STARTER,))
    charge = await rig.begin(wallet)

    assert quote.settled == Settled(0, credit_applied=4880, carried_to_next=20)
    assert (charge.outcome, bill_of(charge).amount, bill_of(charge).status) == (ChargeOutcome.PAID, 0, "paid")
    assert await Deal(rig, wallet, charge).balance() == 20


@pytest.mark.parametrize("credit", [3000, 500_000])
async def test_what_earlier_credit_pays_is_quoted_and_not_charged(rig: StripeRig, credit: int) -> None:
    deal = await Deal.of(rig, STARTER)
    await rig.client.v1.customers.update_async(deal.wallet.customer_ref, {"balance": -credit})

    quote = await rig.provider.quotes.quote(deal.ref, (PRO,), deal.at)
    charge = await deal.change(PRO)

    total, applied = quote.amount, min(credit, quote.amount)
    assert quote.settled == Settled(total - applied, credit_applied=applied)
    assert (await deal.bills())[-1]["amount_paid"] == total - applied
    assert bill_of(charge).amount == total - applied


async def test_a_smaller_plan_leaves_a_credit_for_the_next_invoice(rig: StripeRig) -> None:
    deal = await Deal.of(rig, PRO)

    quote = await rig.provider.quotes.quote(deal.ref, (STARTER,), deal.at)
    await deal.change(STARTER)

    assert quote.settled == Settled(quote.amount, carried_to_next=quote.amount)
    assert await deal.balance() == quote.amount < 0
