"""Trials that all end within a minute, under Stripe's live limits and the fleet's rate, while a customer acts."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text

from bench.floor import floor_worker, start_floor
from bench.lateness import Due, Kind, committed, signed_up
from bench.production import Production, pause_until, resident, share
from bench.results import Comparison, Result, Shares
from gateways.stripe.rate_limits import LIVE_A_SECOND, ONE_ENDPOINT_A_SECOND, steps_a_second

NUMBER = 1000
MINUTE = timedelta(seconds=60)
TRIAL = (Kind("convert", "converted", is_paced=True, has_card=True),)
RATE = steps_a_second("sk_live_")
"""Steps a second of a fleet with a live key."""
LIMITS = {"total": LIVE_A_SECOND, "per_endpoint": ONE_ENDPOINT_A_SECOND}
SLOWER = 4.0
"""Than the rate allows it may be, on a slow machine."""
FLOOR = 60
"""This many plain timers, too, fall due within the minute."""
IDLE_COMMANDS = 20
ACTS_EVERY = 1.0
"""Seconds."""
TOO_MANY, STILL_WORKING = 429, 503
_PAID = text("SELECT count(*) FROM invoices WHERE subscription = ANY(:ids) AND status = 'paid' GROUP BY subscription")
MEGABYTE = 2**20


@dataclass
class Person:
    """A paying customer who puts another card on file, again and again."""

    production: Production
    subscription: str
    took: list[float] = field(default_factory=list)

    async def act(self) -> None:
        began, key = time.monotonic(), {"Idempotency-Key": str(uuid4())}
        path, body = f"/v1/subscriptions/{self.subscription}/payment-method", {"payment_method": "pm_card_mastercard"}
        while True:
            answer = await self.production.caller.http.post(path, json=body, headers=key)
            if answer.status_code != STILL_WORKING:
                answer.raise_for_status()
                self.took.append(time.monotonic() - began)
                return

    async def act_again_and_again(self) -> None:
        while True:
            await asyncio.gather(self.act(), asyncio.sleep(ACTS_EVERY))


@dataclass(frozen=True)
class Memory:
    """Bytes of the worker's."""

    idle: int
    signed_up: int
    """With all trials running."""
    most: int


@dataclass(frozen=True)
class Drained:
    """What came of them."""

    late: Sequence[float]
    """Seconds from the end of each trial until it was paid for."""
    floor: Sequence[float]
    seconds: float
    """From the first end until the last payment was committed."""
    calls: Counter[int]
    """Requests to Stripe by the status of their answers."""
    bills: Counter[int]
    """How many subscriptions have paid this many bills."""
    memory: Memory
    idle: Sequence[float]
    busy: Sequence[float]


async def measure(number: int = NUMBER) -> Result:
    """Let this many trials end within a minute and tell how it went."""
    async with (
        Production.running(TENURE_PAYMENTS_A_SECOND=f"{RATE:g}") as production,
        floor_worker(production.site.temporal.address),
    ):
        person = await _somebody(production)
        for _ in range(IDLE_COMMANDS):
            await asyncio.gather(person.act(), asyncio.sleep(0.2))
        idle, at_rest = person.took, resident(production.worker_pid)
        due = await signed_up(production, number, MINUTE, TRIAL)
        drained = await _drained(production, due, Person(production, person.subscription), idle, at_rest)
    return _result(drained)


async def _somebody(production: Production) -> Person:
    customer = {"external_id": "somebody", "email": "somebody@example.com"}
    body = {"customer": customer, "plan": "starter", "trial_days": 0, "payment_method": "pm_card_visa"}
    answer = await production.caller.http.post(
        "/v1/subscriptions", json=body, headers={"Idempotency-Key": str(uuid4())}, timeout=60
    )
    answer.raise_for_status()
    return Person(production, answer.json()["id"])


