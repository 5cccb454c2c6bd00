"""Changes at Stripe that start a new period: another interval, and a restart."""

from datetime import timedelta

from domain.catalog.plans import Item
from domain.provider.payments import ChargeOutcome
from tests.gateways.changing import PRO, YEARLY, Deal, bill_of, left_of, rig, users
from tests.gateways.rig import STARTER, StripeRig

__all__ = ["rig"]


async def test_another_interval_begins_a_new_period(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER, users(3))
    yearly_users = Item("shop_users_year_v1", 3)

    quote = await rig.provider.quotes.quote(deal.ref, (YEARLY, yearly_users), deal.at)
    charge = await deal.change(YEARLY, yearly_users)

    assert bill_of(charge).amount == quote.amount == 49900 + 3 * 5000 + left_of(-4900) + left_of(-1500)
    assert charge.period_start is not None
    assert charge.period_end is not None
    assert timedelta() <= charge.period_start - deal.at < timedelta(minutes=1)
    assert charge.period_end == charge.period_start.replace(year=2032)
    assert await deal.items() == {YEARLY.lookup_key: 1, "shop_users_year_v1": 3}


async def test_a_year_can_become_a_month_again_and_the_rest_is_a_credit(rig: StripeRig) -> None:
    deal = await Deal.of(rig, YEARLY)
    credit = (2 * 49900 * 355 + 365) // 730

    charge = await deal.change(STARTER)

    assert bill_of(charge).amount == 4900 - credit
    assert await deal.balance() == 4900 - credit


async def test_a_restart_can_change_the_items(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER, users(3))
    await rig.provider.billing.hold(deal.ref, True, key="hold")

    charge = await rig.provider.charges.restart(deal.ref, "", (PRO, users(1)), key="s/charge/2")

    assert bill_of(charge).amount == 19900 + 500
    assert charge.period_start is not None
    assert charge.period_start > deal.at
    assert await deal.items() == {PRO.lookup_key: 1, "shop_users_month_v1": 1}
    assert (await rig.provider.charges.restart(deal.ref, "", (PRO, users(1)), key="s/charge/2")) == charge
    assert len(await deal.bills()) == 2


async def test_a_restart_to_be_confirmed_leaves_the_owed_invoice_payable(rig: StripeRig) -> None:
    wallet, agreement, owed = await rig.owing()
    rig.simulator.set_card_answers("ada", ["authentication_required"])

    charge = await rig.provider.charges.restart(agreement, owed, key="s/charge/2")

    assert charge.outcome is ChargeOutcome.ACTION_REQUIRED
    assert charge.decline is not None
    bill = (await rig.client.v1.invoices.retrieve_async(owed)).to_dict()
    assert charge.decline.action_url == bill["hosted_invoice_url"]
    assert await rig.statuses(wallet) == ["paid", "open"]


async def test_a_declined_restart_leaves_the_old_terms(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    before = await deal.agreement()
    rig.simulator.set_card_answers("ada", ["insufficient_funds"])

    charge = await rig.provider.charges.restart(deal.ref, "", (PRO,), key="s/charge/2")

    assert charge.outcome is ChargeOutcome.DECLINED
    assert await deal.agreement() == before


async def test_a_settled_restart_is_not_taken_for_the_next_one(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    first = await rig.provider.charges.restart(deal.ref, "", key="s/charge/2")
    rig.simulator._store.execute("DELETE FROM calls")
    await rig.simulator.advance("ada", deal.at + timedelta(days=20))

    again = await rig.provider.charges.restart(deal.ref, "", key="s/charge/2", settled=bill_of(first).ref)

    assert bill_of(again).ref != bill_of(first).ref
    assert await rig.statuses(deal.wallet) == ["paid", "paid", "paid"], "no period is for nothing"
    settled = bill_of(first).ref
    assert await rig.provider.charges.restart(deal.ref, "", key="s/charge/2", settled=settled) == again, (
        "asked once more"
    )
