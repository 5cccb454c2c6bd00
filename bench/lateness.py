"""How late steps are in real time, beside a plain timer with a no-op, and that the SLO's series says the same."""

import asyncio
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import text

from bench.floor import floor_worker, start_floor
from bench.production import Production, pause_until, share
from bench.results import Comparison, Result, Shares
from domain.customers import Contact
from domain.provider.payments import Wallet
from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from sandbox.burst import AT_ONCE, OpenWallet, SignUps
from tests.harness.site import STRIPE_KEY
from worker.measuring import LATENESS

NUMBER = 240
WINDOW = timedelta(seconds=60)
"""In which they fall due, evenly."""
FIRST = 20
"""This many sign up beforehand, to learn how long the others will take."""
SLOWER = 1.5
PATIENCE = 120.0
OBJECTIVE = 5.0
"""Seconds; of steps that wait for nobody."""
SERIES = "tenure_step_lateness_seconds"
A_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Kind:
    """One kind of step, and how a trial comes to it."""

    action: str
    journal: str
    """What the journal calls it."""
    is_paced: bool
    """It calls Stripe first, and waits for its turn there."""
    has_card: bool = False
    is_canceled: bool = False
    before_the_end: timedelta = timedelta()


KINDS: Sequence[Kind] = (
    Kind("send_reminder", "trial_ending", is_paced=False, before_the_end=A_WEEK),
    Kind("cancel", "canceled", is_paced=False, is_canceled=True),
    Kind("send_reminder", "trial_ending", is_paced=False, before_the_end=A_WEEK),
    Kind("convert", "converted", is_paced=True, has_card=True),
    Kind("expire_trial", "trial_expired", is_paced=True),
)
"""In turns."""
_COMMITTED = text("SELECT subscription, kind, recorded_at FROM journal WHERE subscription = ANY(:ids)")


@dataclass(frozen=True)
class Measured:
    """Seconds from due until committed."""

    by_action: Mapping[str, Sequence[float]]
    floor: Sequence[float]
    told: Mapping[str, Sequence[int]]
    """How many are in each bucket by the worker's series, by action; beyond the last one included."""

    def of(self, *, paced: bool) -> list[float]:
        actions = {kind.action for kind in KINDS if kind.is_paced is paced}
        return [each for action in actions for each in self.by_action[action]]


async def measure(number: int = NUMBER) -> Result:
    """Let this many steps fall due within a minute, and as many plain timers."""
    async with Production.running() as production, floor_worker(production.site.temporal.address):
        # Steps that come before are not of the series that is compared.
        due = await signed_up(production, number)
        floor = await start_floor(production.client, [moment for moment, _ in due.values()])
        before = await told_by(production)
        await pause_until(max(moment for moment, _ in due.values()))
        late: dict[str, list[float]] = defaultdict(list)
        for step in await committed(production, due):
            late[step.action].append(step.late)
        # A step is counted once its activity has ended.
        await asyncio.sleep(1)
        after = await told_by(production)
        async with asyncio.timeout(PATIENCE):
            lateness = [await each.result() for each in floor]
    told = {action: [now - then for now, then in zip(after[action], before[action], strict=True)] for action in late}
    return _result(Measured(late, lateness, told))


Due = dict[str, tuple[datetime, Kind]]


async def signed_up(
    production: Production, number: int, window: timedelta = WINDOW, kinds: Sequence[Kind] = KINDS
) -> Due:
    """Subscriptions, each with the moment at which its step is due; the kinds of steps come in turns."""
    sign_ups = production.sign_ups()
    async with connected(STRIPE_KEY, production.site.simulator.base_url) as stripe:
        provider = stripe_provider(stripe)

        async def wallet(contact: Contact) -> Wallet:
            return await provider.wallets.open_wallet(contact, "pm_card_visa", key=contact.customer)

        async def come(moments: Sequence[datetime]) -> Due:
            return await _come(sign_ups, wallet, moments, kinds)

        began = datetime.now(UTC)
        # Far enough ahead to stay out of it.
        await come([began + timedelta(days=1)] * FIRST)
        one = (datetime.now(UTC) - began) / FIRST
        starts = datetime.now(UTC) + number * one * SLOWER + timedelta(seconds=5)
        due = await come([starts + window * place / number for place in range(number)])
    if datetime.now(UTC) >= starts:
        raise RuntimeError(f"{number} sign-ups took longer than expected: the machine is too busy to measure on")
    return due


