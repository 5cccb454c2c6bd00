"""Pages on which somebody buys, in memory."""

from datetime import datetime, timedelta

from domain.customers import Contact
from domain.errors import GatewayRefused
from domain.provider.payments import NO_SUCH_THING, Reversal, ReversalKind
from domain.provider.purchases import (
    BillingDetails,
    Purchase,
    PurchaseList,
    PurchaseOrder,
    PurchasePage,
    PurchaseStatus,
)
from tests.contracts.in_memory.books import Deal, Person, after
from tests.contracts.in_memory.desk import SoldPage, once
from tests.contracts.in_memory.wallets import InMemoryWallets

OPEN_FOR = timedelta(hours=24)
PAGE = 2
ENTERED = BillingDetails("Card Holder", "12 St James's Square", "", "", "London", "", "GB")
"""What customers enter who are not told otherwise."""


class InMemoryPurchases(InMemoryWallets):
    """The port `Purchases`."""

    @once
    async def open_purchase(self, order: PurchaseOrder, *, key: str) -> PurchasePage:
        if order.customer_ref:
            self.person(order.customer_ref)
        self._check_sold(order.items)
        reference, opened = self.books.ref("purchase"), self._time_of(order)
        self.sold[reference] = SoldPage(order, opened)
        return PurchasePage(reference, f"https://pay.example/{reference}", opened + OPEN_FOR)

    async def purchase(self, page_ref: str) -> Purchase:
        if page_ref not in self.sold:
            raise GatewayRefused("there is no such page", code=NO_SUCH_THING)
        page = self.sold[page_ref]
        status = PurchaseStatus.EXPIRED if page.is_expired else PurchaseStatus.OPEN
        agreement = page.deal.ref if page.deal else ""
        name = (self.books.people[page.customer].name or "") if page.customer else ""
        return Purchase(
            page_ref,
            PurchaseStatus.COMPLETE if page.is_complete else status,
            page.order.subscription,
            page.customer,
            page.card,
            agreement,
            name,
        )

    def buy(self, page_ref: str, card: str) -> Person:
        """Complete a page with a card.

        Raises:
            GatewayRefused: the bank declines it; the page stays open.
        """
        page, order = self.sold[page_ref], self.sold[page_ref].order
        person = self.books.people.get(order.customer_ref)
        clock = self.books.clock_of(order.subscription)
        person = person or Person(self.books.ref("customer"), order.email, ENTERED.name, {}, order.locale, clock)
        before = person.default
        given = self.attach(person, card)
        self.books.people[person.ref] = person
        if order.items:
            page.deal = self._sell(person, given.ref, order)
        person.default = before
        page.customer, page.card, page.is_complete = person.ref, given.ref, True
        self.details[person.ref] = ENTERED
        return person

    def _sell(self, person: Person, card: str, order: PurchaseOrder) -> Deal:
        now = person.now
        end = after(now, self.books.interval(order.items), now.day)
        deal = Deal(
            self.books.ref("agreement"),
            person.ref,
            card,
            order.items,
            order.subscription,
            now,
            now,
            end,
            order.attempt_key,
            now.day,
        )
        bill = self.books.write(deal, self.books.cost(order.items))
        if self.books.take(deal, bill, is_confirmed=True) is not None:
            if not order.customer_ref:
                del self.books.people[person.ref]
            raise GatewayRefused("the card was declined", code="card_declined")
        self.books.deals[deal.ref] = deal
        self.books.keep(deal, bill)
        return deal

    @once
    async def claim_customer(self, customer_ref: str, contact: Contact, *, key: str) -> None:
        person = self.person(customer_ref)
        person.metadata = {"customer": contact.customer, "external_id": contact.external_id}
        person.email, person.locale, person.name = contact.email, contact.locale, contact.name or person.name
        person.clock = self.books.clock_of(contact.external_id)

    @once
    async def undo_purchase(self, page_ref: str, *, key: str) -> Reversal | None:
        bought = await self.purchase(page_ref)
        page, person = self.sold[page_ref], self.person(bought.customer_ref)
        deal, was_undone, page.is_undone = page.deal, page.is_undone, True
        if person.default != bought.card_ref:
            person.cards = [card for card in person.cards if card.ref != bought.card_ref]
        if deal is None:
            return None
        deal.ended, bill = True, deal.bills[0]
        person.credit += 0 if was_undone else bill.total - bill.due
        bill.refunded = bill.due
        if not bill.refunded:
            return None
        refunded, currency = bill.refunded, bill.currency
        return Reversal(
            ReversalKind.REFUND, bill.charge, bill.ref, refunded, currency, is_full=True, agreement_ref=deal.ref
        )

    async def completed_purchases(self, since: datetime, cursor: str | None) -> PurchaseList:
        done = [ref for ref, page in reversed(self.sold.items()) if page.is_complete and page.opened >= since]
        begin = done.index(cursor) + 1 if cursor is not None else 0
        shown = done[begin : begin + PAGE]
        more = begin + PAGE < len(done)
        return PurchaseList(tuple([await self.purchase(ref) for ref in shown]), shown[-1] if more else None)

    async def billing_details(self, customer_ref: str) -> BillingDetails | None:
        person = self.books.people.get(customer_ref)
        return None if person is None else self.details.get(customer_ref, BillingDetails(person.name or ""))

    def _time_of(self, order: PurchaseOrder) -> datetime:
        """A page belongs to nobody yet, so it has a time of its own."""
        return self.books.clock_of(order.subscription).now

    def expire(self, page_ref: str) -> None:
        self.sold[page_ref].is_expired = True
