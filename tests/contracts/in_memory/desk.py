"""What every part of the provider in memory stands on: its books, what was done under which key, and its words."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from domain.catalog.plans import Item
from domain.errors import GatewayRefused, GatewayUnavailable
from domain.provider.payments import Card, Charge, ChargeOutcome, Decline, Invoice
from domain.provider.purchases import BillingDetails, PurchaseOrder
from tests.contracts.in_memory.books import START, Bill, Books, Clock, Deal, Person, PriceList

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
D = TypeVar("D", bound="Desk")


@dataclass
class SoldPage:
    """A page on which somebody buys, and what has come of it."""

    order: PurchaseOrder
    opened: datetime
    customer: str = ""
    card: str = ""
    deal: Deal | None = None
    is_complete: bool = False
    is_expired: bool = False
    """Its time is over."""
    is_undone: bool = False


def once(
    method: Callable[Concatenate[D, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[D, P], Coroutine[Any, Any, R]]:
    """Under one key it is done once, and answered as before; the answer may get lost."""

    @wraps(method)
    async def done_once(self: D, /, *args: P.args, **named: P.kwargs) -> R:
        name = (method.__name__, named["key"])
        if name not in self.answers or _may_have_moved_on(self.answers[name]):
            self.answers[name] = await method(self, *args, **named)
        if self.loses_next:
            self.loses_next = False
            raise GatewayUnavailable("the answer got lost")
        answer: R = self.answers[name]
        return answer

    return done_once


def _may_have_moved_on(answer: object) -> bool:
    """Whether it waited for the customer, who may have acted since."""
    return isinstance(answer, Charge) and answer.waits_until is not None


class Desk:
    """The books, and how they are told."""

    def __init__(self, prices: PriceList, clock_of: Callable[[str], Clock] = lambda _: Clock(START)) -> None:
        self.books = Books(prices, clock_of)
        self.answers: dict[tuple[str, object], Any] = {}
        self.loses_next = False
        self.checkouts: dict[str, tuple[str, Card | None]] = {}
        self.portals: dict[str, str] = {}
        self.sold: dict[str, SoldPage] = {}
        self.details: dict[str, BillingDetails] = {}

    def told(self, deal: Deal, bill: Bill) -> Charge:
        url = f"https://pay.example/{bill.ref}"
        amount = bill.total if bill.total < 0 else bill.due
        start, end = bill.start, bill.end
        made = Invoice(
            bill.ref, bill.ref, bill.status, amount, bill.currency, url, f"{url}.pdf", bill.attempts, start, end
        )
        outcome, decline = ChargeOutcome.PAID, None
        if bill.status in ("void", "uncollectible"):
            outcome = ChargeOutcome.GONE
        elif bill.status == "open" and bill.decline is not None:
            outcome, decline = ChargeOutcome.DECLINED, bill.decline
            if decline.code == "authentication_required":
                outcome, decline = ChargeOutcome.ACTION_REQUIRED, Decline(decline.code, action_url=url)
        is_of_change = any(bill is each for each in deal.changes.values())
        return Charge(
            outcome,
            made,
            decline,
            deal.ref,
            deal.start,
            deal.end,
            is_of_change=is_of_change,
            is_apart=bill.is_apart,
            paid_with=bill.paid_with,
        )

    def _latest(self, deal: Deal) -> Charge:
        return self.told(deal, deal.latest)

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


def _there(things: dict[str, T], ref: str, kind: str) -> T:
    if ref not in things:
        raise GatewayRefused(f"there is no {kind} {ref!r}", code="resource_missing")
    return things[ref]
