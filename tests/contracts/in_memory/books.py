"""The books of a provider that keeps everything in memory: customers, agreements, bills, and what time does to them."""

from calendar import monthrange
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from domain.catalog.plans import Interval, Item
from domain.money import Money
from domain.provider.events import PastEvent, ProviderEvent
from domain.provider.hints import EventKind
from domain.provider.payments import NO_CARD, Card, Decline, DisputeStatus, QuoteLine
from domain.provider.proration import OwnPeriod, Terms, kept_of, left_of

OK = "ok"
DECLINING = "declining"
ASKS_FIRST = "asks first"
ANSWERS_OF_CARDS = {DECLINING: "generic_decline", ASKS_FIRST: "authentication_required"}
"""Cards that can be put on file, and what their banks say whenever they are charged without the customer."""
START = datetime(2031, 1, 15, 12, tzinfo=UTC)
PriceList = dict[str, tuple[Money, Interval]]


@dataclass
class Bill:
    """A bill; `paid` counts what was taken from a card."""

    ref: str
    customer: str
    agreement: str
    total: int
    due: int
    currency: str
    start: datetime
    end: datetime
    status: str = "open"
    attempts: int = 0
    decline: Decline | None = None
    charge: str = ""
    paid_with: str = ""
    refunded: int = 0
    given_back: dict[str, int] = field(default_factory=dict)
    """By its key, what an order of ours has given back."""
    given_back_by: tuple[str, str] = ("", "")
    """The key and the giver of the order of the latest refund; empty: it was made outside."""
    is_apart: bool = False
    """Billed separately for a change; not the agreement's own."""
    uses: list["Use"] = field(default_factory=list)
    """What was used and is billed by it."""


@dataclass
class Use:
    """What was used beyond a plan's limit."""

    name: str
    customer: str
    counted_as: str
    quantity: int
    at: datetime
    is_billed: bool = False


@dataclass
class Dispute:
    ref: str
    bill: Bill
    status: DisputeStatus


@dataclass
class Deal:
    """An agreement."""

    ref: str
    customer: str
    card: str
    items: tuple[Item, ...]
    subscription: str
    created: datetime
    start: datetime
    end: datetime
    key: str
    day: int
    """Of the month: on it periods begin, or on the month's last."""
    held: bool = False
    ends: bool = False
    ended: bool = False
    ended_for: str = ""
    bills: list[Bill] = field(default_factory=list)
    restarted: str = ""
    carried: int = 0
    """What was used before a new beginning, for the next bill."""
    settled: dict[datetime, int] = field(default_factory=dict)
    """By the beginning of a period, what had gone back when it was last prorated."""
    changes: dict[str, Bill | None] = field(default_factory=dict)
    """By its key, the bill that a change made; None: it made none."""

    @property
    def latest(self) -> Bill:
        """The newest bill of the agreement's own."""
        return next(bill for bill in reversed(self.bills) if not bill.is_apart)


@dataclass
class Person:
    """A customer with their cards, newest last; `credit` lowers the next bills."""

    ref: str
    email: str
    name: str | None
    metadata: dict[str, str]
    locale: str = ""
    clock: "Clock" = field(default_factory=lambda: Clock(START))
    cards: list[Card] = field(default_factory=list)
    given_at: dict[str, datetime] = field(default_factory=dict)
    default: str = ""
    credit: int = 0
    answers: deque[str] = field(default_factory=lambda: deque([OK]))

    @property
    def now(self) -> datetime:
        return self.clock.now

    @property
    def card(self) -> Card | None:
        """The card on file: the default, else the newest."""
        return next((card for card in self.cards if card.ref == self.default), self.cards[-1] if self.cards else None)

    def has(self, ref: str) -> bool:
        return any(card.ref == ref for card in self.cards)

    def charged(self, ref: str) -> Card | None:
        """The card with this id, else the default."""
        if not (self.has(ref) or self.has(self.default)):
            return None
        return self.card if not self.has(ref) else next(card for card in self.cards if card.ref == ref)

    def asked(self, ref: str, *, is_confirmed: bool = False) -> Decline | None:
        """What the bank says to a charge of this card, else of the default."""
        charged = self.charged(ref)
        if charged is None:
            return Decline(NO_CARD)
        if charged.brand in ANSWERS_OF_CARDS and not is_confirmed:
            return Decline(ANSWERS_OF_CARDS[charged.brand])
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        return None if answer == OK else Decline(answer)


