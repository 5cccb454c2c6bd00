"""A key counts once: in any order, in batches, given back, across months and at their borders."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.entitlements.usage import Action, UsageChange
from domain.names import DEFAULT_TENANT
from tests.storage.counting import Counting
from tests.storage.ledger import Ledger
from tests.storage.usage.log import Log

CUSTOMERS = ("ada", "grace")
METERS = ("profiles", "storage")
"""Gauges of pro, whose period never ends: one is unlimited, the other's limit is far away at first."""


@dataclass(frozen=True)
class Used:
    customer: str
    meter: str
    quantity: int
    key: int


@dataclass(frozen=True)
class Batch:
    uses: tuple[Used, ...]


@dataclass(frozen=True)
class GivenBack:
    customer: str
    meter: str
    key: int


@dataclass(frozen=True)
class Aged:
    """All that is logged is this many days older."""

    days: int


@dataclass(frozen=True)
class Border:
    """What follows happens near the border of two months, or no longer."""

    is_near: bool


USES = st.builds(Used, st.sampled_from(CUSTOMERS), st.sampled_from(METERS), st.integers(1, 2), st.integers(1, 5))
STEPS = st.one_of(
    USES,
    USES,
    st.builds(Batch, st.lists(USES, max_size=6).map(tuple)),
    st.builds(GivenBack, st.sampled_from(CUSTOMERS), st.sampled_from(METERS), st.integers(1, 5)),
    st.builds(Aged, st.integers(1, 40)),
    st.builds(Border, st.booleans()),
)


@dataclass
class Oracle:
    """What a dictionary of keys says."""

    known: dict[int, Used] = field(default_factory=dict)
    returned: set[int] = field(default_factory=set)
    used: dict[tuple[str, str], int] = field(default_factory=dict)

    def use(self, use: Used) -> str:
        if use.key in self.known:
            return "repeated" if self.known[use.key] == use and use.key not in self.returned else "key_reused"
        self.known[use.key] = use
        self._add(use, use.quantity)
        return "counted"

    def give_back(self, step: GivenBack) -> str:
        use = self.known.get(step.key)
        if use is None or (use.customer, use.meter) != (step.customer, step.meter):
            return "unknown_use"
        if step.key not in self.returned:
            self.returned.add(step.key)
            self._add(use, -use.quantity)
        return "given_back"

    def _add(self, use: Used, quantity: int) -> None:
        counter = use.customer, use.meter
        self.used[counter] = self.used.get(counter, 0) + quantity


class Life:
    """The same steps in the database, under names and keys of their own."""

    def __init__(self, shop: Counting, log: Log) -> None:
        self.shop = shop
        self.log = log
        self.mark = uuid4().hex

    def change(self, use: Used) -> UsageChange:
        who, key = self._marked(use.customer), self._marked(use.key)
        return UsageChange(who, use.meter, use.quantity, key, Action.CONSUME)

    async def takes(self, step: Used | Batch | GivenBack | Aged | Border) -> list[str]:
        match step:
            case Used():
                return [(await self.shop.usage.use(self.change(step), self.shop.rules)).outcome.value]
            case Batch(uses):
                counted = await self.shop.usage.use_all([self.change(use) for use in uses], self.shop.rules)
                return [one.outcome.value for one in counted]
            case GivenBack(customer, meter, key):
                given_back = await self.shop.usage.give_back(
                    self._marked(customer),
                    [meter],
                    self._marked(key),
                    None,
                    self.shop.rules,
                    tenant=DEFAULT_TENANT,
                )
                return [given_back.verdict.value]
            case Aged(days):
                await self.log.ages(f"{days} days")
            case Border(is_near):
                await self.log.is_at_border(datetime(2026, 3, 1, tzinfo=UTC) if is_near else None)
        return []

    async def used(self) -> dict[tuple[str, str], int]:
        return {
            (customer, meter): tally.used
            for customer in CUSTOMERS
            for meter, tally in (await self.shop.tallies(self._marked(customer))).items()
        }

    def _marked(self, name: object) -> str:
        return f"{name} {self.mark}"

    async def begins(self) -> None:
        await self.log.is_at_border(None)
        for customer in CUSTOMERS:
            await self.shop.customer(self._marked(customer), "pro")


def expected_of(oracle: Oracle, step: Used | Batch | GivenBack | Aged | Border) -> list[str]:
    match step:
        case Used():
            return [oracle.use(step)]
        case Batch(uses):
            # Counted by customer and meter, answered in the order in which they were sent.
            places = sorted(range(len(uses)), key=lambda place: (uses[place].customer, uses[place].meter, place))
            answers = {place: oracle.use(uses[place]) for place in places}
            return [answers[place] for place in range(len(uses))]
        case GivenBack():
            return [oracle.give_back(step)]
    return []


@pytest_asyncio.fixture
async def shop(ledger: Ledger) -> AsyncIterator[Counting]:
    made, log = Counting(ledger.engine), Log(ledger)
    await made.publish()
    await log.has_months(3)
    yield made
    await log.restore()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(steps=st.lists(STEPS, min_size=1, max_size=20))
async def test_any_sequence_of_keys_counts_each_once(
    shop: Counting, steps: list[Used | Batch | GivenBack | Aged | Border]
) -> None:
    oracle, life = Oracle(), Life(shop, Log(shop.ledger))
    await life.begins()

    for step in steps:
        assert await life.takes(step) == expected_of(oracle, step), step

    assert await life.used() == oracle.used
