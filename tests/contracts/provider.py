"""What the contract needs of a provider: its adapter, and ways to make the world outside act.

Whoever writes an adapter writes one of these and adds it to `conftest.py` (docs/providers.md).
"""

from datetime import datetime
from typing import Protocol

from domain.catalog.features import Feature, FeatureKind, Overage, UsageWindow
from domain.catalog.plans import AddOn, Catalog, Interval, Item, Plan
from domain.customers import Contact
from domain.money import Money
from domain.provider.ports import Provider

USD = "usd"
CATALOG = Catalog(
    "shop",
    1,
    USD,
    {
        "starter": Plan("starter", "Starter", {Interval.MONTH: Money(4900, USD), Interval.YEAR: Money(49900, USD)}),
        "pro": Plan("pro", "Pro", {Interval.MONTH: Money(19900, USD)}),
        "scale": Plan("scale", "Scale", {Interval.MONTH: Money(29900, USD)}, overage={"runs": Overage(Money(25, USD))}),
    },
    {"users": AddOn("users", "Additional user", {Interval.MONTH: Money(500, USD)})},
    features={"runs": Feature("runs", "Runs", FeatureKind.NUMBER, window=UsageWindow.BILLING_PERIOD, meter="runs")},
)
"""What every provider sells in the contract."""

STARTER, PRO, YEARLY = (Item(f"shop_{name}_v1", 1) for name in ("starter_month", "pro_month", "starter_year"))
USERS = Item("shop_users_month_v1", 3)
SCALE, RUNS = Item("shop_scale_month_v1", 1), Item("shop_scale_runs_overage_month_v1", 0)
COUNTED_AS = "shop_runs"
"""What a run beyond the limit is told as; each costs 25 cents."""


class Cards(Protocol):
    """Payment methods of the provider's own test mode, by the names under which they are given."""

    @property
    def good(self) -> str: ...
    @property
    def another(self) -> str:
        """A good one with another number."""
        ...

    @property
    def refused(self) -> str:
        """One that its bank refuses when it is put on file."""
        ...

    @property
    def unknown(self) -> str: ...


class ProviderWorld(Protocol):
    """A provider with one shop; customers are named as in `contact`."""

    @property
    def provider(self) -> Provider: ...

    @property
    def cards(self) -> Cards: ...

    def now(self, name: str) -> datetime:
        """The provider's clock for a customer."""
        ...

    async def advance(self, name: str, to: datetime) -> None:
        """Let time go by for a customer; what falls due by then has happened."""
        ...

    def bank_says(self, name: str, *answers: str) -> None:
        """How the card on file answers the next charges: `ok` or a decline's code; the last answer stays."""
        ...

    def lose_answer(self) -> None:
        """The next call that changes something is carried out, and its first answer gets lost."""
        ...

    def forget_keys(self) -> None:
        """So much time has passed that the provider no longer knows the keys of earlier calls."""
        ...

    async def paid(self, customer_ref: str) -> list[int]:
        """The amounts of the customer's bills that were paid for money, oldest first."""
        ...

    async def wallets(self) -> int:
        """How many customers the provider has."""
        ...

    async def give_at_checkout(self, url: str, card: str) -> str:
        """Complete a page with a card, for its owner or to buy; the id under which the provider reports it.

        The bank's refusal is an error, and the page stays open.
        """
        ...

    async def expire_page(self, url: str) -> None:
        """The time of a page on which somebody could have bought is over."""
        ...

    async def choose_in_portal(self, url: str, card: str) -> None:
        """Give a card in the portal, to be charged from then on."""
        ...

    async def take_cards_away(self, customer_ref: str) -> None:
        """Have the customer remove every card there is."""
        ...

    async def delete_customer(self, customer_ref: str) -> None:
        """Somebody deletes a customer at the provider, for good."""
        ...

    async def pay_by_hand(self, invoice_ref: str, card: str = "") -> None:
        """Have the customer pay an open bill on its own page, with the card on file or with another one."""
        ...

    async def refund(self, name: str, amount: int | None = None) -> str:
        """Give back some of the latest charge, or all that is left; what the provider's message is about."""
        ...

    async def dispute(self, name: str, turn: str) -> str:
        """`opened`, `won` or `lost`, of the latest charge; what the provider's message is about."""
        ...


def contact(name: str = "ada", customer_ref: str = "") -> Contact:
    return Contact(f"c-{name}", name, f"{name}@example.com", name.title(), "UTC", "en", customer_ref)
