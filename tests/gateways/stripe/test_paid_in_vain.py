"""One-off invoices paid for changes that were not applied: used for the same change, or credited before another."""

import asyncio

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.proration import OwnPeriod
from gateways.stripe.metadata import BEGUN, CHANGE_INVOICE, GIVEN_BACK
from tests.gateways.changing import PRO, YEARLY, Deal, bill_of, rig, users
from tests.gateways.rig import STARTER, StripeRig
from tests.gateways.stripe.test_own_proration import OwnDeal, forget_keys

__all__ = ["rig"]

UP = 9950 - 2450
"""What Pro costs above Starter for half a month."""


async def paid_in_vain(rig: StripeRig, deal: Deal, *items: Item, key: str = "s/change/1") -> str:
    """Pays for a change whose price is archived before the items change: refused for good. Returns the invoice's id."""
    [price] = (await rig.client.v1.prices.list_async({"lookup_keys": [items[0].lookup_key]})).data
    own = deal.own if isinstance(deal, OwnDeal) else None
    with rig.simulator.gates.one("/v1/invoices/[^/]+/finalize", is_done=True) as gate:
        task = asyncio.ensure_future(rig.provider.changes.change(deal.ref, items, deal.at, own, key=key))
        await gate.reached()
        await rig.client.v1.prices.update_async(price.id, {"active": False})
        gate.open()
        with pytest.raises(GatewayRefused):
            await task
    await rig.client.v1.prices.update_async(price.id, {"active": True})
    bill = (await deal.bills())[-1]
    assert bill["status"] == "paid"
    assert (await deal.agreement())["metadata"][BEGUN] == bill["id"]
    return str(bill["id"])


async def given_back(rig: StripeRig, deal: Deal) -> list[tuple[int, str]]:
    found = await rig.client.v1.customers.balance_transactions.list_async(deal.wallet.customer_ref)
    entries = [each.to_dict() for each in found.data]
    return [(each["amount"], each["metadata"][GIVEN_BACK]) for each in entries]


