"""Trials that end within six hours while nothing runs that makes progress, and what comes of them afterwards."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from bench.results import Comparison, Result
from configuration.offer_check import load_offer
from domain.names import subscription_workflow_id
from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from sandbox.burst import AT_ONCE, SignUps
from storage.subscriptions.trials import TrialKey
from tests.chaos.installation import Installation
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.names import a_name
from tests.harness.site import STRIPE_KEY
from tests.harness.typed import Forker

NUMBER = 2000
OUTAGE = timedelta(hours=6)
UNTIL_OUTAGE = timedelta(hours=2)
"""Longer than it takes to sign all up, in real time."""
MOVED_AT_ONCE, LOOKED_AT_ONCE = 20, 10
GIVEN_UP_AFTER = 1800.0
NOBODY_WOKEN_BEFORE = timedelta(milliseconds=25)
"""The clock is moved to this much before a trial's end; real time does the rest."""


_ACTIVE = text("SELECT count(*) FROM subscriptions WHERE id = ANY(:ids) AND status = 'active'")
_WAITING = text("""
    SELECT (SELECT count(*) FROM mails WHERE subscription = ANY(:ids) AND status = 'queued')
        + (SELECT count(*) FROM webhook_inbox WHERE handled_at IS NULL)
""")


@dataclass(frozen=True)
class Endured:
    """What came of an outage."""

    number: int
    caught_up: float
    """Seconds from the start of the processes until nothing was left to do."""
    charges: Mapping[int, int]
    """How many subscriptions were charged so often."""
    mails: Mapping[int, int]
    """How many customers got this many mails of their first charge; there are two, welcome and receipt."""
    left: int
    """Subscriptions that are not active."""

    @property
    def is_broken(self) -> bool:
        return self.charges != {1: self.number} or self.mails != {2: self.number} or bool(self.left)

    def rows(self) -> Iterator[tuple[str, str]]:
        yield "boundaries", f"{self.number}, spread evenly over {OUTAGE.total_seconds() / 3600:g} h"
        yield "charges lost", str(self.charges.get(0, 0))
        yield "charges doubled", str(sum(count for times, count in self.charges.items() if times > 1))
        yield "mails lost", str(sum(count * (2 - mails) for mails, count in self.mails.items() if mails < 2))
        yield "mails doubled", str(sum(count * (mails - 2) for mails, count in self.mails.items() if mails > 2))
        yield "subscriptions not active afterwards", str(self.left)
        yield "time to catch up", f"{self.caught_up:.0f} s, {self.number / self.caught_up:.1f} a second"


@dataclass(frozen=True)
class Crowd:
    """Subscriptions whose trials end within the outage."""

    engine: AsyncEngine
    names: list[str]
    ids: list[str]
    ends: list[datetime]

    async def active(self) -> int:
        return await self._count(_ACTIVE)

    async def waiting(self) -> int:
        """How many mails and webhooks wait."""
        return await self._count(_WAITING)

    async def _count(self, query: TextClause) -> int:
        async with self.engine.connect() as connection:
            found: int = (await connection.execute(query, {"ids": self.ids})).scalar_one()
            return found


async def measure(number: int = NUMBER) -> Result:
    """Let it happen and print what came of it."""
    async with Forker.at_work() as forker:
        endured = await outlived(forker, number)
    words = [f"{what:<40}{how}" for what, how in endured.rows()]
    text = "\n".join([*words, "BROKEN" if endured.is_broken else "nothing lost, nothing doubled"])
    right = endured.charges.get(1, 0), endured.mails.get(2, 0)
    wrong = zip(("charges", "customers' mails"), right, strict=True)
    comparisons = [Comparison(f"{what} lost or doubled", number - each, 0, "none") for what, each in wrong]
    return Result(text, comparisons, failure="something was lost or doubled" if endured.is_broken else "")


async def outlived(forker: Forker, number: int) -> Endured:
    """Sign up *number* customers, let the outage go by, and wait until all is done that was due in it."""
    async with Installation.begun(forker) as it:
        crowd = await _crowd(it, number)
        await it.api.kill()
        await it.worker.kill()
        await _six_hours(it, crowd)
        began = time.monotonic()
        await asyncio.gather(it.start_worker(), it.start_api())
        await _done(crowd)
        caught_up = time.monotonic() - began
        left = number - await crowd.active()
        return Endured(
            number,
            caught_up,
            await _charges(it, crowd),
            _mails(it, crowd),
            left,
        )


async def _crowd(it: Installation, number: int) -> "Crowd":
    catalog, policy = load_offer(CATALOG, POLICY)
    key = TrialKey(it.site.settings["TENURE_TRIAL_KEY"])
    sign_ups = SignUps(it.servers.client, it.servers.engine, key, catalog, policy)
    begins, turns = datetime.now(UTC) + UNTIL_OUTAGE, asyncio.Semaphore(AT_ONCE)
    names = [a_name(f"outage-{place}") for place in range(number)]
    ends = [begins + OUTAGE * random.random() for _ in names]  # noqa: S311 - no secret
    async with connected(STRIPE_KEY, it.site.simulator.base_url) as api:
        wallets = stripe_provider(api).wallets

        async def one(name: str, ends_at: datetime) -> str:
            async with turns:
                return await sign_ups.sign_up(
                    name, ends_at, lambda contact: wallets.open_wallet(contact, "pm_card_visa", key=contact.customer)
                )

        ids = await asyncio.gather(*(one(*each) for each in zip(names, ends, strict=True)))
    return Crowd(it.servers.engine, names, ids, ends)


async def _six_hours(it: Installation, crowd: Crowd) -> None:
    """Move Stripe's clock of each customer to the end of the outage, and each workflow's to its trial's end.

    A workflow's clock goes no further by itself: its timer has fired, and its task waits for a worker.
    """
    skipper = TimeSkipper(it.servers.client, config=TimeSkippingConfig(enabled=False, max_session_skip_count=1))
    over, turns = datetime.now(UTC) + UNTIL_OUTAGE + OUTAGE, asyncio.Semaphore(MOVED_AT_ONCE)

    async def move(name: str, subscription: str, ends_at: datetime) -> None:
        async with turns:
            await it.site.simulator.advance(name, over)
            handle = it.servers.client.get_workflow_handle(subscription_workflow_id(subscription))
            await skipper.fast_forward(handle, ends_at - datetime.now(UTC) - NOBODY_WOKEN_BEFORE)

    await asyncio.gather(*(move(*one) for one in zip(crowd.names, crowd.ids, crowd.ends, strict=True)))


async def _done(crowd: Crowd) -> None:
    async with asyncio.timeout(GIVEN_UP_AFTER):
        while await crowd.active() != len(crowd.ids) or await crowd.waiting():  # noqa: ASYNC110
            await asyncio.sleep(0.25)


async def _charges(it: Installation, crowd: Crowd) -> Counter[int]:
    """How many have been charged so often, as Stripe knows."""
    turns = asyncio.Semaphore(LOOKED_AT_ONCE)

    async def one(name: str) -> int:
        async with turns:
            return (await it.site.payments([name]))[name]

    return Counter(await asyncio.gather(*(one(name) for name in crowd.names)))


def _mails(it: Installation, crowd: Crowd) -> Counter[int]:
    """How many have got this many mails of their conversion."""
    came = Counter(
        message["to"]
        for message in it.site.mailbox.messages()
        if message["headers"]["X-Tenure-Occasion"] != "trial_started"
    )
    return Counter(came[f"{name}@example.com"] for name in crowd.names)
