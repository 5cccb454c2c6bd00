"""Changes of plan, quantity and add-ons at Stripe: what is quoted is billed, or nothing changes."""

from datetime import datetime, timedelta

import pytest

from domain.catalog.plans import Item
from domain.errors import GatewayRefused
from domain.provider.payments import ChargeOutcome
from tests.gateways.changing import PLANTS, PRO, STARTS, USD, Deal, bill_of, left_of, rig, users
from tests.gateways.rig import STARTER, StripeRig

__all__ = ["rig"]


CHANGES = [
    pytest.param((STARTER,), (PRO,), left_of(19900) + left_of(-4900), id="a dearer plan"),
    pytest.param((PRO,), (STARTER,), left_of(4900) + left_of(-19900), id="a cheaper plan"),
    pytest.param((STARTER,), (Item(STARTER.lookup_key, 3),), left_of(3 * 4900) + left_of(-4900), id="more seats"),
    pytest.param((STARTER,), (STARTER, users(3)), left_of(1500), id="an add-on comes"),
    pytest.param((STARTER, users(3)), (STARTER,), left_of(-1500), id="an add-on goes"),
    pytest.param((STARTER, users(3)), (STARTER, users(1)), left_of(500) + left_of(-1500), id="fewer of an add-on"),
    pytest.param(
        (STARTER, users(3)),
        (PRO, PLANTS),
        left_of(19900) + left_of(5000) + left_of(-4900) + left_of(-1500),
        id="everything",
    ),
    pytest.param((PRO, PLANTS), (STARTER,), left_of(4900) + left_of(-19900) + left_of(-5000), id="one instead of two"),
]


@pytest.mark.parametrize(("before", "after", "difference"), CHANGES)
async def test_the_difference_is_billed_at_once_to_the_cent_and_as_quoted(
    rig: StripeRig, before: tuple[Item, ...], after: tuple[Item, ...], difference: int
) -> None:
    deal = await Deal.of(rig, *before)

    quote = await rig.provider.quotes.quote(deal.ref, after, deal.at)
    charge = await deal.change(*after)

    assert (quote.amount, quote.currency) == (difference, USD)
    assert sum(line.amount for line in quote.lines) == difference
    assert all(line.text for line in quote.lines)
    assert (bill_of(charge).amount, bill_of(charge).status) == (difference, "paid")
    assert (charge.agreement_ref, charge.period_start, charge.period_end) == (deal.ref, deal.start, deal.end)
    assert await deal.items() == {item.lookup_key: item.quantity for item in after}
    assert await deal.balance() == min(0, difference)
    await rig.renew()
    # The renewal costs the current items, less the credit.
    assert (await deal.bills())[-1]["total"] == sum(PRICES[item.lookup_key] * item.quantity for item in after)


PRICES = {
    STARTER.lookup_key: 4900,
    PRO.lookup_key: 19900,
    "shop_users_month_v1": 500,
    PLANTS.lookup_key: 2500,
}


async def test_a_credit_lowers_the_next_invoice(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER, users(3))
    credit = -left_of(-1500) - left_of(500)

    assert bill_of(await deal.change(STARTER, users(1))).amount == -credit
    assert await deal.balance() == -credit
    await rig.renew()

    renewal = (await deal.bills())[-1]
    standing = await rig.provider.billing.provider_state(deal.wallet.customer_ref, deal.ref, renewal["id"])
    assert standing.latest is not None
    assert bill_of(standing.latest).amount == renewal["amount_paid"] == 4900 + 500 - credit
    assert await deal.balance() == 0


async def test_an_invoice_covered_by_a_credit_costs_nothing(rig: StripeRig) -> None:
    deal = await Deal.of(rig, PRO)
    credit = -left_of(-19900) - left_of(4900)
    await deal.change(STARTER)

    await rig.renew()

    standing = await rig.provider.billing.provider_state(deal.wallet.customer_ref, deal.ref, "")
    assert standing.latest is not None
    assert bill_of(standing.latest).amount == 0
    assert await deal.balance() == 4900 - credit


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("insufficient_funds", ChargeOutcome.DECLINED),
        ("authentication_required", ChargeOutcome.ACTION_REQUIRED),
    ],
)
async def test_nothing_changes_when_the_difference_is_declined(
    rig: StripeRig, answer: str, outcome: ChargeOutcome
) -> None:
    deal = await Deal.of(rig, STARTER, users(3))
    await rig.provider.billing.hold(deal.ref, True, key="hold")
    before, bills = await deal.agreement(), await deal.bills()
    rig.simulator.set_card_answers("ada", [answer, "ok"])

    charge = await deal.change(PRO)

    assert charge.outcome is outcome
    assert charge.decline is not None
    assert (charge.decline.code, charge.invoice) == (answer, None)
    assert await deal.agreement() == before
    assert await deal.bills() == bills
    # The same attempt gets the same answer; a new one asks the bank again.
    assert await deal.change(PRO) == charge
    assert (await deal.change(PRO, key="s/change/2")).outcome is ChargeOutcome.PAID


async def test_the_plans_item_stays_and_what_is_not_sold_any_more_keeps_its_price(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER, users(3))
    before = {item["price"]["lookup_key"]: item["id"] for item in (await deal.agreement())["items"]["data"]}
    (price,) = (await rig.client.v1.prices.list_async({"lookup_keys": ["shop_users_month_v1"]})).data
    await rig.client.v1.prices.update_async(price.id, {"active": False})

    await deal.change(PRO, users(4))

    after = {item["price"]["lookup_key"]: item for item in (await deal.agreement())["items"]["data"]}
    assert after[PRO.lookup_key]["id"] == before[STARTER.lookup_key]
    assert after["shop_users_month_v1"]["id"] == before["shop_users_month_v1"]
    assert after["shop_users_month_v1"]["quantity"] == 4


@pytest.mark.parametrize(
    ("moment", "difference"),
    [
        pytest.param(STARTS - timedelta(days=3), 19900 - 4900, id="before the period: all of it"),
        pytest.param(STARTS + timedelta(days=40), -1, id="after the period: nothing of it but the floor of a credit"),
    ],
)
async def test_a_moment_outside_of_the_period_is_taken_for_its_nearest_end(
    rig: StripeRig, moment: datetime, difference: int
) -> None:
    deal = await Deal.of(rig, STARTER)

    quote = await rig.provider.quotes.quote(deal.ref, (PRO,), moment)
    charge = await rig.provider.changes.change(deal.ref, (PRO,), moment, key="s/change/1")

    assert quote.amount == bill_of(charge).amount == difference


async def test_what_is_not_sold_is_refused(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    unknown = (Item("shop_gold_month_v1", 1),)

    for call in (rig.provider.quotes.quote(deal.ref, unknown, deal.at), deal.change(*unknown)):
        with pytest.raises(GatewayRefused) as refused:
            await call
        assert refused.value.code == "unknown_price"


async def test_what_has_ended_is_not_changed(rig: StripeRig) -> None:
    deal = await Deal.of(rig, STARTER)
    await rig.provider.billing.end(deal.ref, "", key="end")

    with pytest.raises(GatewayRefused):
        await deal.change(PRO)

    assert len(await deal.bills()) == 1
