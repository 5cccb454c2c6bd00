"""Holds, ends, and what stands afterwards; money that goes back."""

from datetime import timedelta

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import AgreementStatus, ChargeOutcome, DisputeStatus, ReversalKind
from tests.contracts.shop import Shop, bill_of

YEAR = timedelta(days=365)


async def test_a_customer_without_an_agreement_stands_by_the_card_alone(shop: Shop) -> None:
    wallet = await shop.wallet()

    standing = await shop.provider.billing.provider_state(wallet.customer_ref, "", "")

    assert (standing.card, standing.agreement, standing.latest) == (wallet.card, None, None)


async def test_nothing_is_billed_after_the_end_which_may_be_told_twice(shop: Shop) -> None:
    sale = await shop.sale()
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await shop.provider.billing.end(sale.ref, "", key="end")
    await shop.provider.billing.end(sale.ref, "", key="end")
    shop.world.forget_keys()
    await shop.provider.billing.end(sale.ref, "", key="end")

    await shop.world.advance("ada", shop.world.now("ada") + YEAR)

    assert (await shop.provider.billing.provider_state(sale.customer, sale.ref, "")).agreement is AgreementStatus.ENDED
    assert await shop.world.paid(sale.customer) == [4900]


async def test_an_end_voids_the_open_bill_but_leaves_one_that_was_paid_meanwhile(shop: Shop) -> None:
    sale, bill = await shop.owing()
    await shop.provider.billing.end(sale.ref, bill, key="end")

    latest = await shop.latest(sale)

    assert (latest.outcome, bill_of(latest).status) == (ChargeOutcome.GONE, "void")


async def test_an_end_gives_nothing_back_that_was_paid_meanwhile(shop: Shop) -> None:
    sale, bill = await shop.owing()
    await shop.world.pay_by_hand(bill)

    await shop.provider.billing.end(sale.ref, bill, key="end")

    assert (await shop.latest(sale)).outcome is ChargeOutcome.PAID
    assert await shop.world.paid(sale.customer) == [4900, 4900]


async def test_an_agreement_ends_with_its_period_unless_that_is_taken_back(shop: Shop) -> None:
    kept, ended = await shop.sale(), await shop.sale(name="bob")
    for sale in (kept, ended):
        await shop.provider.billing.end_at_period_end(sale.ref, True, key=f"{sale.ref}/on")
    await shop.provider.billing.end_at_period_end(kept.ref, False, key="off")

    for name in ("ada", "bob"):
        await shop.world.advance(name, shop.world.now(name) + timedelta(days=32))

    assert await shop.world.paid(kept.customer) == [4900, 4900]
    assert await shop.world.paid(ended.customer) == [4900]
    assert (
        await shop.provider.billing.provider_state(ended.customer, ended.ref, "")
    ).agreement is AgreementStatus.ENDED


async def test_nothing_is_taken_while_held_and_billing_goes_on_afterwards(shop: Shop) -> None:
    sale = await shop.sale()
    await shop.provider.billing.hold(sale.ref, True, key="hold/on")
    await shop.provider.billing.hold(sale.ref, True, key="hold/on/again")

    assert (await shop.renew(sale)).outcome is ChargeOutcome.GONE
    await shop.provider.billing.hold(sale.ref, False, key="hold/off")
    assert (await shop.renew(sale)).outcome is ChargeOutcome.PAID

    assert await shop.world.paid(sale.customer) == [4900, 4900]


async def test_what_has_ended_or_is_unknown_is_neither_held_nor_restarted(shop: Shop) -> None:
    sale = await shop.sale()
    await shop.provider.billing.end(sale.ref, "", key="end")

    for ref in (sale.ref, "nobody-knows"):
        for asking in (
            shop.provider.billing.hold(ref, True, key=f"hold/{ref}"),
            shop.provider.billing.end_at_period_end(ref, True, key=f"ends/{ref}"),
            shop.provider.charges.restart(ref, "", key=f"restart/{ref}"),
        ):
            with pytest.raises(GatewayRefused):
                await asking
    with pytest.raises(GatewayRefused):
        await shop.provider.billing.provider_state(sale.customer, "nobody-knows", "")


async def test_refunds_of_a_charge_are_told_together_with_their_bill(shop: Shop) -> None:
    sale = await shop.sale()

    part = await shop.provider.reversals.reversal(ReversalKind.REFUND, await shop.world.refund("ada", 1000))
    whole = await shop.provider.reversals.reversal(ReversalKind.REFUND, await shop.world.refund("ada"))

    bill = bill_of(sale.begun).ref
    assert (part.amount, part.is_full, part.invoice_ref, part.agreement_ref) == (1000, False, bill, sale.ref)
    assert (whole.amount, whole.is_full, whole.ref) == (4900, True, part.ref)
    assert part.currency == "usd"


@pytest.mark.parametrize(
    ("turns", "status"),
    [
        (["opened"], DisputeStatus.OPEN),
        (["opened", "won"], DisputeStatus.WON),
        (["opened", "lost"], DisputeStatus.LOST),
    ],
)
async def test_a_dispute_is_told_as_it_stands(shop: Shop, turns: list[str], status: DisputeStatus) -> None:
    sale = await shop.sale()
    for turn in turns:
        ref = await shop.world.dispute("ada", turn)

    told = await shop.provider.reversals.reversal(ReversalKind.DISPUTE, ref)

    assert (told.status, told.amount, told.is_full) == (status, 4900, True)
    assert (told.invoice_ref, told.agreement_ref) == (bill_of(sale.begun).ref, sale.ref)


@pytest.mark.parametrize("kind", list(ReversalKind))
async def test_an_unknown_reversal_is_refused(shop: Shop, kind: ReversalKind) -> None:
    with pytest.raises(GatewayRefused):
        await shop.provider.reversals.reversal(kind, "nobody-knows")
