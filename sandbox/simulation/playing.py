"""Plays a simulation on a running stack, over the API like a product, and records what it sees."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.money import Money
from domain.subscription.policy import Policy
from sandbox.product import Product, RefusedError
from sandbox.simulation.lines import Line, Records, Seen, lines
from sandbox.simulation.scenario import Scenario, address_of
from sandbox.simulation.summary import Summary, summarize
from sandbox.stack import Stack
from sandbox.stripe.periods import nth

A_MOMENT = timedelta(seconds=1)
"""Moving the clock this little only waits until everything in progress is done."""


@dataclass(frozen=True)
class Lived:
    """A completed simulation."""

    started_at: datetime
    ended_at: datetime
    price: Money
    """What one period costs."""
    lines: tuple[Line, ...]
    summary: Summary
    next_actions: list[dict[str, Any]]


async def play(
    stack: Stack, scenario: Scenario, policy: Policy, external_id: str, show: Callable[[datetime], None]
) -> Lived:
    """Play *scenario* with *policy*; several can be played at the same time, each with its own external id.

    *show* is given the simulated time at each step.

    Raises:
        RefusedError: the sign-up was refused, for example because its first payment was declined.
        NotSettledError: the subscription did not become idle.

    """
    # Set before there is a customer, since a subscription without a trial is charged at sign-up.
    stack.simulator.set_card_answers(external_id, scenario.answers)
    async with stack.under(policy) as addresses, Product(addresses) as product:
        return await _Player(stack, product, scenario, external_id, show).play()


class _Player:
    """One simulation in progress."""

    def __init__(
        self,
        stack: Stack,
        product: Product,
        scenario: Scenario,
        external_id: str,
        show: Callable[[datetime], None],
    ) -> None:
        self._stack = stack
        self._product = product
        self._scenario = scenario
        self._external_id = external_id
        self._show = show
        self._subscription = ""
        self._now = self._started_at = datetime.now(UTC)
        self._seen: list[Seen] = []
        self._refusals: list[tuple[datetime, str]] = []

    async def play(self) -> Lived:
        made = await self._product.post("/v1/subscriptions", self._scenario.sign_up(self._external_id))
        self._subscription = made["id"]
        self._started_at = self._now = datetime.fromisoformat(made["created_at"])
        self._notice(self._now, made)
        for day, deed in self._deeds():
            await self._travel_to(self._started_at + timedelta(days=day))
            await self._do(deed)
        await self._travel_to(_end(self._started_at, self._scenario.months))
        return await self._told(Money(made["amount"], made["currency"]))

    def _deeds(self) -> Iterator[tuple[int, Callable[[], Awaitable[None]]]]:
        """The customer's actions, ordered by day."""
        deeds = [(self._scenario.card_on_day, self._give_card), (self._scenario.cancel_on_day, self._cancel)]
        yield from sorted(((day, deed) for day, deed in deeds if day is not None), key=lambda one: one[0])

    async def _give_card(self) -> None:
        await self._product.checkout(self._subscription)

    async def _cancel(self) -> None:
        await self._product.command(self._subscription, "cancel", reason="as simulated")

    async def _do(self, deed: Callable[[], Awaitable[None]]) -> None:
        try:
            await deed()
        except RefusedError as refusal:
            what = deed.__name__.strip("_").replace("_", " ")
            self._refusals.append((self._now, f"Refused to {what}: {refusal.problem.get('detail')}"))
        await self._travel_to(self._now + A_MOMENT)

    async def _travel_to(self, moment: datetime) -> None:
        seconds = (moment - self._now).total_seconds()
        if seconds > 0:
            self._now = await self._stack.travel(self._subscription, seconds, self._watch)

    async def _watch(self, now: datetime) -> None:
        self._show(now)
        self._notice(now, await self._product.subscription(self._subscription))

    def _notice(self, now: datetime, stands: dict[str, Any]) -> None:
        self._seen.append(Seen(now, stands["status"], stands["access"], stands["status_reason"]))

    async def _told(self, price: Money) -> Lived:
        bills = (await self._product.get("/v1/invoices", customer=self._external_id))["data"]
        timeline = await self._product.timeline(self._subscription)
        mails = self._stack.mailbox.messages(address_of(self._external_id))
        told = lines(Records(self._started_at, timeline["past"], bills, mails, self._seen, price, self._refusals))
        summary = summarize(told, bills, self._seen, self._now, price.currency)
        return Lived(self._started_at, self._now, price, told, summary, timeline["next_actions"])


def _end(start: datetime, months: int) -> datetime:
    return datetime.fromtimestamp(nth(int(start.timestamp()), "month", 1, months), UTC)