async def _drained(production: Production, due: Due, person: Person, idle: Sequence[float], at_rest: int) -> Drained:
    simulator, pid = production.site.simulator, production.worker_pid
    first = min(moment for moment, _ in due.values())
    floor = await start_floor(production.client, [first + MINUTE * place / FLOOR for place in range(FLOOR)])
    before, signed_up_with = len(simulator.call_log()), resident(pid)
    simulator.set_faults(stripe={"rate_limit": LIMITS})
    await pause_until(first)
    samples = [signed_up_with]
    beside = [asyncio.create_task(person.act_again_and_again()), asyncio.create_task(_sampled(pid, samples))]
    try:
        patience = len(due) / RATE * SLOWER + MINUTE.total_seconds() * SLOWER
        steps = await committed(production, due, patience)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    async with production.observer.connect() as connection:
        bills = Counter((await connection.execute(_PAID, {"ids": list(due)})).scalars())
    return Drained(
        [step.late for step in steps],
        [await each.result() for each in floor],
        (max(step.at for step in steps) - first).total_seconds(),
        Counter(status for *_, status in simulator.call_log()[before:]),
        bills,
        Memory(at_rest, signed_up_with, max(samples)),
        idle,
        person.took,
    )


async def _sampled(pid: int, samples: list[int]) -> None:
    while True:
        samples.append(resident(pid))
        await asyncio.sleep(0.5)


def _result(drained: Drained) -> Result:
    number, pacing = len(drained.late), _pacing(drained)
    spreads = [("timer and no-op (floor)", drained.floor), ("trial ends until paid", drained.late)]
    commands = [("a customer's command, idle", drained.idle), ("the same while trials end", drained.busy)]
    comparisons = [
        Comparison("time to drain", drained.seconds, pacing, "pacing alone", "s", bar=1.5),
        Comparison("trials that end a second", number / drained.seconds, RATE, "the fleet's rate", bar=None),
        *(
            Comparison(
                f"a customer's command, {name}", share(drained.busy, of), share(drained.idle, of), "idle", "s", bar=None
            )
            for name, of in (("p50", 0.5), ("p99", 0.99))
        ),
    ]
    plots = [
        Shares("From the end of a trial until it is paid for", "s", _drawn(spreads)),
        Shares("A customer's command", "s", _drawn(commands)),
    ]
    return Result("\n".join(_lines(drained, [*spreads, *commands])), comparisons, shares=plots)


def _pacing(drained: Drained) -> float:
    """Seconds that the rate alone takes, or the minute in which the trials end, if that is longer."""
    return max(len(drained.late) / RATE, MINUTE.total_seconds())


def _drawn(spreads: Sequence[tuple[str, Sequence[float]]]) -> list[tuple[str, list[float]]]:
    return [(name, [max(each, 0.001) for each in seconds]) for name, seconds in spreads]


def _lines(drained: Drained, spreads: Sequence[tuple[str, Sequence[float]]]) -> Iterator[str]:
    number, pacing, memory = len(drained.late), _pacing(drained), drained.memory
    yield f"{number} trials end within {MINUTE.total_seconds():.0f} s, with cards; the fleet charges {RATE:g} a second"
    yield f"drained in {drained.seconds:.0f} s; pacing alone takes {pacing:.0f} s, {pacing / drained.seconds:.2f} of it"
    yield f"requests to Stripe: {drained.calls.total()}, turned away (429): {drained.calls[TOO_MANY]}"
    yield from (f"subscriptions with {bills} paid bill(s): {count}" for bills, count in sorted(drained.bills.items()))
    each = (memory.signed_up - memory.idle) / number / 1024
    shown = "idle, with all trials, most: " + ", ".join(
        f"{size / MEGABYTE:.0f}" for size in (memory.idle, memory.signed_up, memory.most)
    )
    yield f"the worker's memory in MB {shown}; a trial takes {each:.0f} KB (1,000 are kept in its cache)"
    yield f"{'seconds':<34}{'number':>8}{'p50':>8}{'p99':>8}{'max':>8}"
    for name, seconds in spreads:
        figures = "".join(f"{one:>8.2f}" for one in (share(seconds, 0.5), share(seconds, 0.99), max(seconds)))
        yield f"{name:<34}{len(seconds):>8}{figures}"
