"""A change at Stripe that is requested again is billed once."""

from collections.abc import Awaitable, Callable

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayUnavailable
from domain.provider.payments import ChargeOutcome
from tests.gateways.changing import PRO, YEARLY, Deal, bill_of, left_of, rig, users
from tests.gateways.rig import STARTER, StripeRig

__all__ = ["rig"]


async def _at_once(deal: Deal) -> None:
    assert deal.ref


async def _after_the_key_was_forgotten(deal: Deal) -> None:
    deal.rig.simulator._store.execute("DELETE FROM calls")


async def _after_a_declined_renewal(deal: Deal) -> None:
    await _after_the_key_was_forgotten(deal)
    deal.rig.simulator.set_card_answers("ada", ["insufficient_funds"])
    await deal.rig.renew()


@pytest.mark.parametrize("when", [_at_once, _after_the_key_was_forgotten, _after_a_declined_renewal])
@pytest.mark.parametrize("after", [(PRO,), (STARTER, users(1)), (YEARLY,), (STARTER, users(3))])
async def test_a_repeated_change_is_billed_once(
    rig: StripeRig, when: Callable[[Deal], Awaitable[None]], after: tuple[Item, ...]
) -> None:
    deal = await Deal.of(rig, STARTER, users(3))
    first = await deal.change(*after)
    await when(deal)
    bills = await deal.bills()

    again = await deal.change(*after)

    assert (again.outcome, again.invoice) == (ChargeOutcome.PAID, first.invoice)
    assert await deal.bills() == bills


async def test_a_lost_answer_costs_nothing_when_the_change_is_repeated(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    rig.wire.lose(1)
    with pytest.raises(GatewayUnavailable):
        await deal.change(PRO)

    assert bill_of(await deal.change(PRO)).amount == left_of(19900) + left_of(-4900)
    assert await rig.statuses(deal.wallet) == ["paid", "paid"]


async def test_two_changes_are_two_invoices(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)

    up = await deal.change(PRO, key="s/change/1")
    back = await deal.change(STARTER, key="s/change/2")

    assert (bill_of(up).amount, bill_of(back).amount) == (
        left_of(19900) + left_of(-4900),
        left_of(-19900) + left_of(4900),
    )
    assert len(await deal.bills()) == 3
