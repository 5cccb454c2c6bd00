"""A shop that sells more than one thing, and a customer ten days into a month of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.catalog.plans import AddOn, Catalog, Interval, Item, Plan
from domain.money import Money
from domain.provider.payments import Charge, ChargeOutcome, Invoice, Wallet
from gateways.stripe.catalog_push import push
from tests.gateways.rig import StripeRig

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
    """The part of a monthly amount, or of a negative credit, for the remaining 21 days, rounded down."""
    return amount * 21 // 31


class Deal:
    """A customer with a running agreement, ten days into its month."""

    def __init__(self, rig: StripeRig, wallet: Wallet, begun: Charge) -> None:
        assert begun.period_start is not None
        assert begun.period_end is not None
        self.rig, self.wallet, self.ref = rig, wallet, begun.agreement_ref
        self.start, self.end = begun.period_start, begun.period_end
        self.at = self.start + GONE

    @classmethod
    async def of(cls, rig: StripeRig, *items: Item) -> "Deal":
        await rig.simulator.advance("ada", STARTS)
        wallet = await rig.wallet()
        deal = cls(rig, wallet, await rig.begin(wallet, items=items))
        await rig.simulator.advance("ada", deal.at + timedelta(seconds=30))
        return deal

    async def change(self, *items: Item, key: str = "s/change/1") -> Charge:
        return await self.rig.provider.changes.change(self.ref, items, self.at, key=key)

    async def agreement(self) -> dict[str, Any]:
        (found,) = await self.rig.agreements(self.wallet)
        return found

    async def items(self) -> dict[str, int]:
        found = (await self.agreement())["items"]["data"]
        return {item["price"]["lookup_key"]: item["quantity"] for item in found}

    async def balance(self) -> int:
        owner = await self.rig.client.v1.customers.retrieve_async(self.wallet.customer_ref)
        return int(owner.to_dict()["balance"])

    async def bills(self) -> list[dict[str, Any]]:
        return await self.rig.bills(self.wallet)


def bill_of(charge: Charge) -> Invoice:
    assert charge.outcome is ChargeOutcome.PAID
    assert charge.invoice is not None
    return charge.invoice


@pytest.fixture
async def rig(rig: StripeRig) -> StripeRig:
    """The shop sells Pro, a yearly Starter and plants too."""
    await push(rig.client, GROWN)
    return rig
