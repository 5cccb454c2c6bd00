"""The provider in memory, as the world around a subscription: each customer's time, messages, and calls that fail."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from domain.catalog.plans import Catalog
from domain.errors import GatewayUnavailable
from domain.provider.events import PastEvent
from domain.provider.ports import Provider
from tests.contracts.in_memory.adapter import InMemoryPayments
from tests.contracts.in_memory.books import Clock, Deal, Person
from tests.contracts.in_memory.world import InMemoryWorld, prices

SILENT = GatewayUnavailable("the provider does not answer")


class Calls:
    """The adapter as the workers know it: every call is counted, and fails if it is told to."""

    def __init__(self, adapter: InMemoryPayments) -> None:
        self._adapter = adapter
        self._faults: dict[str, Exception] = {}
        self._answers: dict[str, Any] = {}
        self._loses_answers = False
        self._loses_from = ""
        self.made: Counter[str] = Counter()

    def fail(self, *methods: str, error: Exception = SILENT) -> None:
        """From now on these calls do nothing and fail."""
        self._faults |= dict.fromkeys(methods, error)

    def answer(self, method: str, answer: Any) -> None:
        """From now on this call does nothing and is answered so."""
        self._answers[method] = answer

    def lose_answers(self, since: str = "") -> None:
        """Every call is carried out, and its answer gets lost: from now on, or *since* the next call of that name."""
        self._loses_answers, self._loses_from = not since, since

    def heal(self) -> None:
        self._faults, self._answers, self._loses_answers, self._loses_from = {}, {}, False, ""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._adapter, name)

        async def call(*args: Any, **named: Any) -> Any:
            self.made[name] += 1
            if name in self._faults:
                raise self._faults[name]
            if name in self._answers:
                return self._answers[name]
            answer = await method(*args, **named)
            self._loses_answers = self._loses_answers or name == self._loses_from
            if self._loses_answers:
                raise SILENT
            return answer

        return call


class WorldProvider:
    """Implements `sandbox.travel.Simulated`: what falls due at the provider happens as a life is moved through time.

    Messages wait until they are delivered, which happens whenever a life settles.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._clocks: dict[str, Clock] = {}
        self.payments = InMemoryPayments(prices(catalog), self.clock)
        self.outside = InMemoryWorld(self.payments)
        """What the customer, their bank and the provider's dashboard do."""
        self.calls = Calls(self.payments)
        self.deliver: Callable[[list[PastEvent]], Awaitable[list[PastEvent]]] | None = None
        """Delivers messages, and returns those that have to wait."""
        self.loses_messages = False
        self.renews_late = False
        """Periods end, and the provider has not begun the next ones yet."""
        self._told = 0
        self._waiting: list[PastEvent] = []

    @property
    def ports(self) -> Provider:
        """The ports as the workers know them."""
        calls: Any = self.calls
        return Provider(**dict.fromkeys((port.name for port in fields(Provider)), calls))

    def clock(self, customer: str) -> Clock:
        return self._clocks.setdefault(customer, Clock(datetime.now(UTC), ticks=True))

    def person(self, customer: str) -> Person | None:
        return self.outside._who(customer)

    def now(self, customer: str) -> datetime:
        return self.clock(customer).now

    def next_boundary(self, customer: str) -> datetime | None:
        ends = (deal.end for deal in self.deals_of(customer) if not deal.ended)
        return None if self.renews_late else min(ends, default=None)

    def deals_of(self, customer: str) -> list[Deal]:
        """The agreements of a customer, in any status."""
        person = self.person(customer)
        return [deal for deal in self.payments.books.deals.values() if person and deal.customer == person.ref]

    async def advance(self, customer: str, to: datetime, /) -> None:
        person = self.person(customer)
        if person is not None and not self.renews_late:
            self.payments.books.advance(person, to)
        elif to > self.now(customer):
            self.clock(customer).move_to(to)

    def hold_webhooks(self, customer: str) -> None:
        """Messages are delivered when a life settles, and none settles while its clock is moved."""

    async def release_webhooks(self, customer: str) -> None:
        pass

    async def webhooks_settled(self, customer: str, _within: float, /) -> bool:
        """Deliver what waits; true once nothing of this customer does."""
        past = [event for _, event in self.payments.books.past]
        self._waiting += [] if self.loses_messages else past[self._told :]
        self._told = len(past)
        if self._waiting and self.deliver is not None:
            taken, self._waiting = self._waiting, []
            self._waiting += await self.deliver(taken)
        return not self.has_news(customer)

    def has_news(self, customer: str) -> bool:
        """Whether there is a message that nobody has looked at yet, or one for this customer that has to wait."""
        if self._told < len(self.payments.books.past):
            return True
        person = self.person(customer) if self._waiting else None
        return person is not None and any(each.event.customer_ref == person.ref for each in self._waiting)

    def heal(self) -> None:
        """Everything works again."""
        self.calls.heal()
        self.loses_messages = self.renews_late = False
