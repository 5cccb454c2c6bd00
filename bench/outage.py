"""What is due within six hours while nothing runs that makes progress, and what comes of it afterwards."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from bench.boundaries import KINDS, Kind, Member, Pasts
from bench.results import Comparison, Result
from domain.names import subscription_workflow_id
from tests.chaos.installation import Installation
from tests.harness.typed import Forker

NUMBER = 2000
OUTAGE = timedelta(hours=6)
SPREAD = timedelta(hours=5)
"""Retries come up to an hour after the moment that is chosen for them: Stripe first takes an hour to charge."""
UNTIL_OUTAGE = timedelta(hours=2)
"""Longer than it takes to make all pasts, in real time."""
MADE_AT_ONCE, MOVED_AT_ONCE, LOOKED_AT_ONCE = 6, 20, 10
GIVEN_UP_AFTER = 1800.0
NOBODY_WOKEN_BEFORE = timedelta(milliseconds=25)
"""The clock is moved to this much before a boundary; real time does the rest."""


_STATUSES = text("SELECT id::text, status FROM subscriptions WHERE id = ANY(:ids)")
_PAID = text("""
    SELECT subscription::text, count(*) FROM invoices
    WHERE subscription = ANY(:ids) AND status = 'paid' AND amount_due > 0 GROUP BY subscription
""")
_WAITING = text("""
    SELECT (SELECT count(*) FROM mails WHERE subscription = ANY(:ids) AND status = 'queued')
        + (SELECT count(*) FROM webhook_inbox WHERE handled_at IS NULL)
""")


@dataclass(frozen=True)
class Came:
    """What came of boundaries of one kind."""

    kind: str
    number: int
    charges_lost: int = 0
    charges_doubled: int = 0
    mails_lost: int = 0
    mails_doubled: int = 0
    left: int = 0
    """Subscriptions whose status is not what it has to be."""

    @property
    def wrong(self) -> int:
        return self.charges_lost + self.charges_doubled + self.mails_lost + self.mails_doubled + self.left


@dataclass(frozen=True)
class Endured:
    """What came of an outage."""

    kinds: Sequence[Came]
    caught_up: float
    """Seconds from the start of the processes until nothing was left to do."""

    @property
    def number(self) -> int:
        return sum(came.number for came in self.kinds)

    @property
    def is_broken(self) -> bool:
        return any(came.wrong for came in self.kinds)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A table: its head, the kinds, and all of them."""
        yield "boundary", "how many", "charges lost / doubled", "mails lost / doubled", "other status"
        for came in self.kinds:
            charges, mails = (came.charges_lost, came.charges_doubled), (came.mails_lost, came.mails_doubled)
            yield came.kind, f"{came.number}", "{} / {}".format(*charges), "{} / {}".format(*mails), f"{came.left}"

    def in_time(self) -> str:
        """How long it took to catch up."""
        return f"caught up in {self.caught_up:.0f} s, {self.number / self.caught_up:.1f} boundaries a second"


async def measure(number: int = NUMBER) -> Result:
    """Let it happen and print what came of it."""
    async with Forker.at_work() as forker:
        endured = await outlived(forker, number)
    lines = ["{:<34}{:>9}{:>24}{:>22}{:>14}".format(*row) for row in endured.rows()]
    verdict = "BROKEN" if endured.is_broken else "nothing lost, nothing doubled"
    comparisons = [
        Comparison(
            "charges lost or doubled", sum(c.charges_lost + c.charges_doubled for c in endured.kinds), 0, "none"
        ),
        Comparison(
            "customers' mails lost or doubled", sum(c.mails_lost + c.mails_doubled for c in endured.kinds), 0, "none"
        ),
    ]
    failure = "something was lost or doubled" if endured.is_broken else ""
    return Result("\n".join([*lines, endured.in_time(), verdict]), comparisons, failure=failure)


async def outlived(forker: Forker, number: int) -> Endured:
    """Let an outage go by in which this many boundaries lie, and wait until all is done that was due in it."""
    async with Installation.begun(forker) as it:
        crowd = await Crowd.of(it.servers.engine, await _made(it, number))
        await it.api.kill()
        await it.worker.kill()
        await _six_hours(it, crowd)
        began = time.monotonic()
        await asyncio.gather(it.start_worker(), it.start_api())
        for member in crowd.members:
            await it.site.simulator.release_webhooks(member.name)
        await _done(crowd)
        caught_up = time.monotonic() - began
        return Endured(await _came(it, crowd), caught_up)


