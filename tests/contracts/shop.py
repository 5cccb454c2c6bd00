"""What the sentences of the contract begin with: customers who have bought something."""

from dataclasses import dataclass
from datetime import timedelta

from domain.catalog.plans import Item
from domain.provider.agreements import NewAgreement
from domain.provider.payments import Charge, ChargeOutcome, Invoice, Wallet
from domain.provider.ports import Provider
from tests.contracts.provider import STARTER, Cards, ProviderWorld, contact

SOON = timedelta(hours=2)
"""After a period's end its renewal has been tried."""


@dataclass
class Sale:
    """A customer with an agreement that is paid up."""

    wallet: Wallet
    begun: Charge

    @property
    def customer(self) -> str:
        return self.wallet.customer_ref

    @property
    def ref(self) -> str:
        return self.begun.agreement_ref


class Shop:
    """A provider, and what a test does again and again."""

    def __init__(self, world: ProviderWorld) -> None:
        self.world = world

    @property
    def provider(self) -> Provider:
        return self.world.provider

    @property
    def cards(self) -> Cards:
        return self.world.cards

    async def wallet(self, name: str = "ada", *, card: str | None = "") -> Wallet:
        """A customer with a good card, or with what is given; None: with none."""
        given = self.cards.good if card == "" else card
        return await self.provider.wallets.open_wallet(contact(name), given, key=f"{name}/sign-up")

    async def begin(self, wallet: Wallet, *items: Item, key: str = "s/charge/1") -> Charge:
        assert wallet.card is not None
        order = NewAgreement("s", wallet.customer_ref, wallet.card.ref, items or (STARTER,))
        return await self.provider.charges.begin(order, key=key)

    async def sale(self, *items: Item, name: str = "ada") -> Sale:
        wallet = await self.wallet(name)
        sale = Sale(wallet, await self.begin(wallet, *items, key=f"{name}/charge/1"))
        assert sale.begun.outcome is ChargeOutcome.PAID
        return sale

    async def renew(self, sale: Sale, name: str = "ada") -> Charge:
        """Let time go by until the next renewal has been tried; the newest bill and what has come of it."""
        end = (await self.latest(sale)).period_end
        assert end is not None
        await self.world.advance(name, end + SOON)
        return await self.latest(sale)

    async def latest(self, sale: Sale) -> Charge:
        latest = (await self.provider.billing.provider_state(sale.customer, sale.ref, "")).latest
        assert latest is not None
        return latest

    async def owing(self, answer: str = "insufficient_funds") -> tuple[Sale, str]:
        """A renewal that was refused, and its bill; the card says ok again."""
        sale = await self.sale()
        self.world.bank_says("ada", answer, "ok")
        return sale, bill_of(await self.renew(sale)).ref


def bill_of(charge: Charge) -> Invoice:
    assert charge.invoice is not None
    return charge.invoice
