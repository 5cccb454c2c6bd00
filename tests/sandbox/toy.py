"""A life small enough to see through: what the time traveller is tried on."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import WorkflowHandle
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from sandbox.travel import Standing

MONTH = timedelta(days=30)


@dataclass(frozen=True)
class Entry:
    """Something that happened, by the workflow's clock."""

    what: str
    at: datetime


@dataclass(frozen=True)
class Toy:
    """What the toy will do by itself, and what it has seen."""

    deadlines: tuple[datetime, ...] = ()
    diary: tuple[Entry, ...] = ()
    inbox: tuple[str, ...] = ()
    failures: int = 0
    """So many times the activity of each entry fails, a day apart."""
    entries_per_run: int = 1000
    ends_at: datetime | None = None
    has_no_timer: bool = False
    """It is told that something is due, or misses it."""

    @property
    def due_at(self) -> datetime | None:
        return min((*self.deadlines, *filter(None, [self.ends_at])), default=None)


class ToyActivities:
    """The outside of the toy: an activity that can fail and can hang."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    @activity.defn
    async def write(self, failures: int) -> None:
        await self.may_go_on.wait()
        if activity.info().attempt <= failures:
            raise ApplicationError("not yet")


@workflow.defn
class ToyWorkflow:
    """Writes into its diary what comes in and what is due, until it is to end."""

    @workflow.init
    def __init__(self, toy: Toy) -> None:
        self._toy = toy
        self._works = False

    @workflow.run
    async def run(self, toy: Toy) -> None:
        written = 0
        while True:
            await self._until_something_is_due()
            if self._toy.ends_at and workflow.now() >= self._toy.ends_at:
                return
            await self._write()
            written += 1
            if written >= toy.entries_per_run:
                workflow.continue_as_new(self._toy)

    @workflow.signal
    def told(self, news: str) -> None:
        self._toy = replace(self._toy, inbox=(*self._toy.inbox, news))

    @workflow.query
    def standing(self) -> Standing:
        return Standing(bool(self._toy.inbox) or self._works, self._toy.due_at, over=False)

    @workflow.query
    def diary(self) -> list[Entry]:
        return list(self._toy.diary)

    async def _until_something_is_due(self) -> None:
        wait = None
        if self._toy.due_at:
            wait = max(self._toy.due_at - workflow.now(), timedelta())
            if wait and self._toy.has_no_timer:
                wait = None
        try:
            await workflow.wait_condition(lambda: bool(self._toy.inbox), timeout=wait)
        except TimeoutError:
            return

    async def _write(self) -> None:
        self._works = True
        await workflow.execute_activity_method(
            ToyActivities.write,
            self._toy.failures,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(initial_interval=timedelta(days=1), backoff_coefficient=1),
        )
        toy = self._toy
        if toy.inbox:
            toy = replace(toy, inbox=toy.inbox[1:], diary=(*toy.diary, Entry(toy.inbox[0], workflow.now())))
        else:
            due = min(toy.deadlines)
            left = tuple(deadline for deadline in toy.deadlines if deadline != due)
            toy = replace(toy, deadlines=left, diary=(*toy.diary, Entry("deadline", workflow.now())))
        self._toy = toy
        self._works = False


@dataclass
class ToyLife:
    """The toy seen from outside."""

    customer: str
    handle: WorkflowHandle[Any, Any]

    async def standing(self) -> Standing:
        return await self.handle.query(ToyWorkflow.standing)

    async def outside_settled(self) -> bool:
        return True

    async def wake(self) -> None:
        await self.handle.signal(ToyWorkflow.told, "wake up")

    async def diary(self) -> list[Entry]:
        return await self.handle.query(ToyWorkflow.diary)


@dataclass
class ToyStripe:
    """A simulator with one clock per customer; what falls due becomes a webhook, here a signal."""

    handles: dict[str, WorkflowHandle[Any, Any]] = field(default_factory=dict)
    due: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    ahead: defaultdict[str, timedelta] = field(default_factory=lambda: defaultdict(timedelta))
    held: set[str] = field(default_factory=set)
    webhooks: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    slow_s: float = 0.0
    deliveries: set[asyncio.Task[None]] = field(default_factory=set)

    def now(self, customer: str) -> datetime:
        return datetime.now(UTC) + self.ahead[customer]

    def next_boundary(self, customer: str) -> datetime | None:
        return min(self.due[customer], default=None)

    async def advance(self, customer: str, to: datetime) -> None:
        self.ahead[customer] = max(self.ahead[customer], to - datetime.now(UTC))
        for moment in sorted(self.due[customer]):
            if moment <= to:
                self.due[customer].remove(moment)
                self.webhooks[customer].append(f"news of {moment.isoformat()}")
        self._deliver(customer)

    def hold_webhooks(self, customer: str) -> None:
        self.held.add(customer)

    async def release_webhooks(self, customer: str) -> None:
        self.held.discard(customer)
        self._deliver(customer)

    async def webhooks_settled(self, customer: str, within: float) -> bool:
        return not self.webhooks[customer]

    def _deliver(self, customer: str) -> None:
        if customer not in self.held:
            delivery = asyncio.create_task(self._deliver_all(customer))
            self.deliveries.add(delivery)
            delivery.add_done_callback(self.deliveries.discard)

    async def _deliver_all(self, customer: str) -> None:
        while self.webhooks[customer]:
            await asyncio.sleep(self.slow_s)
            await self.handles[customer].signal(ToyWorkflow.told, self.webhooks[customer][0])
            del self.webhooks[customer][0]
