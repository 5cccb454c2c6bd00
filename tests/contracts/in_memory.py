"""A payment provider that keeps everything in memory, held to the same contract as the real one."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from domain.agreements import AgreedItem, Agreement, AgreementPage, AgreementState, KnownCustomer
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.payments import (
    UNKNOWN_PAYMENT_METHOD,
    AgreementStatus,
    Card,
    Charge,
    ChargeOutcome,
    Decline,
    Invoice,
    Quote,
    Reversal,
    ReversalKind,
    Standing,
    Wallet,
)
from domain.plans import Item
from domain.ports import Contact, NewAgreement
from tests.contracts.books import Bill, Books, Deal, Person, PriceList, after

BRANDS = {"visa": "4242", "mastercard": "4444"}
REFUSED = "refused"
R = TypeVar("R")


def once(method: Callable[..., Awaitable[R]]) -> Callable[..., Awaitable[R]]:
    """Under one key it is done once, and answered as before; the answer may get lost."""

    @wraps(method)
    async def done_once(self: "InMemoryPayments", *args: Any, key: str, **more: Any) -> R:
        name = (method.__name__, key)
        if name not in self.answers:
            self.answers[name] = await method(self, *args, key=key, **more)
        if self.loses_next:
            self.loses_next = False
            raise GatewayUnavailable("the answer got lost")
        answer: R = self.answers[name]
        return answer

    return done_once


class InMemoryPayments:
    """The ports `Payments` and `Agreements` without an outside."""

    def __init__(self, prices: PriceList) -> None:
        self.books = Books(prices)
        self.answers: dict[tuple[str, str], Any] = {}
        self.loses_next = False
        self.checkouts: dict[str, tuple[str, Card | None]] = {}
        self.portals: dict[str, str] = {}

    # Wallets

    @once
    async def open_wallet(self, contact: Contact, payment_method: str | None, *, key: str) -> Wallet:
        if contact.customer_ref:
            person = self.person(contact.customer_ref)
            card = self.attach(person, payment_method) if payment_method else person.card
            return Wallet(person.ref, card)
        metadata = {"customer": contact.customer, "external_id": contact.external_id}
        person = Person(self.books.ref("customer"), contact.email, contact.name, metadata)
        card = self.attach(person, payment_method) if payment_method else None
        self.books.people[person.ref] = person
        return Wallet(person.ref, card)

    @once
    async def put_card(self, customer_ref: str, agreement_ref: str, payment_method: str, *, key: str) -> Card:
        card = self.attach(self.person(customer_ref), payment_method)
        if agreement_ref:
            self._running(agreement_ref).card = card.ref
        return card

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

    # Money

    @once
    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        person = self.person(order.customer_ref)
        if not person.has(order.card_ref):
            raise GatewayRefused("no such card", code=UNKNOWN_PAYMENT_METHOD, field="payment_method")
        self._check_sold(order.items)
        end = after(person.now, self.books.interval(order.items), person.now.day)
        deal = Deal(
            self.books.ref("agreement"),
            person.ref,
            order.card_ref,
            order.items,
            order.subscription,
            person.now,
            person.now,
            end,
            key,
        )
        return self._strictly(deal, self.books.write(deal, self.books.cost(order.items)))

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        found = (deal for deal in self.books.deals.values() if (deal.customer, deal.key) == (customer_ref, key))
        return next((self._latest(deal) for deal in found), None)

    @once
    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        bill = self._bill(invoice_ref)
        deal = self.books.deals[bill.agreement]
        if bill.status == "open":
            self.books.take(deal, bill)
        return self.told(deal, bill)

    @once
    async def restart(self, agreement_ref: str, void_invoice: str, items: tuple[Item, ...] = (), *, key: str) -> Charge:
        deal, owed = self._running(agreement_ref), self._bill(void_invoice) if void_invoice else None
        if owed is not None and owed.status == "paid":
            return self.told(deal, owed)
        if deal.restarted != key:
            now = self.books.people[deal.customer].now
            items = items or deal.items
            anew = replace(deal, items=items, start=now, held=False, restarted=key)
            anew.end = after(now, self.books.interval(items), now.day)
            charge = self._strictly(anew, self.books.write(anew, self.books.cost(items)))
            if charge.outcome is not ChargeOutcome.PAID:
                return charge
        if owed is not None:
            owed.status = "void"
        return self._latest(self.books.deals[agreement_ref])

    @once
    async def change(self, agreement_ref: str, items: tuple[Item, ...], at: datetime, *, key: str) -> Charge:
        deal = self._running(agreement_ref)
        if key not in deal.changes:
            self._check_sold(items)
            changed, lines = self.books.difference(deal, items, at)
            bill = self.books.write(changed, sum(line.amount for line in lines)) if lines else None
            charge = self._strictly(changed, bill) if bill is not None else None
            if charge is not None and charge.outcome is not ChargeOutcome.PAID:
                return charge
            changed.changes[key] = bill
            self.books.deals[deal.ref] = changed
        deal = self.books.deals[agreement_ref]
        bill = deal.changes[key]
        if bill is not None:
            return self.told(deal, bill)
        return Charge(ChargeOutcome.PAID, None, None, deal.ref, deal.start, deal.end)

    async def quote(self, agreement_ref: str, items: tuple[Item, ...], at: datetime) -> Quote:
        deal = self._running(agreement_ref)
        self._check_sold(items)
        _, lines = self.books.difference(deal, items, at)
        return Quote(sum(line.amount for line in lines), self.books.prices[items[0].lookup_key][0].currency, lines)

    def _strictly(self, deal: Deal, bill: Bill) -> Charge:
        """Take the money, and only then let the agreement be as wished."""
        decline = self.books.take(deal, bill)
        if decline is not None:
            needs_customer = decline.code == "authentication_required"
            return Charge(ChargeOutcome.ACTION_REQUIRED if needs_customer else ChargeOutcome.DECLINED, None, decline)
        self.books.keep(deal, bill)
        self.books.deals[deal.ref] = deal
        return self.told(deal, bill)

    # Looks

    async def standing(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> Standing:
        person = self.books.people.get(customer_ref)
        card = person.card if person else None
        if not agreement_ref:
            return Standing(card, None)
        deal = self._deal(agreement_ref)
        status = AgreementStatus.ENDED if deal.ended else AgreementStatus.LIVE
        bill = self._bill(invoice_ref) if invoice_ref else deal.bills[-1]
        return Standing(None if deal.ended else card, status, self.told(deal, bill))

    async def reversal(self, kind: ReversalKind, object_ref: str) -> Reversal:
        if kind is ReversalKind.DISPUTE:
            if object_ref not in self.books.disputes:
                raise GatewayRefused("there is no such dispute", code="resource_missing")
            dispute = self.books.disputes[object_ref]
            told, status = dispute.bill, dispute.status
            return Reversal(kind, object_ref, told.ref, told.due, told.currency, True, status, "", told.agreement)
        bill = next((each for each in self.books.bills.values() if each.charge == object_ref), None)
        if bill is None:
            raise GatewayRefused("there is no such charge", code="resource_missing")
        is_full = bill.refunded == bill.due
        return Reversal(kind, object_ref, bill.ref, bill.refunded, bill.currency, is_full, agreement_ref=bill.agreement)

    # Switches and the end

    @once
    async def hold(self, agreement_ref: str, held: bool, *, key: str) -> None:
        self._running(agreement_ref).held = held

    @once
    async def end_at_period_end(self, agreement_ref: str, ends: bool, *, key: str) -> None:
        self._running(agreement_ref).ends = ends

    @once
    async def end(self, agreement_ref: str, open_invoice: str, *, key: str) -> None:
        self._deal(agreement_ref).ended = True
        if open_invoice and (bill := self._bill(open_invoice)).status == "open":
            bill.status = "void"

    # Agreements

    async def agreements(self, cursor: str | None, *, limit: int = 100) -> AgreementPage:
        live = [deal.ref for deal in reversed(list(self.books.deals.values())) if not deal.ended]
        begin = live.index(cursor) + 1 if cursor is not None else 0
        page = live[begin : begin + limit]
        more = begin + limit < len(live)
        return AgreementPage(tuple(self._agreement(self.books.deals[ref]) for ref in page), page[-1] if more else None)

    async def agreement(self, agreement_ref: str) -> Agreement | None:
        deal = self.books.deals.get(agreement_ref)
        return None if deal is None else self._agreement(deal)

    async def known_customer(self, customer_ref: str) -> KnownCustomer | None:
        person = self.books.people.get(customer_ref)
        return None if person is None else KnownCustomer(person.ref, person.email, person.name, "", person.metadata)

    @once
    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        self._deal(agreement_ref).subscription = subscription

    # In our words

    def told(self, deal: Deal, bill: Bill) -> Charge:
        url = f"https://pay.example/{bill.ref}"
        amount = bill.total if bill.total < 0 else bill.due
        start, end = bill.start, bill.end
        made = Invoice(
            bill.ref, bill.ref, bill.status, amount, bill.currency, url, f"{url}.pdf", bill.attempts, start, end
        )
        outcome, decline = ChargeOutcome.PAID, None
        if bill.status == "void":
            outcome = ChargeOutcome.GONE
        elif bill.status == "open" and bill.decline is not None:
            outcome, decline = ChargeOutcome.DECLINED, bill.decline
            if decline.code == "authentication_required":
                outcome, decline = ChargeOutcome.ACTION_REQUIRED, Decline(decline.code, action_url=url)
        return Charge(outcome, made, decline, deal.ref, deal.start, deal.end)

    def _latest(self, deal: Deal) -> Charge:
        return self.told(deal, deal.bills[-1])

    def _agreement(self, deal: Deal) -> Agreement:
        latest = self._latest(deal)
        state = AgreementState.BILLING if latest.outcome is ChargeOutcome.PAID else AgreementState.OWING
        return Agreement(
            deal.ref,
            deal.customer,
            AgreementState.ENDED if deal.ended else state,
            tuple(self._item(item) for item in deal.items),
            deal.created,
            subscription=deal.subscription,
            is_held=deal.held,
            ends_at=deal.end if deal.ends else None,
            period_start=deal.start,
            period_end=deal.end,
            latest=latest,
        )

    def _item(self, item: Item) -> AgreedItem:
        price, interval = self.books.prices[item.lookup_key]
        return AgreedItem(item.lookup_key, item.lookup_key, item.quantity, price.amount, price.currency, interval.value)

    # What there is

    def person(self, ref: str) -> Person:
        return _there(self.books.people, ref, "customer")

    def _deal(self, ref: str) -> Deal:
        return _there(self.books.deals, ref, "agreement")

    def _bill(self, ref: str) -> Bill:
        return _there(self.books.bills, ref, "bill")

    def _running(self, ref: str) -> Deal:
        deal = self._deal(ref)
        if deal.ended:
            raise GatewayRefused("the agreement has ended", code="ended")
        return deal

    def _check_sold(self, items: tuple[Item, ...]) -> None:
        for item in items:
            if item.lookup_key not in self.books.prices:
                raise GatewayRefused(f"there is no price {item.lookup_key!r}", code="unknown_price")


T = TypeVar("T")


def _there(things: dict[str, T], ref: str, kind: str) -> T:
    if ref not in things:
        raise GatewayRefused(f"there is no {kind} {ref!r}", code="resource_missing")
    return things[ref]
