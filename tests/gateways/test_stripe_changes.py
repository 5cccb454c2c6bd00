"""Changing plan, quantity, interval and add-ons at Stripe: what is quoted is billed, once, or nothing is changed."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import GatewayRefused, GatewayUnavailable
from domain.money import Money
from domain.payments import Charge, ChargeOutcome, Invoice, Wallet
from domain.plans import AddOn, Catalog, Interval, Item, Plan
from gateways.stripe_catalog import push
from tests.gateways.till import STARTER, Till

USD = "usd"
GROWN = Catalog(
    "shop",
    1,
    USD,
    {
        "starter": Plan("starter", "Starter", {Interval.MONTH: Money(4900, USD), Interval.YEAR: Money(49900, USD)}),
        "pro": Plan("pro", "Pro", {Interval.MONTH: Money(19900, USD)}),
    },
    {
        "users": AddOn("users", "Additional user", {Interval.MONTH: Money(500, USD), Interval.YEAR: Money(5000, USD)}),
        "plants": AddOn("plants", "Plant", {Interval.MONTH: Money(2500, USD)}),
    },
)
PRO = Item("shop_pro_month_v1", 1)
PLANTS = Item("shop_plants_month_v1", 2)
YEARLY = Item("shop_starter_year_v1", 1)
STARTS = datetime(2031, 1, 1, 12, tzinfo=UTC)
"""The first of a month of 31 days, of which 21 are left at every change."""
GONE = timedelta(days=10)


def users(quantity: int) -> Item:
    return Item("shop_users_month_v1", quantity)


def left_of(amount: int) -> int:
    """The part of a monthly amount that falls to the 21 days left, to the nearest cent."""
    return (2 * amount * 21 + 31) // 62


@pytest.fixture
async def till(till: Till) -> Till:
    """The shop sells Pro, a yearly Starter and plants too."""
    await push(till.client, GROWN)
    return till


class Deal:
    """A customer with a running agreement, ten days into its month."""

    def __init__(self, till: Till, wallet: Wallet, begun: Charge) -> None:
        assert begun.period_start is not None
        assert begun.period_end is not None
        self.till, self.wallet, self.ref = till, wallet, begun.agreement_ref
        self.start, self.end = begun.period_start, begun.period_end
        self.at = self.start + GONE

    @classmethod
    async def of(cls, till: Till, *items: Item) -> "Deal":
        await till.simulator.advance("ada", STARTS)
        wallet = await till.wallet()
        deal = cls(till, wallet, await till.begin(wallet, items=items))
        await till.simulator.advance("ada", deal.at + timedelta(seconds=30))
        return deal

    async def change(self, *items: Item, key: str = "s/change/1") -> Charge:
        return await self.till.payments.change(self.ref, items, self.at, key=key)

    async def agreement(self) -> dict[str, Any]:
        (found,) = await self.till.agreements(self.wallet)
        return found

    async def items(self) -> dict[str, int]:
        found = (await self.agreement())["items"]["data"]
        return {item["price"]["lookup_key"]: item["quantity"] for item in found}

    async def balance(self) -> int:
        owner = await self.till.client.v1.customers.retrieve_async(self.wallet.customer_ref)
        return int(owner.to_dict()["balance"])

    async def bills(self) -> list[dict[str, Any]]:
        return await self.till.bills(self.wallet)


def bill_of(charge: Charge) -> Invoice:
    assert charge.outcome is ChargeOutcome.PAID
    assert charge.invoice is not None
    return charge.invoice


CHANGES = [
    pytest.param((STARTER,), (PRO,), left_of(19900) - left_of(4900), id="a dearer plan"),
    pytest.param((PRO,), (STARTER,), left_of(4900) - left_of(19900), id="a cheaper plan"),
    pytest.param((STARTER,), (Item(STARTER.lookup_key, 3),), left_of(3 * 4900) - left_of(4900), id="more seats"),
    pytest.param((STARTER,), (STARTER, users(3)), left_of(1500), id="an add-on comes"),
    pytest.param((STARTER, users(3)), (STARTER,), -left_of(1500), id="an add-on goes"),
    pytest.param((STARTER, users(3)), (STARTER, users(1)), left_of(500) - left_of(1500), id="fewer of an add-on"),
    pytest.param(
        (STARTER, users(3)),
        (PRO, PLANTS),
        left_of(19900) + left_of(5000) - left_of(4900) - left_of(1500),
        id="everything",
    ),
    pytest.param((PRO, PLANTS), (STARTER,), left_of(4900) - left_of(19900) - left_of(5000), id="one instead of two"),
]


@pytest.mark.parametrize(("before", "after", "difference"), CHANGES)
async def test_the_difference_is_billed_at_once_to_the_cent_and_as_quoted(
    till: Till, before: tuple[Item, ...], after: tuple[Item, ...], difference: int
) -> None:
    deal = await Deal.of(till, *before)

    quote = await till.payments.quote(deal.ref, after, deal.at)
    charge = await deal.change(*after)

    assert (quote.amount, quote.currency) == (difference, USD)
    assert sum(line.amount for line in quote.lines) == difference
    assert all(line.text for line in quote.lines)
    assert (bill_of(charge).amount, bill_of(charge).status) == (difference, "paid")
    assert (charge.agreement_ref, charge.period_start, charge.period_end) == (deal.ref, deal.start, deal.end)
    assert await deal.items() == {item.lookup_key: item.quantity for item in after}
    assert await deal.balance() == min(0, difference)
    await till.renew()
    # The renewal costs what is had now, less what was credited.
    assert (await deal.bills())[-1]["total"] == sum(PRICES[item.lookup_key] * item.quantity for item in after)


PRICES = {
    STARTER.lookup_key: 4900,
    PRO.lookup_key: 19900,
    "shop_users_month_v1": 500,
    PLANTS.lookup_key: 2500,
}


async def test_a_credit_lowers_the_next_bill(till: Till) -> None:
    deal = await Deal.of(till, STARTER, users(3))
    credit = left_of(1500) - left_of(500)

    assert bill_of(await deal.change(STARTER, users(1))).amount == -credit
    assert await deal.balance() == -credit
    await till.renew()

    renewal = (await deal.bills())[-1]
    standing = await till.payments.standing(deal.wallet.customer_ref, deal.ref, renewal["id"])
    assert standing.latest is not None
    assert bill_of(standing.latest).amount == renewal["amount_paid"] == 4900 + 500 - credit
    assert await deal.balance() == 0


async def test_a_bill_that_a_credit_covers_costs_nothing(till: Till) -> None:
    deal = await Deal.of(till, PRO)
    credit = left_of(19900) - left_of(4900)
    await deal.change(STARTER)

    await till.renew()

    standing = await till.payments.standing(deal.wallet.customer_ref, deal.ref, "")
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
async def test_nothing_changes_when_the_difference_is_declined(till: Till, answer: str, outcome: ChargeOutcome) -> None:
    deal = await Deal.of(till, STARTER, users(3))
    await till.payments.hold(deal.ref, True, key="hold")
    before, bills = await deal.agreement(), await deal.bills()
    till.simulator.set_card_answers("ada", [answer, "ok"])

    charge = await deal.change(PRO)

    assert charge.outcome is outcome
    assert charge.decline is not None
    assert (charge.decline.code, charge.invoice) == (answer, None)
    assert await deal.agreement() == before
    assert await deal.bills() == bills
    # The same try is answered as before; a new one asks the bank again.
    assert await deal.change(PRO) == charge
    assert (await deal.change(PRO, key="s/change/2")).outcome is ChargeOutcome.PAID


async def _at_once(deal: Deal) -> None:
    assert deal.ref


async def _after_the_key_was_forgotten(deal: Deal) -> None:
    deal.till.simulator._store.tell("DELETE FROM calls")


async def _after_a_declined_renewal(deal: Deal) -> None:
    await _after_the_key_was_forgotten(deal)
    deal.till.simulator.set_card_answers("ada", ["insufficient_funds"])
    await deal.till.renew()


@pytest.mark.parametrize("when", [_at_once, _after_the_key_was_forgotten, _after_a_declined_renewal])
@pytest.mark.parametrize("after", [(PRO,), (STARTER, users(1)), (YEARLY,), (STARTER, users(3))])
async def test_a_repeated_change_is_billed_once(
    till: Till, when: Callable[[Deal], Awaitable[None]], after: tuple[Item, ...]
) -> None:
    deal = await Deal.of(till, STARTER, users(3))
    first = await deal.change(*after)
    await when(deal)
    bills = await deal.bills()

    again = await deal.change(*after)

    assert (again.outcome, again.invoice) == (ChargeOutcome.PAID, first.invoice)
    assert await deal.bills() == bills


async def test_a_lost_answer_costs_nothing_when_the_change_is_repeated(till: Till) -> None:
    deal = await Deal.of(till, STARTER)
    till.wire.lose(1)
    with pytest.raises(GatewayUnavailable):
        await deal.change(PRO)

    assert bill_of(await deal.change(PRO)).amount == left_of(19900) - left_of(4900)
    assert await till.statuses(deal.wallet) == ["paid", "paid"]


async def test_two_changes_are_two_bills(till: Till) -> None:
    deal = await Deal.of(till, STARTER)

    up = await deal.change(PRO, key="s/change/1")
    back = await deal.change(STARTER, key="s/change/2")

    assert bill_of(up).amount == -bill_of(back).amount
    assert len(await deal.bills()) == 3


async def test_another_interval_begins_a_new_period(till: Till) -> None:
    deal = await Deal.of(till, STARTER, users(3))
    yearly_users = Item("shop_users_year_v1", 3)

    quote = await till.payments.quote(deal.ref, (YEARLY, yearly_users), deal.at)
    charge = await deal.change(YEARLY, yearly_users)

    assert bill_of(charge).amount == quote.amount == 49900 + 3 * 5000 - left_of(4900) - left_of(1500)
    assert charge.period_start is not None
    assert charge.period_end is not None
    assert timedelta() <= charge.period_start - deal.at < timedelta(minutes=1)
    assert charge.period_end == charge.period_start.replace(year=2032)
    assert await deal.items() == {YEARLY.lookup_key: 1, "shop_users_year_v1": 3}


async def test_a_year_can_become_a_month_again_and_the_rest_is_a_credit(till: Till) -> None:
    deal = await Deal.of(till, YEARLY)
    credit = (2 * 49900 * 355 + 365) // 730

    charge = await deal.change(STARTER)

    assert bill_of(charge).amount == 4900 - credit
    assert await deal.balance() == 4900 - credit


async def test_the_plans_item_stays_and_what_is_not_sold_any_more_keeps_its_price(till: Till) -> None:
    deal = await Deal.of(till, STARTER, users(3))
    before = {item["price"]["lookup_key"]: item["id"] for item in (await deal.agreement())["items"]["data"]}
    (price,) = (await till.client.v1.prices.list_async({"lookup_keys": ["shop_users_month_v1"]})).data
    await till.client.v1.prices.update_async(price.id, {"active": False})

    await deal.change(PRO, users(4))

    after = {item["price"]["lookup_key"]: item for item in (await deal.agreement())["items"]["data"]}
    assert after[PRO.lookup_key]["id"] == before[STARTER.lookup_key]
    assert after["shop_users_month_v1"]["id"] == before["shop_users_month_v1"]
    assert after["shop_users_month_v1"]["quantity"] == 4


@pytest.mark.parametrize(
    ("moment", "difference"),
    [
        pytest.param(STARTS - timedelta(days=3), 19900 - 4900, id="before the period: all of it"),
        pytest.param(STARTS + timedelta(days=40), 0, id="after the period: nothing of it"),
    ],
)
async def test_a_moment_outside_of_the_period_is_taken_for_its_nearest_end(
    till: Till, moment: datetime, difference: int
) -> None:
    deal = await Deal.of(till, STARTER)

    quote = await till.payments.quote(deal.ref, (PRO,), moment)
    charge = await till.payments.change(deal.ref, (PRO,), moment, key="s/change/1")

    assert quote.amount == bill_of(charge).amount == difference


async def test_what_is_not_sold_is_refused(till: Till) -> None:
    deal = await Deal.of(till, STARTER)
    unknown = (Item("shop_gold_month_v1", 1),)

    for call in (till.payments.quote(deal.ref, unknown, deal.at), deal.change(*unknown)):
        with pytest.raises(GatewayRefused) as refused:
            await call
        assert refused.value.code == "unknown_price"


async def test_what_has_ended_is_not_changed(till: Till) -> None:
    deal = await Deal.of(till, STARTER)
    await till.payments.end(deal.ref, "", key="end")

    with pytest.raises(GatewayRefused):
        await deal.change(PRO)

    assert len(await deal.bills()) == 1


# ── A new beginning on other terms ──


async def test_a_new_beginning_can_be_about_something_else(till: Till) -> None:
    deal = await Deal.of(till, STARTER, users(3))
    await till.payments.hold(deal.ref, True, key="hold")

    charge = await till.payments.restart(deal.ref, "", (PRO, users(1)), key="s/charge/2")

    assert bill_of(charge).amount == 19900 + 500
    assert charge.period_start is not None
    assert charge.period_start > deal.at
    assert await deal.items() == {PRO.lookup_key: 1, "shop_users_month_v1": 1}
    assert (await till.payments.restart(deal.ref, "", (PRO, users(1)), key="s/charge/2")) == charge
    assert len(await deal.bills()) == 2


async def test_a_declined_new_beginning_leaves_the_old_terms(till: Till) -> None:
    deal = await Deal.of(till, STARTER)
    before = await deal.agreement()
    till.simulator.set_card_answers("ada", ["insufficient_funds"])

    charge = await till.payments.restart(deal.ref, "", (PRO,), key="s/charge/2")

    assert charge.outcome is ChargeOutcome.DECLINED
    assert await deal.agreement() == before
