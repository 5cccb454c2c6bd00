"""Production processes on embedded servers: an API and a worker, each by itself, and what they use."""

import asyncio
import math
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from sandbox.burst import SignUps
from sandbox.lives import SubscriptionLife
from sandbox.processes import free_port
from sandbox.travel import Traveller
from services.payload_codec import converter_with
from storage.db.engine import create_engine_from_url
from storage.db.roles import DatabaseRole
from storage.subscriptions.trials import TrialKey
from tests.harness.callers import Caller
from tests.harness.catalogs import shipped_catalog, shipped_policy
from tests.harness.site import Site
from tests.harness.typed import Forker

WEBHOOKS = "/webhooks/stripe"
NOON = 12


@dataclass(frozen=True)
class Production:
    """The servers, one API and one worker."""

    site: Site
    client: Client
    engine: AsyncEngine
    """Of the role that sees every tenant."""
    observer: AsyncEngine
    """The same, by a login of its own."""
    caller: Caller
    """Calls the API."""
    worker_pid: int
    api_pid: int
    metrics: str
    """The URL at which the worker tells its metrics."""

    @classmethod
    @asynccontextmanager
    async def running(cls, **settings: str) -> AsyncIterator["Production"]:
        """Start everything, with further settings for both processes, and stop it at the end."""
        async with AsyncExitStack() as exits:
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
            forker = await exits.enter_async_context(Forker.at_work())
            site = await exits.enter_async_context(Site.laid_out(folder, forker))
            await site.postgres.let_observe()
            address = f"127.0.0.1:{free_port()}"
            api, caller = await exits.enter_async_context(site.api(**settings))
            worker = await exits.enter_async_context(site.worker(TENURE_METRICS_ADDRESS=address, **settings))
            site.simulator.webhook_url = f"{caller.http.base_url}".rstrip("/") + WEBHOOKS
            client = await Client.connect(site.temporal.address, data_converter=converter_with(()))
            engine = create_engine_from_url(site.postgres.url, role=DatabaseRole.SYSTEM)
            exits.push_async_callback(engine.dispose)
            observer = create_engine_from_url(site.postgres.observer_url)
            exits.push_async_callback(observer.dispose)
            url = f"http://{address}/metrics"
            yield cls(site, client, engine, observer, caller, worker.pid, api.pid, url)

    def sign_ups(self) -> SignUps:
        """Customers for whom it is noon, so that contact hours hold nothing back."""
        key = TrialKey(self.site.settings["TENURE_TRIAL_KEY"])
        policy = shipped_policy()
        return SignUps(
            self.client, self.engine, key, shipped_catalog(), policy, timezone=where_it_is_noon(datetime.now(UTC))
        )

    async def samples(self, family: str) -> list[Sample]:
        """What the worker tells of one family of series."""
        async with httpx.AsyncClient(trust_env=False) as client:
            told = (await client.get(self.metrics)).text
        return [
            sample for each in text_string_to_metric_families(told) if each.name == family for sample in each.samples
        ]

    def traveller(self) -> Traveller:
        return Traveller(TimeSkipper(self.client, config=TimeSkippingConfig(enabled=False)), self.site.simulator)

    async def life(self, subscription: str) -> SubscriptionLife:
        """A subscription whose clock can be moved; looks at it are by the observer."""
        return await SubscriptionLife.of(subscription, self.client, self.observer, lambda: True)


def where_it_is_noon(moment: datetime) -> str:
    """A time zone, whose hours of the day let everything happen at that moment."""
    hours = moment.hour - NOON
    # By POSIX, the sign of these is the other way round.
    return f"Etc/GMT{hours:+d}" if hours else "Etc/GMT"


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def share(values: Sequence[float], of: float) -> float:
    """The value that so large a share of all is not beyond."""
    return sorted(values)[max(math.ceil(len(values) * of) - 1, 0)]


async def pause_until(moment: datetime) -> None:
    await asyncio.sleep(max((moment - datetime.now(UTC)).total_seconds(), 0.0))