async def _come(sign_ups: SignUps, wallet: OpenWallet, moments: Sequence[datetime], kinds: Sequence[Kind]) -> Due:
    turn, crowd = asyncio.Semaphore(AT_ONCE), uuid4().hex[:8]

    async def one(place: int, due: datetime) -> tuple[str, tuple[datetime, Kind]]:
        kind = kinds[place % len(kinds)]
        async with turn:
            made = await sign_ups.sign_up(
                f"due-{crowd}-{place}",
                due + kind.before_the_end,
                wallet if kind.has_card else None,
                is_canceled=kind.is_canceled,
            )
        return made, (due, kind)

    return dict(await asyncio.gather(*(one(place, due) for place, due in enumerate(moments))))


@dataclass(frozen=True)
class Committed:
    """One step, with when it was due and when it was committed."""

    action: str
    due: datetime
    at: datetime

    @property
    def late(self) -> float:
        return (self.at - self.due).total_seconds()


async def committed(production: Production, due: Due, patience: float = PATIENCE) -> list[Committed]:
    """All steps, once all are committed; *patience* in seconds."""
    async with asyncio.timeout(patience):
        while True:
            async with production.observer.connect() as connection:
                rows = (await connection.execute(_COMMITTED, {"ids": list(due)})).all()
            found = [(due[str(row.subscription)], row) for row in rows]
            done = [
                Committed(kind.action, at, row.recorded_at) for (at, kind), row in found if row.kind == kind.journal
            ]
            if len(done) == len(due):
                return done
            await asyncio.sleep(0.5)


async def told_by(production: Production) -> Mapping[str, list[int]]:
    """How many steps stand in each bucket of the worker's series, by action."""
    counts: dict[str, Counter[float]] = defaultdict(Counter)
    for sample in await production.samples(SERIES):
        if sample.name == f"{SERIES}_bucket":
            counts[sample.labels["action"]][float(sample.labels["le"])] += int(sample.value)
    bounds = [*LATENESS, float("inf")]
    told: dict[str, list[int]] = defaultdict(lambda: [0] * len(bounds))
    for action, cumulated in counts.items():
        upto = [cumulated[bound] for bound in bounds]
        told[action] = [now - before for now, before in zip(upto, [0, *upto], strict=False)]
    return told


def buckets(seconds: Sequence[float]) -> list[int]:
    """How many stand in each bucket of the series."""
    found = Counter(bisect_left(LATENESS, each) for each in seconds)
    return [found[place] for place in range(len(LATENESS) + 1)]


def _result(measured: Measured) -> Result:
    free, paced = measured.of(paced=False), measured.of(paced=True)
    spreads = (("timer and no-op (floor)", measured.floor), ("steps, not paced", free), ("steps, paced", paced))
    comparisons = [Comparison("lateness of a step, p99", share(free, 0.99), OBJECTIVE, "objective", "s")]
    for name, of in (("p50", 0.5), ("p99", 0.99)):
        what, (ours, floor) = f"lateness of a step, {name}", (share(each, of) for each in (free, measured.floor))
        comparisons.append(Comparison(what, ours, floor, "timer and no-op", "s", bar=None))
    plot = Shares(
        "From due until committed", "s", [(name, [max(each, 0.001) for each in late]) for name, late in spreads]
    )
    return Result("\n".join(_lines(measured, spreads)), comparisons, shares=[plot])


def _lines(measured: Measured, spreads: Sequence[tuple[str, Sequence[float]]]) -> Iterator[str]:
    number = sum(map(len, measured.by_action.values()))
    yield f"{number} steps that fall due within {WINDOW.total_seconds():.0f} s, and as many plain timers"
    yield f"{'milliseconds from due to commit':<34}{'steps':>6}{'p50':>8}{'p99':>8}{'max':>8}"
    yield from (_line(name, late) for name, late in spreads)
    yield from (_line(f"    {action}", late) for action, late in sorted(measured.by_action.items()))
    yield f"objective: p99 of what is not paced within {OBJECTIVE:g} s"
    yield ""
    yield f"by {SERIES}: how many up to each number of seconds"
    bounds = [f"{each:g}" for each in LATENESS]
    seen = {action: buckets(late) for action, late in measured.by_action.items()}
    used = [
        place
        for place in range(len(LATENESS))
        if any(each[place] for each in (*seen.values(), *measured.told.values()))
    ]
    yield f"{'':<34}" + "".join(f"{bounds[place]:>7}" for place in used)
    apart = 0
    for action, counts in sorted(seen.items()):
        for what, each in (("journal", counts), ("series", measured.told[action])):
            yield f"    {action + ', ' + what:<30}" + "".join(f"{each[place]:>7}" for place in used)
        apart += sum(abs(one - other) for one, other in zip(counts, measured.told[action], strict=True))
    yield f"in the same bucket by both: {number - apart // 2} of {number}"


def _line(name: str, late: Sequence[float]) -> str:
    figures = "".join(f"{each * 1000:>8.0f}" for each in (share(late, 0.5), share(late, 0.99), max(late)))
    return f"{name:<34}{len(late):>6}{figures}"
