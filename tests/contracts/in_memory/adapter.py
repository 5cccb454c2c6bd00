"""Money in memory, and with what customers have and what can be asked the whole adapter."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from domain.catalog.plans import Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.agreements import NewAgreement
from domain.provider.overage_usage import BilledUsage
from domain.provider.payments import UNKNOWN_PAYMENT_METHOD, Charge, ChargeOutcome, Invoice
from domain.provider.ports import Provider
from domain.provider.proration import OwnPeriod
from tests.contracts.in_memory.books import Bill, Deal, Use, after
from tests.contracts.in_memory.desk import once
from tests.contracts.in_memory.handover import InMemoryHandover
from tests.contracts.in_memory.purchases import InMemoryPurchases
from tests.contracts.in_memory.refunds import InMemoryRefunds


class InMemoryPayments(InMemoryPurchases, InMemoryHandover, InMemoryRefunds):
    """Every port of the provider, without an outside."""

    @property
    def ports(self) -> Provider:
        return Provider(
            wallets=self,
            contacts=self,
            purchases=self,
            charges=self,
            changes=self,
            quotes=self,
            confirmations=self,
            billing=self,
            agreements=self,
            handover=self,
            metering=self,
            reversals=self,
            refunds=self,
            owners=self,
            history=self,
        )

    @once
    async def begin(self, order: NewAgreement, *, key: str) -> Charge:
        person, begun = self.person(order.customer_ref), await self.begun(order.customer_ref, key=key)
        if begun is not None:
            return begun
        if not person.has(order.card_ref):
            raise GatewayRefused("no such card", code=UNKNOWN_PAYMENT_METHOD, field="payment_method")
        self._check_sold(order.items)
        now = person.now
        end = after(now, self.books.interval(order.items), now.day)
        deal = Deal(
            self.books.ref("agreement"),
            person.ref,
            order.card_ref,
            order.items,
            order.subscription,
            now,
            now,
            end,
            key,
            now.day,
        )
        if order.present:
            self.books.deals[deal.ref] = deal
        charge = self._strictly(
            deal, self.books.write(deal, self.books.cost(order.items)), key if order.present else ""
        )
        if charge.outcome is ChargeOutcome.DECLINED:
            self.books.deals.pop(deal.ref, None)
        return charge

    async def begun(self, customer_ref: str, *, key: str) -> Charge | None:
        found = (deal for deal in self.books.deals.values() if (deal.customer, deal.key) == (customer_ref, key))
        return next((self._begun(deal) for deal in found), None)

    def _begun(self, deal: Deal) -> Charge:
        bill = deal.bills[-1]
        return self._waits(bill) if bill.ref in self.books.waiting else self.told(deal, bill)

    @once
    async def collect(self, invoice_ref: str, *, key: str) -> Charge:
        bill = self._bill(invoice_ref)
        deal = self.books.deals[bill.agreement]
        if bill.status == "open":
            self.books.take(deal, bill)
        return self.told(deal, bill)

    @once
    async def restart(
        self, agreement_ref: str, void_invoice: str, items: tuple[Item, ...] = (), *, key: str, settled: str = ""
    ) -> Charge:
        deal, owed = self._running(agreement_ref), self._bill(void_invoice) if void_invoice else None
        if owed is not None and owed.status == "paid":
            return self.told(deal, owed)
        if deal.restarted != key or deal.latest.ref == settled:
            now = self.books.people[deal.customer].now
            items = items or deal.items
            anew = replace(deal, items=items, start=now, day=now.day, held=False, restarted=key)
            anew.end = after(now, self.books.interval(items), now.day)
            uses = self.books.uses_of(deal.customer, deal.items, now)
            anew.carried = deal.carried + self.books.cost_of_use(deal.items, uses)
            charge = self._strictly(anew, self.books.write(anew, self.books.cost(items), uses))
            if charge.outcome is not ChargeOutcome.PAID:
                return charge
        if owed is not None:
            owed.status = "void"
        return self._latest(self.books.deals[agreement_ref])

    @once
    async def change(
        self,
        agreement_ref: str,
        items: tuple[Item, ...],
        at: datetime,
        own: OwnPeriod | None = None,
        *,
        key: str,
        present: bool = False,
        held: bool = False,
    ) -> Charge:
        deal = self._running(agreement_ref)
        waiting = next((ref for ref, (waits_as, _) in self.books.waiting.items() if waits_as == key), None)
        if waiting is not None:
            return self._waits(self._bill(waiting))
        if key not in deal.changes:
            self._check_sold(items)
            changed, lines = self.books.difference(deal, items, at, own)
            now = self.books.people[deal.customer].now
            uses = self.books.uses_of(deal.customer, self.books.gone(deal, items), now)
            bill = self.books.write(changed, sum(line.amount for line in lines), uses) if lines else None
            if bill is not None:
                bill.is_apart = own is not None
            charge = self._strictly(changed, bill, key if present else "") if bill is not None else None
            if charge is not None and charge.outcome is not ChargeOutcome.PAID:
                return charge
            changed.changes[key] = bill
            self.books.deals[deal.ref] = changed
        deal = self.books.deals[agreement_ref]
        bill = deal.changes[key]
        if bill is not None:
            return self.told(deal, bill)
        return Charge(ChargeOutcome.PAID, None, None, deal.ref, deal.start, deal.end)

    def _strictly(self, deal: Deal, bill: Bill, waits_as: str = "") -> Charge:
        """Take the money, and only then let the agreement be as wished; if it may, a change waits under its key."""
        decline = self.books.take(deal, bill)
        if decline is not None:
            needs_customer = decline.code == "authentication_required"
            if needs_customer and waits_as:
                self.books.keep(deal, bill)
                self.books.waiting[bill.ref] = (waits_as, deal)
                return self._waits(bill)
            return Charge(ChargeOutcome.ACTION_REQUIRED if needs_customer else ChargeOutcome.DECLINED, None, decline)
        self.books.keep(deal, bill)
        self.books.deals[deal.ref] = deal
        return self.told(deal, bill)

    def _waits(self, bill: Bill) -> Charge:
        until = self.books.people[bill.customer].now + timedelta(hours=23)
        return replace(self.told(self.books.deals[bill.agreement], bill), waits_until=until)

    async def confirmation(self, agreement_ref: str, invoice_ref: str) -> Charge:
        return self.told(self._deal(agreement_ref), self._bill(invoice_ref))

    @once
    async def withdraw_confirmation(
        self, agreement_ref: str, invoice_ref: str, *, ends_agreement: bool, key: str
    ) -> Charge:
        bill = self._bill(invoice_ref)
        if bill.status == "open":
            bill.status = "void"
            self.books.settle(bill)
            self._deal(agreement_ref).ended |= ends_agreement
        return self.told(self._deal(agreement_ref), bill)

    @once
    async def hold(self, agreement_ref: str, held: bool, *, key: str) -> None:
        self._running(agreement_ref).held = held

    @once
    async def end_at_period_end(self, agreement_ref: str, ends: bool, *, key: str) -> None:
        self._running(agreement_ref).ends = ends

    @once
    async def end(self, agreement_ref: str, open_invoice: str, *, key: str) -> None:
        deal = self._deal(agreement_ref)
        uses = self.books.uses_of(deal.customer, deal.items, self.books.people[deal.customer].now)
        if uses and not (deal.ended or open_invoice):
            last = self.books.write(deal, self.books.cost_of_use(deal.items, uses), uses)
            self.books.keep(deal, last)
            self.books.take(deal, last)
        deal.ended = True
        if open_invoice and (bill := self._bill(open_invoice)).status == "open":
            bill.status = "void"

    async def report_usage(self, use: BilledUsage, *, key: str) -> None:
        counted = any(self.books.counts(each, use.counted_as) for each in self.books.prices)
        if use.customer_ref not in self.books.people or not counted:
            raise GatewayRefused("there is no such customer, or no such use", code="resource_missing")
        if all(each.name != use.report_key for each in self.books.uses):
            self.books.uses.append(Use(use.report_key, use.customer_ref, use.counted_as, use.quantity, use.at))
        if self.loses_next:
            self.loses_next = False
            raise GatewayUnavailable("the answer got lost")

    async def invoices(self, agreement_ref: str, customer_ref: str, since: datetime) -> Sequence[Invoice]:
        of_customer = [each for each in self.books.bills.values() if each.customer == customer_ref]
        bills = [each for each in of_customer if each.agreement == agreement_ref and each.start >= since]
        return [made for each in bills if (made := self.told(self._deal(agreement_ref), each).invoice) is not None]

    @once
    async def claim(self, agreement_ref: str, subscription: str, *, key: str) -> None:
        self._deal(agreement_ref).subscription = subscription
