"""Everything outside of Tenure on real servers, and the production processes that are started there."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from domain.names import SEARCH_ATTRIBUTE_TYPES
from gateways.stripe.catalog_push import push
from gateways.stripe.http_client import connected
from sandbox.mailbox import Mailbox
from sandbox.own_account import open_portal
from sandbox.postgres import Postgres
from sandbox.processes import free_port
from sandbox.serving import serve
from sandbox.stripe import StripeSimulator
from sandbox.temporal import TemporalDevServer
from storage.access.api_keys import ApiKeys, Role
from storage.db.engine import create_engine_from_url
from storage.db.migrations import upgrade
from storage.db.roles import DatabaseRole
from tests.harness.callers import Caller
from tests.harness.catalogs import CATALOG, POLICY, shipped_catalog
from tests.harness.patience import until
from tests.harness.typed import Command, Forker

Tell = Callable[[str], None]
STRIPE_KEY, WEBHOOK_SECRET = "sk_test_of_the_outage_tests", "whsec_of_the_outage_tests"


@dataclass(frozen=True)
class Process:
    """One `tenure api` or `tenure worker`."""

    running: Command
    log: Path

    def says(self, text: str) -> bool:
        """True once this is in its log; a process that has ended says nothing more."""
        said = self.log.read_text()
        assert self.running.returncode is None, said
        return text in said

    @property
    def pid(self) -> int:
        return self.running.pid

    async def kill(self) -> None:
        """End it as a machine that loses power does."""
        self.running.kill()
        await self.running.wait()


@dataclass(frozen=True)
class Site:
    """The servers, and the settings that lead there."""

    folder: Path
    postgres: Postgres
    temporal: TemporalDevServer
    simulator: StripeSimulator
    mailbox: Mailbox
    key: str
    settings: dict[str, str]
    forker: Forker

    @classmethod
    @asynccontextmanager
    async def laid_out(cls, folder: Path, forker: Forker) -> AsyncIterator["Site"]:
        async with AsyncExitStack() as exits:
            postgres = Postgres(folder, durable=False)
            temporal = TemporalDevServer(folder, search_attributes=SEARCH_ATTRIBUTE_TYPES, durable=False, ui=False)
            exits.push_async_callback(postgres.stop)
            exits.push_async_callback(temporal.stop)
            await asyncio.gather(postgres.start(), temporal.start())
            await upgrade(postgres.url)
            mailbox = await exits.enter_async_context(Mailbox(folder))
            simulator = StripeSimulator(None, api_key=STRIPE_KEY, webhook_secret=WEBHOOK_SECRET)
            simulator.base_url = await exits.enter_async_context(serve(simulator.app))
            stripe = await exits.enter_async_context(connected(STRIPE_KEY, simulator.base_url))
            await push(stripe, shipped_catalog())
            await open_portal(stripe)
            await simulator.start()
            exits.push_async_callback(simulator.stop)
            engine = create_engine_from_url(postgres.url, role=DatabaseRole.SYSTEM)
            key = await ApiKeys(engine).create(Role.ADMIN, "outages")
            await engine.dispose()
            settings = _settings(postgres.url, temporal.address, simulator.base_url, mailbox.smtp_url)
            yield cls(folder, postgres, temporal, simulator, mailbox, key, settings, forker)

    async def payments(self, names: Iterable[str]) -> Counter[str]:
        """How often each of these customers has paid, on whichever of their subscriptions at Stripe."""
        paid: Counter[str] = Counter()
        async with connected(STRIPE_KEY, self.simulator.base_url) as api:
            for name in names:
                for customer in (await api.v1.customers.list_async({"email": f"{name}@example.com"})).data:
                    invoices = await api.v1.invoices.list_async({"customer": customer.id, "limit": 100})
                    paid[name] += sum(one.status == "paid" and one.amount_due > 0 for one in invoices.data)
        return paid

    @asynccontextmanager
    async def process(self, name: str, *, release: str = "", **settings: str) -> AsyncIterator[Process]:
        """A production process while the block runs. It is told to stop at the end, if it has not ended by itself.

        *release* names a module whose `install` makes it another release.
        """
        log = self.folder / f"{name}-{free_port()}.log"
        log.touch()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
        given = {**kept, **self.settings, **settings}
        running = await self.forker.start([name], self.folder, given, log, log, release=release)
        try:
            yield Process(running, log)
        finally:
            await running.stop()

    @asynccontextmanager
    async def worker(self, *, release: str = "", **settings: str) -> AsyncIterator[Process]:
        async with self.process("worker", release=release, **settings) as process:
            await until(lambda: process.says("worker ready"))
            yield process

    @asynccontextmanager
    async def api(self, **settings: str) -> AsyncIterator[tuple[Process, Caller]]:
        """An API that is ready, and its admin."""
        port = str(free_port())
        async with (
            self.process("api", TENURE_API_PORT=port, **settings) as process,
            Caller.at(f"http://127.0.0.1:{port}", self.key) as caller,
        ):
            await until(lambda: process.says("api starting"))
            await until(lambda: status_of(caller, "ready"))
            yield process, caller


async def status_of(caller: Caller, status: str) -> bool:
    """True if readiness says so."""
    try:
        return bool((await caller.get("/readyz")).json()["status"] == status)
    except httpx.TransportError:
        return False


def _settings(database: str, temporal: str, stripe: str, smtp: str) -> dict[str, str]:
    return {
        "TENURE_DATABASE_URL": database,
        "TENURE_TEMPORAL_ADDRESS": temporal,
        "TENURE_STRIPE_API_KEY": STRIPE_KEY,
        "TENURE_STRIPE_API_BASE": stripe,
        "TENURE_STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
        "TENURE_SMTP_URL": smtp,
        "TENURE_MAIL_FROM": "Acme <billing@acme.example>",
        "TENURE_CATALOG": str(CATALOG),
        "TENURE_POLICY": str(POLICY),
        "TENURE_PAYMENTS_A_SECOND": "1000",
        # Many ask at once here, with one key.
        "TENURE_RATE_REQUESTS": "0",
        "TENURE_RATE_CHECKS": "0",
        "TENURE_RATE_LISTS": "0",
        "TENURE_PUBLIC_URL": "http://127.0.0.1:1",
        "TENURE_API_HOST": "127.0.0.1",
        "TENURE_SECRET_KEY": "Kq3vX9pLw2sT7yBd5nHf8mRj4cGz6aEu",
        "TENURE_TRIAL_KEY": "Wd8kQ2vNz5tRy7bLx3pHf9mSj6cGa4Eu",
    }
