"""Money that is given back by an order of ours."""

import asyncio

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable, Rejected
from domain.provider.payments import Reversal, ReversalKind
from domain.provider.refunds import RefundOrder
from tests.contracts.shop import Sale, Shop, bill_of

PAID = 4900
ACTOR = "operator 7c0b"


async def give_back(
    shop: Shop, sale: Sale, amount: int | None = None, *, key: str = "back/1", at_most: int | None = None
) -> Reversal:
    """Order a refund of the first bill; the state of its charge after that."""
    order = RefundOrder("s", bill_of(sale.begun).ref, amount, key, ACTOR, at_most)
    [reversal] = await shop.provider.refunds.refund(order)
    return reversal


async def test_what_is_given_back_names_the_command_that_asked_for_it(shop: Shop) -> None:
    sale = await shop.sale()

    part = await give_back(shop, sale, 1000)
    rest = await give_back(shop, sale, key="back/2")

    assert (part.amount, part.is_full, part.command, part.actor) == (1000, False, "back/1", ACTOR)
    assert (rest.amount, rest.is_full, rest.command, rest.ref) == (PAID, True, "back/2", part.ref)
    assert (rest.invoice_ref, rest.agreement_ref, rest.currency) == (bill_of(sale.begun).ref, sale.ref, "usd")


async def test_what_somebody_gives_back_at_the_provider_names_no_command(shop: Shop) -> None:
    sale = await shop.sale()
    await give_back(shop, sale, 1000)

    charge = await shop.world.refund("ada", 500)

    found = await shop.provider.reversals.reversal(ReversalKind.REFUND, charge)
    assert (found.amount, found.command, found.actor) == (1500, "", "")


async def test_an_order_is_carried_out_once_however_late_it_is_repeated(shop: Shop) -> None:
    sale = await shop.sale()
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await give_back(shop, sale, 1000)
    shop.world.forget_keys()

    assert (await give_back(shop, sale, 1000)).amount == 1000
    shop.world.forget_keys()
    await shop.world.refund("ada")

    assert (await give_back(shop, sale, 1000)).amount == PAID, "which is as it stands now"


async def test_an_order_of_all_that_is_left_is_carried_out_once(shop: Shop) -> None:
    sale = await shop.sale()
    await give_back(shop, sale, 1000)
    shop.world.lose_answer()
    with pytest.raises(GatewayUnavailable):
        await give_back(shop, sale, key="back/2")
    shop.world.forget_keys()

    assert (await give_back(shop, sale, key="back/2")).amount == PAID


@pytest.mark.parametrize("amount", [3901, None], ids=["more than is left", "what is left of nothing"])
async def test_no_more_is_given_back_than_was_paid(shop: Shop, amount: int | None) -> None:
    sale = await shop.sale()
    await give_back(shop, sale, 1000 if amount is not None else None)

    with pytest.raises(Rejected) as refusal:
        await give_back(shop, sale, amount, key="back/2")

    assert refusal.value.code == "over_refund"
    assert (await give_back(shop, sale, 1000 if amount is not None else None)).amount == (1000 if amount else PAID)


async def test_orders_at_once_never_exceed_what_was_paid(shop: Shop) -> None:
    sale = await shop.sale()

    orders = (give_back(shop, sale, 2000, key=f"back/{number}") for number in range(4))
    results = await asyncio.gather(*orders, return_exceptions=True)

    refused = [each.code for each in results if isinstance(each, Rejected)]
    assert (len(results), refused) == (4, ["over_refund"] * 2)
    assert (await give_back(shop, sale, key="the rest")).amount == PAID


async def test_what_was_not_paid_is_not_given_back(shop: Shop) -> None:
    _, bill = await shop.owing()

    with pytest.raises(Rejected) as refusal:
        await shop.provider.refunds.refund(RefundOrder("s", bill, None, "back/1", ACTOR))

    assert refusal.value.code == "over_refund"


async def test_what_the_bank_has_taken_back_is_not_given_back_as_well(shop: Shop) -> None:
    sale = await shop.sale()
    await shop.world.dispute("ada", "opened")

    with pytest.raises(Rejected) as refusal:
        await give_back(shop, sale, 1000)

    assert refusal.value.code == "payment_disputed"


@pytest.mark.parametrize("amount", [1001, None], ids=["an amount", "all that is left"])
async def test_no_more_is_given_back_than_the_caller_may(shop: Shop, amount: int | None) -> None:
    sale = await shop.sale()

    with pytest.raises(Rejected) as refusal:
        await give_back(shop, sale, amount, at_most=1000)

    assert refusal.value.code == "refund_limit"
    assert (await give_back(shop, sale, 1000, at_most=1000)).amount == 1000


async def test_an_unknown_invoice_is_refused(shop: Shop) -> None:
    with pytest.raises(GatewayRefused):
        await shop.provider.refunds.refund(RefundOrder("s", "nobody-knows", None, "back/1", ACTOR))
