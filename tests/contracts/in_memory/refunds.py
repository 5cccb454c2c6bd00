"""Money given back, in memory."""

from dataclasses import replace

from domain.errors import GatewayUnavailable
from domain.provider import refunds
from domain.provider.hints import EventKind
from domain.provider.payments import DisputeStatus, Reversal, ReversalKind
from domain.provider.refunds import PaidCharge, RefundOrder
from tests.contracts.in_memory.books import Bill
from tests.contracts.in_memory.looks import InMemoryLooks

TAKEN_BACK = (DisputeStatus.OPEN, DisputeStatus.LOST)


class InMemoryRefunds(InMemoryLooks):
    """The port `Refunds`."""

    async def refund(self, order: RefundOrder) -> tuple[Reversal, ...]:
        bill = self._bill(order.invoice_ref)
        charge = PaidCharge(bill.charge, bill.due, bill.refunded, bill.currency, bill.given_back.get(order.key, 0))
        parts = refunds.parts_of(order, (charge,) if bill.status == "paid" and bill.due else ())
        for part in parts:
            self._check_not_disputed(bill)
            bill.refunded += part.amount
            bill.given_back[order.key] = bill.given_back.get(order.key, 0) + part.amount
            bill.given_back_by = (order.key, order.actor)
            self.books.tell(EventKind.REFUNDED, bill.charge, bill)
        if parts and self.loses_next:
            self.loses_next = False
            raise GatewayUnavailable("the answer got lost")
        return (await self.reversal(ReversalKind.REFUND, bill.charge),)

    def _check_not_disputed(self, bill: Bill) -> None:
        if any(each.bill is bill and each.status in TAKEN_BACK for each in self.books.disputes.values()):
            raise refunds.disputed(bill.ref)

    async def reversal(self, kind: ReversalKind, object_ref: str) -> Reversal:
        found, bill = await super().reversal(kind, object_ref), self.charged(object_ref)
        command, actor = bill.given_back_by if bill is not None else ("", "")
        return replace(found, command=command, actor=actor)
