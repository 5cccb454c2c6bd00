"""The write of a step: whole, without what it moves of the revenue, and without events, in turns in one run."""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.results import Comparison, Result
from domain.catalog.plans import Interval, Item, Selection
from domain.events.outbound import OutboundEvent
from domain.money import Money
from domain.provider.payments import Card, Charge, ChargeOutcome, Decline, Invoice
from domain.subscription import commands, payments_received, plan_changes, recovery, trial
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause, Step
from domain.subscription.policy import DEFAULT_POLICY as POLICY
from domain.subscription.reminders import Reminder
from domain.subscription.state import Subscription
from sandbox.postgres import Postgres
from storage.db.engine import create_engine_from_url
from storage.db.migrations import upgrade
from storage.revenue.facts import Facts
from storage.subscriptions.customers import Customers
from storage.subscriptions.trials import TrialKey
from storage.subscriptions.write_model import SubscriptionRecords

LIVES, ROUNDS = 25, 8
RENEWALS = 10
WHOLE, WITHOUT_FACTS, WITHOUT_EVENTS = "whole", "without facts", "without events"
WAYS = (WHOLE, WITHOUT_FACTS, WITHOUT_EVENTS)
WRITE_MODEL = "storage.subscriptions.write_model"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CAUSE = Cause.timer("bench")
STARTER = Selection(
    "starter", "Starter", Interval.MONTH, 1, {}, (Item("shop_starter_month_v1", 1),), Money(4900, "usd"), "shop_v1"
)
PRO = replace(STARTER, plan="pro", plan_name="Pro", items=(Item("shop_pro_month_v1", 1),), total=Money(19900, "usd"))
CARD = Card("pm_1", "visa", "4242", 12, 2031)


@dataclass
class _Took:
    """Milliseconds of each write, by what the step is."""

    by_step: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def median(self, name: str) -> float:
        return statistics.median(self.by_step[name])

    @property
    def lives(self) -> int:
        """How many were written; the first step of each is but one."""
        return len(next(iter(self.by_step.values())))

    @property
    def life(self) -> float:
        """Milliseconds for all steps of a life, each as long as it takes in the middle."""
        return sum(self.median(name) * len(times) for name, times in self.by_step.items()) / self.lives


async def measure(rounds: int = ROUNDS) -> Result:
    """Write the same lives in turns whole, without facts and without events, in this many rounds."""
    took = {way: _Took() for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        async with Postgres(Path(folder)) as server:
            await upgrade(server.url)
            engine = create_engine_from_url(server.url)
            try:
                for number in range(rounds + 1):
                    # The first round only warms up.
                    await _a_round(engine, took if number else {way: _Took() for way in WAYS})
            finally:
                await engine.dispose()
    whole = took[WHOLE].life
    return Result(
        _report(took),
        [Comparison("writes of a life", whole, took[way].life, way, "ms", bar=None) for way in WAYS if way != WHOLE],
    )


async def _a_round(engine: AsyncEngine, took: Mapping[str, _Took]) -> None:
    """Lives side by side, the ways in turns, so that whatever else the machine does disturbs all alike."""
    records, whose = SubscriptionRecords(engine, TrialKey("bench")), Customers(engine)
    lives = []
    for _ in range(len(WAYS) * LIVES):
        external_id = str(uuid4())
        customer = await whose.upsert(tenant="default", external_id=external_id, email=f"{external_id}@example.com")
        lives.append(_life(customer))
    for step_of_each in zip(*lives, strict=True):
        for number, (what, step) in enumerate(step_of_each):
            # In groups, none always the first.
            name = WAYS[(number + number // len(WAYS)) % len(WAYS)]
            with _as(name):
                began = time.perf_counter()
                await records.save(step)
                took[name].by_step[what].append((time.perf_counter() - began) * 1000)


@contextmanager
def _as(name: str) -> Iterator[None]:
    """Leave the facts or the events out while the block runs, if that is to be measured."""
    if name == WHOLE:
        yield
    elif name == WITHOUT_FACTS:
        with patch(f"{WRITE_MODEL}.facts_of", _none):
            yield
    else:
        with patch(f"{WRITE_MODEL}.events_of", _untold):
            yield


def _untold(_step: Step, _before: Subscription | None) -> list[OutboundEvent]:
    return []


def _none(_before: Subscription | None, _step: Step) -> Facts:
    return Facts()


def _life(customer: str) -> list[tuple[str, Step]]:
    """The steps of a year, as the workflow takes them."""
    it = replace(
        Subscription.to(STARTER, subscription_id=str(uuid4()), tenant="default", customer=customer, created_at=NOW),
        trial_ends_at=NOW + 14 * DAY,
        reminders=tuple(Reminder(days, NOW + (14 - days) * DAY) for days in (7, 3, 1)),
        card=CARD,
    )
    life: list[tuple[str, Step]] = []

    def take(name: str, step: Step) -> Subscription:
        life.append((name, step))
        return step.subscription

    it = take("trial begins", trial.started(it, POLICY, NOW, CAUSE))
    for days in (7, 11, 13):
        it = take("reminder", trial.reminded(it, POLICY, NOW + days * DAY, CAUSE))
    it = take("converted", _paid(it, 0))
    for number in range(1, RENEWALS + 1):
        it = take("renewed", _paid(it, number))
    it = take("upgraded", plan_changes.changed_at_cost(it, PRO, _charge(it, 20), POLICY, _at(10.5), CAUSE))
    it = take("declined", recovery.failed(it, _charge(it, 11, ChargeOutcome.DECLINED), POLICY, _at(11), CAUSE))
    it = take("recovered", _paid(it, 11))
    take("canceled", commands.canceled(it, End(EndKind.CUSTOMER, "bye", "unused"), _at(12), CAUSE))
    return life


def _at(months: float) -> datetime:
    return NOW + 14 * DAY + months * 30 * DAY


def _paid(it: Subscription, number: int) -> Step:
    return payments_received.paid(it, _charge(it, number), POLICY, _at(number), CAUSE)


def _charge(it: Subscription, number: int, outcome: ChargeOutcome = ChargeOutcome.PAID) -> Charge:
    status = "paid" if outcome is ChargeOutcome.PAID else "open"
    invoice = Invoice(f"in_{it.id}_{number}", f"T-{number}", status, it.amount, "usd", "https://pay.example/in")
    decline = None if outcome is ChargeOutcome.PAID else Decline("insufficient_funds")
    return Charge(outcome, invoice, decline, f"sub_{it.id}", _at(number), _at(number + 1))


def _report(took: Mapping[str, _Took]) -> str:
    head = f"{'milliseconds a write':<22}" + "".join(f"{way:>16}" for way in WAYS)
    steps = [_line(name, *(took[way].median(name) for way in WAYS)) for name in took[WHOLE].by_step]
    return "\n".join([head, *steps, _line("a life of a year", *(took[way].life for way in WAYS))])


def _line(name: str, whole: float, *less: float) -> str:
    shares = "".join(f"{each:>8.2f}{(whole / each - 1) * 100:>+7.1f}%" for each in less)
    return f"{name:<22}{whole:>16.2f}{shares}"
