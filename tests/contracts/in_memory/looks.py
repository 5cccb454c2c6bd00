"""What can be asked of the provider in memory; nothing is changed by it."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.catalog.plans import Item
from domain.errors import GatewayRefused
from domain.provider.agreements import (
    ALL_AGREEMENTS,
    AgreedItem,
    Agreement,
    AgreementFilter,
    AgreementPage,
    AgreementState,
    KnownCustomer,
)
from domain.provider.events import ObjectOwner, PastEvents
from domain.provider.hints import EventKind
from domain.provider.payments import (
    AgreementStatus,
    Charge,
    ChargeOutcome,
    ProviderState,
    Quote,
    QuoteLine,
    Reversal,
    ReversalKind,
    UpcomingInvoice,
)
from domain.provider.proration import OwnPeriod
from domain.provider.settlement import settled
from tests.contracts.in_memory.books import Bill, Deal
from tests.contracts.in_memory.desk import Desk

EVENTS_ON_A_PAGE = 2


class InMemoryLooks(Desk):
    """What can be asked of the provider: quotes, states, owners, reversals and past events."""

    async def quote(
        self, agreement_ref: str, items: tuple[Item, ...], at: datetime, own: OwnPeriod | None = None
    ) -> Quote:
        deal = self._running(agreement_ref)
        self._check_sold(items)
        _, lines = self.books.difference(deal, items, at, own)
        return Quote(sum(line.amount for line in lines), self.books.prices[items[0].lookup_key][0].currency, lines)

    async def first_quote(self, customer_ref: str, items: tuple[Item, ...]) -> Quote:
        self._check_sold(items)
        lines = tuple(QuoteLine(item.lookup_key, self.books.cost((item,))) for item in items)
        total, credit = self.books.cost(items), self.person(customer_ref).credit
        return Quote(total, self.books.prices[items[0].lookup_key][0].currency, lines, settled(total, -credit, 0))

    async def upcoming_invoice(self, agreement_ref: str) -> UpcomingInvoice:
        deal = self._running(agreement_ref)
        prices = [(self.books.prices[item.lookup_key][0], item.quantity) for item in deal.items]
        total = sum(price.amount * quantity for price, quantity in prices)
        return UpcomingInvoice(max(0, total - self.books.people[deal.customer].credit), prices[0][0].currency)

    async def provider_state(self, customer_ref: str, agreement_ref: str, invoice_ref: str) -> ProviderState:
        person = self.books.people.get(customer_ref)
        card = person.card if person else None
        if not agreement_ref:
            return ProviderState(card, None, customer_is_deleted=customer_ref in self.books.deleted)
        deal = self._deal(agreement_ref)
        status = AgreementStatus.ENDED if deal.ended else AgreementStatus.LIVE
        bill = self._bill(invoice_ref) if invoice_ref else deal.latest
        is_deleted = deal.customer in self.books.deleted
        return ProviderState(
            None if deal.ended else card,
            status,
            self.told(deal, bill),
            is_held=deal.held,
            ends=deal.ends,
            customer_is_deleted=is_deleted,
        )

    async def requested_change(self, agreement_ref: str, *, key: str) -> Charge:
        deal = self._deal(agreement_ref)
        if key in deal.changes:
            bill = deal.changes[key]
            made = Charge(ChargeOutcome.PAID, None, None, deal.ref, deal.start, deal.end)
            return self.told(deal, bill) if bill is not None else made
        waiting = next((ref for ref, (waits_as, _) in self.books.waiting.items() if waits_as == key), None)
        if waiting is None:
            return Charge(ChargeOutcome.GONE)
        until = self.books.people[deal.customer].now + timedelta(hours=23)
        return replace(self.told(deal, self._bill(waiting)), waits_until=until)

    async def reversal(self, kind: ReversalKind, object_ref: str) -> Reversal:
        if kind is ReversalKind.DISPUTE:
            if object_ref not in self.books.disputes:
                raise GatewayRefused("there is no such dispute", code="resource_missing")
            dispute = self.books.disputes[object_ref]
            told, status = dispute.bill, dispute.status
            return Reversal(kind, object_ref, told.ref, told.due, told.currency, True, status, "", told.agreement)
        bill = self.charged(object_ref)
        if bill is None:
            raise GatewayRefused("there is no such charge", code="resource_missing")
        is_full = bill.refunded == bill.due
        return Reversal(kind, object_ref, bill.ref, bill.refunded, bill.currency, is_full, agreement_ref=bill.agreement)

    async def owner_of(self, news: EventKind, object_ref: str) -> ObjectOwner:
        match news:
            case EventKind.INVOICE_PAID | EventKind.INVOICE_FAILED | EventKind.INVOICE_CLOSED:
                return _whose(self.books.bills.get(object_ref))
            case EventKind.REFUNDED:
                return _whose(self.charged(object_ref))
            case EventKind.DISPUTED:
                dispute = self.books.disputes.get(object_ref)
                return _whose(dispute.bill if dispute else None)
            case EventKind.AGREEMENT_ENDED:
                deal = self.books.deals.get(object_ref)
                return ObjectOwner(deal.customer, deal.ref) if deal else ObjectOwner()
            case EventKind.CARD_GIVEN:
                sold = self.sold.get(object_ref)
                return ObjectOwner(sold.customer if sold else self.checkouts.get(object_ref, ("", None))[0])
            case _:
                people = self.books.people.values()
                theirs = (person.ref for person in people if object_ref == person.ref or person.has(object_ref))
                return ObjectOwner(next(theirs, ""))

    async def events(
        self, since: datetime, until: datetime | None, cursor: str | None, *, undelivered: bool
    ) -> PastEvents:
        """All of them, as nothing here is delivered to anybody."""
        found = [event for at, event in reversed(self.books.past) if since <= at and (until is None or at < until)]
        ids = [each.event.id for each in found]
        begin = ids.index(cursor) + 1 if cursor is not None else 0
        page = found[begin : begin + EVENTS_ON_A_PAGE]
        more = begin + EVENTS_ON_A_PAGE < len(found)
        return PastEvents(tuple(page), page[-1].event.id if more else None)

    async def page(
        self, cursor: str | None, *, limit: int = 100, among: AgreementFilter = ALL_AGREEMENTS
    ) -> AgreementPage:
        deals = reversed(list(self.books.deals.values()))
        live = [deal.ref for deal in deals if not deal.ended and is_among(deal.created, deal.start, among)]
        begin = live.index(cursor) + 1 if cursor is not None else 0
        page = live[begin : begin + limit]
        more = begin + limit < len(live)
        return AgreementPage(tuple(self._agreement(self.books.deals[ref]) for ref in page), page[-1] if more else None)

    async def find(self, agreement_ref: str) -> Agreement | None:
        deal = self.books.deals.get(agreement_ref)
        return None if deal is None else self._agreement(deal)

    async def known_customer(self, customer_ref: str) -> KnownCustomer | None:
        person = self.books.people.get(customer_ref)
        if person is None:
            return None
        return KnownCustomer(person.ref, person.email, person.name, person.locale, person.metadata)

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
            ended_for=deal.ended_for,
        )

    def _item(self, item: Item) -> AgreedItem:
        price, interval = self.books.prices[item.lookup_key]
        found = AgreedItem(
            item.lookup_key, item.lookup_key, item.quantity, price.amount, price.currency, interval.value
        )
        return replace(found, is_by_use=not item.quantity)

    def charged(self, charge_ref: str) -> Bill | None:
        """The bill that a charge paid."""
        return next((each for each in self.books.bills.values() if each.charge == charge_ref), None)


def is_among(made_at: datetime, begun_at: datetime, among: AgreementFilter) -> bool:
    """True if an agreement is listed that was made, and whose period began, at these moments."""
    return (
        (among.made_since is None or made_at >= among.made_since)
        and (among.made_before is None or made_at < among.made_before)
        and (among.begun_since is None or begun_at >= among.begun_since)
    )


def _whose(bill: Bill | None) -> ObjectOwner:
    return ObjectOwner(bill.customer, bill.agreement) if bill else ObjectOwner()
