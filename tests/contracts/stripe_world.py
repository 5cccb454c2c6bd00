"""Makes the world outside act on Stripe's simulator, which the Stripe adapter speaks to over HTTP."""

from dataclasses import dataclass
from datetime import datetime

import httpx

from domain.provider.ports import Provider
from tests.gateways.rig import StripeRig
from tests.harness.patience import PATIENT


@dataclass(frozen=True)
class StripeCards:
    good: str = "pm_card_visa"
    another: str = "pm_card_mastercard"
    refused: str = "pm_card_chargeDeclined"
    unknown: str = "pm_nobody_knows"


class StripeWorld:
    def __init__(self, rig: StripeRig) -> None:
        self._rig = rig
        self.cards = StripeCards()

    @property
    def provider(self) -> Provider:
        return self._rig.provider

    def now(self, name: str) -> datetime:
        return self._rig.simulator.now(name)

    async def advance(self, name: str, to: datetime) -> None:
        await self._rig.simulator.advance(name, to)

    def bank_says(self, name: str, *answers: str) -> None:
        self._rig.simulator.set_card_answers(name, answers)

    def lose_answer(self) -> None:
        self._rig.wire.lose(1)

    def forget_keys(self) -> None:
        self._rig.simulator._store.execute("DELETE FROM calls")

    async def paid(self, customer_ref: str) -> list[int]:
        found = await self._rig.client.v1.invoices.list_async({"customer": customer_ref, "limit": 100})
        return [bill.amount_paid for bill in reversed(found.data) if bill.status == "paid" and bill.amount_paid]

    async def wallets(self) -> int:
        return await self._rig.customers()

    async def give_at_checkout(self, url: str, card: str) -> str:
        reference = url.rpartition("/")[2]
        self._rig.simulator.complete_checkout(reference, card)
        return reference

    async def expire_page(self, url: str) -> None:
        await self._rig.client.v1.checkout.sessions.expire_async(url.rpartition("/")[2])

    async def choose_in_portal(self, url: str, card: str) -> None:
        await self._submit(url, card)

    async def take_cards_away(self, customer_ref: str) -> None:
        listed = await self._rig.client.v1.customers.payment_methods.list_async(customer_ref)
        for card in listed.data:
            await self._rig.client.v1.payment_methods.detach_async(card.id)

    async def delete_customer(self, customer_ref: str) -> None:
        await self._rig.client.v1.customers.delete_async(customer_ref)

    async def pay_by_hand(self, invoice_ref: str, card: str = "") -> None:
        bill = await self._rig.client.v1.invoices.retrieve_async(invoice_ref)
        await self._submit(str(bill.hosted_invoice_url), card)

    async def _submit(self, url: str, card: str) -> None:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=PATIENT) as browser:
            (await browser.post(url, data={"payment_method": card})).raise_for_status()

    async def refund(self, name: str, amount: int | None = None) -> str:
        return str(self._rig.simulator.refund(name, amount)["charge"])

    async def dispute(self, name: str, turn: str) -> str:
        return str(self._rig.simulator.dispute(name, turn)["id"])