async def test_the_same_change_under_another_key_uses_the_payment_and_bills_nothing(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    bill = await paid_in_vain(rig, deal, PRO)

    quote = await rig.provider.quotes.quote(deal.ref, (PRO,), deal.at, deal.own)
    charge = await deal.change_apart(PRO, key="s/change/2")
    again = await deal.change_apart(PRO, key="s/change/2")

    assert quote.settled is not None
    assert (quote.amount, quote.settled.due_now, quote.settled.credit_applied) == (UP, 0, UP)
    assert sum(line.amount for line in quote.lines) == UP
    assert (bill_of(charge).ref, bill_of(charge).amount, again.invoice) == (bill, UP, charge.invoice)
    assert await rig.statuses(deal.wallet) == ["paid", "paid"]
    assert await deal.items() == {PRO.lookup_key: 1}
    noted = (await deal.agreement())["metadata"]
    assert (noted[CHANGE_INVOICE], noted.get(BEGUN)) == (bill, None)


@pytest.mark.parametrize("lost", [None, 1, 2, 3], ids=str)
async def test_another_change_credits_the_payment_once_before_it_is_billed(rig: StripeRig, lost: int | None) -> None:
    """Whichever answer is lost for a day: of the balance transaction, the invoice's note, or the new invoice."""
    deal = await OwnDeal.held(rig, STARTER)
    bill = await paid_in_vain(rig, deal, PRO)
    quote = await rig.provider.quotes.quote(deal.ref, (STARTER, users(2)), deal.at, deal.own)
    if lost is not None:
        rig.wire.lose(lost)
        with pytest.raises(GatewayUnavailable):
            await deal.change_apart(STARTER, users(2), key="s/change/2")
        forget_keys(rig)

    charge = await deal.change_apart(STARTER, users(2), key="s/change/2")

    assert await given_back(rig, deal) == [(-UP, bill)]
    assert quote.settled is not None
    assert (quote.amount, quote.settled.due_now, bill_of(charge).amount) == (500, 0, 0)
    assert await deal.balance() == 500 - UP
    assert await deal.items() == {STARTER.lookup_key: 1, users(2).lookup_key: 2}


async def test_a_change_repeated_under_its_key_after_a_refund_is_billed_again(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    await paid_in_vain(rig, deal, PRO)
    await deal.change_apart(STARTER, users(2), key="s/change/2")

    charge = await deal.change_apart(PRO, key="s/change/1")

    assert await deal.items() == {PRO.lookup_key: 1}
    assert bill_of(charge).total == UP - 500
    assert await deal.balance() == 0
    paid = [bill["amount_paid"] for bill in await deal.bills()]
    assert sum(paid) == 4900 + UP, "what Pro costs, once"


async def test_a_credit_for_a_change_that_was_not_applied_is_reverted(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, PRO)
    bill = await paid_in_vain(rig, deal, STARTER)
    assert await deal.balance() == -UP

    await deal.change_apart(PRO, users(2), key="s/change/2")

    assert await given_back(rig, deal) == [(UP, bill)]
    assert await deal.balance() == 0, "and what was added is paid"
    assert [each["amount_paid"] for each in await deal.bills()] == [19900, 0, 500]


async def test_a_credit_for_the_same_change_is_used(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, PRO)
    bill = await paid_in_vain(rig, deal, STARTER)

    charge = await deal.change_apart(STARTER, key="s/change/2")

    assert (bill_of(charge).ref, await deal.balance()) == (bill, -UP)
    assert await given_back(rig, deal) == []


async def test_a_manually_refunded_payment_is_neither_used_nor_credited_again(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    await paid_in_vain(rig, deal, PRO)
    rig.simulator.refund("ada", 7000)

    charge = await deal.change_apart(PRO, key="s/change/2")

    assert [amount for amount, _ in await given_back(rig, deal)] == [7000 - UP]
    assert bill_of(charge).total == UP
    assert bill_of(charge).amount == 7000


async def test_a_payment_for_another_period_is_credited(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    bill = await paid_in_vain(rig, deal, PRO)
    later = OwnPeriod(deal.own.start, deal.own.end + (deal.own.end - deal.at), deal.start)

    charge = await rig.provider.changes.change(deal.ref, (PRO,), deal.at, later, key="s/change/2")

    assert [each for _, each in await given_back(rig, deal)] == [bill]
    assert bill_of(charge).ref != bill


async def test_stripes_own_proration_credits_it_first_as_well(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    await paid_in_vain(rig, deal, PRO)
    await rig.provider.billing.hold(deal.ref, False, key="s/hold/off")
    quote = await rig.provider.quotes.quote(deal.ref, (STARTER, users(2)), deal.at)

    charge = await deal.change(STARTER, users(2), key="s/change/2")
    await deal.change(STARTER, users(3), key="s/change/3")

    assert not charge.is_apart
    assert len(await given_back(rig, deal)) == 1
    assert quote.settled is not None
    assert (quote.settled.due_now, bill_of(charge).amount) == (0, 0)
    assert not (await deal.agreement())["metadata"].get(BEGUN)


async def test_an_unapplied_payment_does_not_change_what_a_refund_leaves(rig: StripeRig) -> None:
    """What was refunded of the period is not credited because of an unapplied payment."""
    deal = await Deal.of(rig, STARTER)
    rig.simulator.refund("ada", None)
    await paid_in_vain(rig, deal, PRO)

    quote = await rig.provider.quotes.quote(deal.ref, (YEARLY,), deal.at)
    charge = await deal.change(YEARLY, key="s/change/2")

    assert (quote.amount, bill_of(charge).total) == (49900, 49900)


async def test_invoices_of_an_earlier_release_count_only_for_their_own_change(rig: StripeRig) -> None:
    deal = await OwnDeal.held(rig, STARTER)
    bill = await paid_in_vain(rig, deal, PRO)
    await rig.client.v1.invoices.update_async(
        bill, {"metadata": {"tenure_change_for": "", "tenure_change_settled": ""}}
    )
    await rig.client.v1.subscriptions.update_async(deal.ref, {"metadata": {BEGUN: ""}})

    own = await deal.change_apart(PRO, key="s/change/1")

    assert bill_of(own).ref == bill
    assert await given_back(rig, deal) == []