class Clock:
    """One customer's time; it stands still until it is moved, unless it ticks like a real one."""

    def __init__(self, start: datetime, *, ticks: bool = False) -> None:
        self._ticks = ticks
        self.move_to(start)

    @property
    def now(self) -> datetime:
        return self._moved_to + (datetime.now(UTC) - self._moved_at if self._ticks else timedelta())

    def move_to(self, moment: datetime) -> None:
        self._moved_to, self._moved_at = moment, datetime.now(UTC)


class Books:
    """All that the provider knows; *clock_of* gives each customer, by their external id, a time of their own."""

    def __init__(self, prices: PriceList, clock_of: Callable[[str], Clock] = lambda _: Clock(START)) -> None:
        self.prices = prices
        self.clock_of = clock_of
        self.people: dict[str, Person] = {}
        self.deleted: set[str] = set()
        self.deals: dict[str, Deal] = {}
        self.bills: dict[str, Bill] = {}
        self.disputes: dict[str, Dispute] = {}
        self.uses: list[Use] = []
        self.waiting: dict[str, tuple[str, Deal]] = {}
        """By the bill that the customer has to confirm: the key of the change, and the agreement after it."""
        self.past: list[tuple[datetime, PastEvent]] = []
        self._numbers = count(1)

    def ref(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"

    def tell(self, news: EventKind, object_ref: str, about: "Bill | Deal | Person") -> None:
        customer = about.ref if isinstance(about, Person) else about.customer
        agreement = about.agreement if isinstance(about, Bill) else about.ref if isinstance(about, Deal) else ""
        event = ProviderEvent(self.ref("event"), news.value, object_ref, customer, news, "", agreement)
        self.past.append((self.people[customer].now, PastEvent(event, repr(event).encode())))

    def delete(self, customer: str) -> None:
        """The customer is gone with all that was agreed; who was deleted before stays so."""
        self.deleted.add(customer)
        self.people.pop(customer, None)
        for deal in self.deals.values():
            if deal.customer == customer:
                deal.ended = True

    def cost(self, items: tuple[Item, ...]) -> int:
        return sum(self.prices[item.lookup_key][0].amount * item.quantity for item in items)

    def uses_of(self, customer: str, items: Iterable[Item], until: datetime) -> list[Use]:
        """What was used of items that are billed by use, and is not billed yet."""
        keys = [item.lookup_key for item in items if not item.quantity]
        unbilled = (use for use in self.uses if use.customer == customer and not use.is_billed and use.at < until)
        return [use for use in unbilled if any(self.counts(key, use.counted_as) for key in keys)]

    def counts(self, lookup_key: str, counted_as: str) -> bool:
        """Whether it is the price of use that is counted so."""
        product, _, feature = counted_as.partition("_")
        return lookup_key.startswith(f"{product}_") and f"_{feature}_overage_" in lookup_key

    def cost_of_use(self, items: Iterable[Item], uses: Iterable[Use]) -> int:
        keys = [item.lookup_key for item in items if not item.quantity]
        return sum(
            self.prices[key][0].amount * use.quantity
            for use in uses
            for key in keys
            if self.counts(key, use.counted_as)
        )

    def interval(self, items: tuple[Item, ...]) -> Interval:
        return self.prices[items[0].lookup_key][1]

    def write(self, deal: Deal, total: int, uses: Sequence[Use] = ()) -> Bill:
        """A bill that is not kept yet; a credit lowers it."""
        person = self.people[deal.customer]
        due = max(0, total - person.credit)
        currency = self.prices[deal.items[0].lookup_key][0].currency
        return Bill(self.ref("bill"), person.ref, deal.ref, total, due, currency, deal.start, deal.end, uses=[*uses])

    def keep(self, deal: Deal, bill: Bill) -> None:
        deal.bills.append(bill)
        self.bills[bill.ref] = bill
        for use in bill.uses:
            use.is_billed = True

    def take(self, deal: Deal, bill: Bill, *, is_confirmed: bool = False, card: str = "") -> Decline | None:
        """Ask the bank for what is due, of the agreement's card or of another; a refusal leaves the bill open."""
        person = self.people[deal.customer]
        charged = person.charged(card or deal.card)
        decline = person.asked(card or deal.card, is_confirmed=is_confirmed) if bill.due else None
        bill.attempts += 1
        bill.decline = decline
        if decline is None:
            person.credit -= bill.total - bill.due
            bill.status, bill.charge = "paid", self.ref("charge")
            bill.paid_with = charged.ref if charged is not None and bill.due else ""
            self.tell(EventKind.INVOICE_PAID, bill.ref, bill)
        elif bill.ref in self.bills:
            self.tell(EventKind.INVOICE_FAILED, bill.ref, bill)
        return decline

    def settle(self, bill: Bill) -> None:
        """Make the change that waited for a bill, now that it is paid; forget it when the bill is void."""
        if bill.status == "open" or bill.ref not in self.waiting:
            return
        key, changed = self.waiting.pop(bill.ref)
        if bill.status == "paid":
            changed.changes[key] = bill
            self.deals[changed.ref] = changed

    def advance(self, person: Person, to: datetime) -> None:
        """Renew or end what comes to the end of its period by then."""
        for deal in [each for each in self.deals.values() if each.customer == person.ref]:
            while not deal.ended and deal.end <= to:
                person.clock.move_to(deal.end)
                self._turn(deal)
        if to > person.now:
            person.clock.move_to(to)

    def _turn(self, deal: Deal) -> None:
        uses = self.uses_of(deal.customer, deal.items, deal.end)
        cost = self.cost_of_use(deal.items, uses)
        if deal.ends:
            deal.ended = True
            if uses and not deal.held:
                last = self.write(deal, cost, uses)
                self.keep(deal, last)
                self.take(deal, last)
            self.tell(EventKind.AGREEMENT_ENDED, deal.ref, deal)
            return
        deal.start, deal.end = deal.end, after(deal.end, self.interval(deal.items), deal.day)
        bill = self.write(deal, self.cost(deal.items) + cost + deal.carried, [] if deal.held else uses)
        deal.carried = 0
        self.keep(deal, bill)
        if deal.held:
            bill.status = "void"
            self.tell(EventKind.INVOICE_CLOSED, bill.ref, bill)
        else:
            self.take(deal, bill)

    def gone(self, deal: Deal, items: tuple[Item, ...]) -> list[Item]:
        """What an agreement is not about any more once it is about *items*."""
        keys = {item.lookup_key for item in items}
        return [item for item in deal.items if item.lookup_key not in keys]

    def gone_back(self, paid: Sequence[Bill]) -> int:
        """What was refunded of these bills, or lost in a dispute."""
        lost = [each.bill for each in self.disputes.values() if each.status is DisputeStatus.LOST]
        return sum(bill.due if any(bill is each for each in lost) else bill.refunded for bill in paid)

    def difference(
        self, deal: Deal, items: tuple[Item, ...], at: datetime, own: OwnPeriod | None = None
    ) -> tuple[Deal, tuple[QuoteLine, ...]]:
        """The agreement after a change, and what that bills: by the second, or a whole period of another interval."""
        since = own.paid_since if own is not None else deal.start
        paid = [bill for bill in deal.bills if bill.status == "paid" and bill.start >= since]
        gone_back = self.gone_back(paid)
        kept = kept_of(sum(bill.due for bill in paid), gone_back, deal.settled.get(since, 0))
        same = self.interval(items) is self.interval(deal.items)
        changed = replace(deal, items=items, held=deal.held and own is not None and same, settled={since: gone_back})
        if items == deal.items:
            return changed, ()
        gone = self.gone(deal, items)
        uses = self.uses_of(deal.customer, gone, self.people[deal.customer].now)
        used = QuoteLine("Use", self.cost_of_use(gone, uses))
        used_lines = (used,) if used.amount else ()
        start, end = (own.start, own.end) if own is not None else (deal.start, deal.end)
        terms = Terms(left_of(start, end, at), kept)
        unused = QuoteLine("Unused time", terms.of(-self.cost(deal.items)))
        if same:
            return changed, (unused, *used_lines, QuoteLine("Remaining time", terms.of(self.cost(items))))
        now = self.people[deal.customer].now
        changed.start, changed.end, changed.day = now, after(now, self.interval(items), now.day), now.day
        return changed, (unused, *used_lines, QuoteLine("A new period", self.cost(items)))


def after(moment: datetime, interval: Interval, day: int) -> datetime:
    """A month or a year later, on *day* or the month's last."""
    months = moment.month - 1 + (12 if interval is Interval.YEAR else 1)
    year, month = moment.year + months // 12, months % 12 + 1
    return moment.replace(year=year, month=month, day=min(day, monthrange(year, month)[1]))
