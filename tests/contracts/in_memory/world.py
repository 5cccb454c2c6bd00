"""Makes the world outside act on the provider that keeps everything in memory."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from domain.catalog.plans import Catalog
from domain.provider.hints import EventKind
from domain.provider.payments import DisputeStatus
from domain.provider.ports import Provider
from tests.contracts.in_memory.adapter import InMemoryPayments
from tests.contracts.in_memory.books import START, Bill, Deal, Dispute, Person, PriceList
from tests.contracts.in_memory.wallets import REFUSED
from tests.contracts.provider import CATALOG

TURNS = {"opened": DisputeStatus.OPEN, "won": DisputeStatus.WON, "lost": DisputeStatus.LOST}


def prices(catalog: Catalog = CATALOG) -> PriceList:
    """Every price of a catalog by its lookup key."""
    by_use = [
        (f"{plan.code}_{feature}_overage", dict.fromkeys(plan.prices, overage.price))
        for plan in catalog.plans.values()
        for feature, overage in plan.overage.items()
    ]
    plans = [(plan.code, plan.prices) for plan in catalog.plans.values()]
    add_ons = [(add_on.code, add_on.prices) for add_on in catalog.add_ons.values()]
    return {
        catalog.lookup_key(code, interval): (price, interval)
        for code, by_interval in plans + add_ons + by_use
        for interval, price in by_interval.items()
    }


@dataclass(frozen=True)
class InMemoryCards:
    good: str = "visa"
    another: str = "mastercard"
    refused: str = REFUSED
    unknown: str = "nobody knows"


class InMemoryWorld:
    def __init__(self, payments: InMemoryPayments | None = None) -> None:
        self._payments = payments or InMemoryPayments(prices())
        self.cards = InMemoryCards()

    @property
    def provider(self) -> Provider:
        return self._payments.ports

    @property
    def payments(self) -> InMemoryPayments:
        return self._payments

    def _who(self, name: str) -> Person | None:
        people = self._payments.books.people.values()
        return next((each for each in people if each.metadata.get("external_id") == name), None)

    def _person(self, name: str) -> Person:
        person = self._who(name)
        assert person is not None, f"{name} is not known yet"
        return person

    def agreements_of(self, name: str) -> list[Deal]:
        """The customer's agreements, oldest first."""
        person = self._person(name)
        return [deal for deal in self._payments.books.deals.values() if deal.customer == person.ref]

    def now(self, name: str) -> datetime:
        person = self._who(name)
        return person.now if person else START

    async def advance(self, name: str, to: datetime) -> None:
        self._payments.books.advance(self._person(name), to)

    def bank_says(self, name: str, *answers: str) -> None:
        self._person(name).answers = deque(answers)

    def lose_answer(self) -> None:
        self._payments.loses_next = True

    def forget_keys(self) -> None:
        self._payments.answers.clear()

    async def paid(self, customer_ref: str) -> list[int]:
        bills = self._payments.books.bills.values()
        return [bill.due for bill in bills if bill.customer == customer_ref and bill.status == "paid" and bill.due]

    async def wallets(self) -> int:
        return len(self._payments.books.people)

    async def give_at_checkout(self, url: str, card: str) -> str:
        reference = url.rpartition("/")[2]
        if reference in self._payments.sold:
            self._payments.books.tell(EventKind.CARD_GIVEN, reference, self._payments.buy(reference, card))
            return reference
        customer, _ = self._payments.checkouts[reference]
        person = self._payments.books.people[customer]
        before = person.default
        self._payments.checkouts[reference] = (customer, self._payments.attach(person, card))
        person.default = before
        self._payments.books.tell(EventKind.CARD_GIVEN, reference, person)
        return reference

    async def expire_page(self, url: str) -> None:
        self._payments.expire(url.rpartition("/")[2])

    async def choose_in_portal(self, url: str, card: str) -> None:
        person = self._payments.books.people[self._payments.portals[url.rpartition("/")[2]]]
        chosen = self._payments.attach(person, card)
        self._payments.books.tell(EventKind.CARD_CHOSEN, chosen.ref, person)

    async def take_cards_away(self, customer_ref: str) -> None:
        self._payments.books.people[customer_ref].cards.clear()

    async def delete_customer(self, customer_ref: str) -> None:
        self._payments.books.delete(customer_ref)

    async def pay_by_hand(self, invoice_ref: str, card: str = "") -> None:
        books = self._payments.books
        bill = books.bills[invoice_ref]
        person = books.people[bill.customer]
        charged_before = person.default
        given = self._payments.attach(person, card).ref if card else ""
        person.default = charged_before
        books.take(books.deals[bill.agreement], bill, is_confirmed=True, card=given)
        books.settle(bill)

    async def write_off(self, invoice_ref: str) -> None:
        """Somebody marks an open bill as uncollectible in the provider's dashboard."""
        self._close(invoice_ref, "uncollectible")

    async def void(self, invoice_ref: str) -> None:
        """Somebody voids an open bill there."""
        self._close(invoice_ref, "void")

    def _close(self, invoice_ref: str, status: str) -> None:
        bill = self._payments.books.bills[invoice_ref]
        bill.status = status
        self._payments.books.tell(EventKind.INVOICE_CLOSED, bill.ref, bill)

    def _charged(self, name: str) -> Bill:
        person = self._person(name)
        return [bill for bill in self._payments.books.bills.values() if bill.customer == person.ref and bill.charge][-1]

    async def refund(self, name: str, amount: int | None = None) -> str:
        bill = self._charged(name)
        bill.refunded += amount or bill.due - bill.refunded
        bill.given_back_by = ("", "")
        self._payments.books.tell(EventKind.REFUNDED, bill.charge, bill)
        return bill.charge

    async def dispute(self, name: str, turn: str) -> str:
        bill, disputes = self._charged(name), self._payments.books.disputes
        known = next((each for each in disputes.values() if each.bill is bill), None)
        dispute = known or Dispute(self._payments.books.ref("dispute"), bill, TURNS[turn])
        dispute.status = TURNS[turn]
        disputes[dispute.ref] = dispute
        self._payments.books.tell(EventKind.DISPUTED, dispute.ref, bill)
        return dispute.ref
