"""Customers, their cards, and the pages on which they look after both, in memory."""

from datetime import datetime

from domain.customers import Contact
from domain.errors import GatewayRefused
from domain.provider.payments import UNKNOWN_PAYMENT_METHOD, Card, Wallet
from tests.contracts.in_memory.books import ASKS_FIRST, DECLINING, Person
from tests.contracts.in_memory.desk import Desk, once

BRANDS = {"visa": "4242", "mastercard": "4444", DECLINING: "0341", ASKS_FIRST: "3184"}
REFUSED = "refused"


class InMemoryWallets(Desk):
    """The port `Wallets`, and checkouts."""

    @once
    async def open_wallet(
        self, contact: Contact, payment_method: str | None, *, key: str, keeps_default: bool = False
    ) -> Wallet:
        if contact.customer_ref:
            person = self.person(contact.customer_ref)
            had = person.default
            card = self.attach(person, payment_method) if payment_method else person.card
            if keeps_default and payment_method:
                person.default = had
            return Wallet(person.ref, card, is_default=not (keeps_default and payment_method))
        metadata = {"customer": contact.customer, "external_id": contact.external_id}
        clock = self.books.clock_of(contact.external_id)
        person = Person(self.books.ref("customer"), contact.email, contact.name, metadata, clock=clock)
        card = self.attach(person, payment_method) if payment_method else None
        self.books.people[person.ref] = person
        return Wallet(person.ref, card)

    @once
    async def change_customer(self, customer_ref: str, email: str, name: str | None, locale: str, *, key: str) -> None:
        person = self.person(customer_ref)
        person.email, person.name, person.locale = email, name, locale

    async def delete_customer(self, customer_ref: str) -> None:
        self.books.delete(customer_ref)

    @once
    async def put_card(self, customer_ref: str, agreement_ref: str, payment_method: str, *, key: str) -> Card:
        card = self.attach(self.person(customer_ref), payment_method)
        if agreement_ref:
            self._running(agreement_ref).card = card.ref
        return card

    async def is_deleted(self, customer_ref: str) -> bool:
        return customer_ref in self.books.deleted or self.person(customer_ref).ref != customer_ref

    def attach(self, person: Person, payment_method: str) -> Card:
        """Put a card on file as the default, by the name of a test card or the id of one that is there."""
        card = next((each for each in person.cards if each.ref == payment_method), None)
        if card is None:
            if payment_method == REFUSED:
                raise GatewayRefused("the card was declined", code="card_declined", field="payment_method")
            if payment_method not in BRANDS:
                raise GatewayRefused("unknown", code=UNKNOWN_PAYMENT_METHOD, field="payment_method")
            print_ = f"{payment_method} of {person.email}"
            card = Card(self.books.ref("card"), payment_method, BRANDS[payment_method], 12, 2040, print_)
            person.cards.append(card)
            person.given_at[card.ref] = person.now
        person.default = card.ref
        return card

    @once
    async def open_checkout(
        self, customer_ref: str, subscription: str, success_url: str, cancel_url: str, *, key: str
    ) -> str:
        reference = self.books.ref("checkout")
        self.checkouts[reference] = (self.person(customer_ref).ref, None)
        return f"https://pay.example/{reference}"

    @once
    async def adopt_checkout(
        self, session_ref: str, agreement_ref: str, newer_than: datetime | None, *, key: str
    ) -> Wallet | None:
        if session_ref not in self.checkouts:
            raise GatewayRefused("there is no such checkout", code="resource_missing")
        customer_ref, card = self.checkouts[session_ref]
        person = self.person(customer_ref)
        if card is None or (newer_than is not None and person.given_at[card.ref] < newer_than):
            return None
        deal = self._running(agreement_ref) if agreement_ref else None
        if deal is not None and deal.customer != customer_ref:
            raise GatewayRefused("the card is another customer's", code=UNKNOWN_PAYMENT_METHOD)
        person.default = card.ref
        if deal is not None:
            deal.card = card.ref
        return Wallet(customer_ref, card, person.given_at[card.ref])

    @once
    async def open_portal(self, customer_ref: str, return_url: str, *, key: str) -> str:
        reference = self.books.ref("portal")
        self.portals[reference] = self.person(customer_ref).ref
        return f"https://pay.example/{reference}"