@dataclass(frozen=True)
class Crowd:
    """Subscriptions whose boundaries lie within the outage."""

    engine: AsyncEngine
    members: Sequence[Member]
    paid: Mapping[str, int]
    """How many charges each had before the outage."""

    @classmethod
    async def of(cls, engine: AsyncEngine, members: Sequence[Member]) -> Self:
        return cls(engine, members, await _found(engine, _PAID, [member.subscription for member in members]))

    async def unsettled(self) -> int:
        """How many have not the status yet, or not the payments, that they have to have."""
        statuses, paid = await self.statuses(), await _found(self.engine, _PAID, self._ids)
        return sum(
            statuses[it.subscription] != it.kind.status or paid.get(it.subscription, 0) < self.due_in_all(it)
            for it in self.members
        )

    def due_in_all(self, member: Member) -> int:
        """The charges of a customer from the sign-up on."""
        return self.paid.get(member.subscription, 0) + member.kind.charges

    async def waiting(self) -> int:
        """How many mails and webhooks wait."""
        async with self.engine.connect() as connection:
            found: int = (await connection.execute(_WAITING, {"ids": self._ids})).scalar_one()
            return found

    async def statuses(self) -> dict[str, str]:
        return await _found(self.engine, _STATUSES, self._ids)

    @property
    def _ids(self) -> list[str]:
        return [member.subscription for member in self.members]


async def _found(engine: AsyncEngine, query: TextClause, ids: Sequence[str]) -> dict[str, Any]:
    async with engine.connect() as connection:
        rows = await connection.execute(query, {"ids": ids})
        return dict(rows.tuples().all())


async def _made(it: Installation, number: int) -> Sequence[Member]:
    """A number of all kinds in turn, spread evenly over the outage."""
    begins, turns = datetime.now(UTC) + UNTIL_OUTAGE, asyncio.Semaphore(MADE_AT_ONCE)
    async with Pasts.of(it) as pasts:

        async def one(kind: Kind, at: datetime) -> Member:
            async with turns:
                member = await pasts.somebody(kind, at)
            if not begins <= member.due_at <= begins + OUTAGE:
                raise RuntimeError(f"{member.name} is due at {member.due_at}, which is not in the outage")
            return member

        moments = [begins + SPREAD * random.random() for _ in range(number)]  # noqa: S311 - no secret
        return await asyncio.gather(*(one(KINDS[place % len(KINDS)], at) for place, at in enumerate(moments)))


async def _six_hours(it: Installation, crowd: Crowd) -> None:
    """Move Stripe's clock of each customer to the end of the outage, and each workflow's to its boundary.

    A workflow's clock goes no further by itself: its timer has fired, and its task waits for a worker. What Stripe has
    to tell waits too: it repeats what nobody takes.
    """
    skipper = TimeSkipper(it.servers.client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=1))
    over, turns = datetime.now(UTC) + UNTIL_OUTAGE + OUTAGE, asyncio.Semaphore(MOVED_AT_ONCE)

    async def move(member: Member) -> None:
        async with turns:
            it.site.simulator.hold_webhooks(member.name)
            await it.site.simulator.advance(member.name, over)
            handle = it.servers.client.get_workflow_handle(subscription_workflow_id(member.subscription))
            target = min(member.wakes_at - NOBODY_WOKEN_BEFORE, over)
            await skipper.fast_forward(handle, target - datetime.now(UTC))

    await asyncio.gather(*(move(member) for member in crowd.members))


async def _done(crowd: Crowd) -> None:
    async with asyncio.timeout(GIVEN_UP_AFTER):
        while await crowd.unsettled() or await crowd.waiting():  # noqa: ASYNC110
            await asyncio.sleep(0.25)


async def _came(it: Installation, crowd: Crowd) -> list[Came]:
    """What has come of each kind, as Stripe, the mailbox and the database know."""
    turns, statuses = asyncio.Semaphore(LOOKED_AT_ONCE), await crowd.statuses()
    mails: dict[str, dict[str, str]] = defaultdict(dict)
    for mail in it.site.mailbox.messages():
        # Once each: a mail that the server took without our hearing of it is sent again, with the same id.
        mails[mail["to"]][mail["message_id"]] = mail["headers"]["X-Tenure-Occasion"]

    async def look(member: Member) -> Came:
        async with turns:
            charges = (await it.site.payments([member.name]))[member.name]
        kind, due, found = member.kind, crowd.due_in_all(member), Counter(mails[f"{member.name}@example.com"].values())
        return Came(
            kind.name,
            1,
            max(due - charges, 0),
            max(charges - due, 0),
            (kind.mails - found).total(),
            (found - kind.mails).total(),
            int(statuses[member.subscription] != kind.status),
        )

    each = await asyncio.gather(*(look(member) for member in crowd.members))
    return [_sum([came for came in each if came.kind == kind.name]) for kind in KINDS]


def _sum(each: Sequence[Came]) -> Came:
    figures = zip(*(astuple(came)[1:] for came in each), strict=True)
    return Came(each[0].kind, *map(sum, figures))
