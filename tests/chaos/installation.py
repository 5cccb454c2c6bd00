"""Tenure as production processes that are killed, frozen and started again, as a machine and its supervisor do."""

import asyncio
import math
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from domain.names import reconcile_schedule_id
from gateways.stripe.http_client import connected
from sandbox.processes import free_port
from sandbox.product import Product
from sandbox.stack import WEBHOOKS
from tests.chaos import trusting
from tests.chaos.clocks import executed, shifted
from tests.chaos.invariants import Inspector
from tests.chaos.listening import URL, Listener
from tests.harness.callers import Caller
from tests.harness.folders import migrated_folder
from tests.harness.freezing import children, frozen
from tests.harness.lives import Life
from tests.harness.patience import until
from tests.harness.site import STRIPE_KEY, Process, Site, status_of
from tests.harness.site_clocks import Controlled
from tests.harness.typed import TENURE, Forker

_WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'journal'::regclass")
_UNDELIVERED = text("SELECT count(*) FROM event_deliveries WHERE state = 'pending'")
_EVENTS = text("SELECT id, type FROM events WHERE subscription = :id")
_LOCK = text("LOCK TABLE journal IN EXCLUSIVE MODE")
UNFINISHED = frozenset({"request_in_progress", "outcome_unknown", "still_working"})
TOO_MANY = 429
_ONE_BY_ONE = asyncio.Lock()
"""Alembic migrates one database at a time in a process."""


@dataclass
class Installation:
    """One API and one worker on a site of their own."""

    site: Site
    servers: Controlled
    product: Product
    inspector: Inspector
    caller: Caller
    listener: Listener
    port: int
    exits: AsyncExitStack
    api: Process = field(init=False)
    worker: Process = field(init=False)
    _frozen: dict[int, ExitStack] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    """Answers that no caller should get, whatever goes wrong."""

    @classmethod
    @asynccontextmanager
    async def begun(cls, forker: Forker) -> AsyncIterator[Self]:
        """All of it, ready, while the block runs."""
        async with AsyncExitStack() as exits:
            folder = exits.enter_context(migrated_folder())
            async with _ONE_BY_ONE:
                site = await exits.enter_async_context(Site.laid_out(folder, forker))
            servers = await exits.enter_async_context(Controlled.of(site, woken_after=math.inf))
            port = free_port()
            address = f"http://127.0.0.1:{port}"
            site.settings["TENURE_PUBLIC_URL"] = address
            listener = await exits.enter_async_context(Listener.beside(folder))
            site.settings.update(listener.settings)
            stripe = await exits.enter_async_context(connected(STRIPE_KEY, site.simulator.base_url))
            product = await exits.enter_async_context(Product(servers.addresses(address)))
            caller = await exits.enter_async_context(Caller.at(address, site.key))
            it = cls(site, servers, product, Inspector(servers, stripe), caller, listener, port, exits)
            site.simulator.webhook_url = f"{address}{WEBHOOKS}"
            await asyncio.gather(it.start_worker(), it.start_api())
            # While a clock is moved, Stripe is ahead of it on purpose: nothing may be healed by itself then.
            await servers.client.get_schedule_handle(reconcile_schedule_id()).pause(note="clocks are moved one by one")
            yield it

    async def start_api(self) -> None:
        self.api = await self.exits.enter_async_context(self.site.process("api", **self._of_api()))
        await self._api_is_there()

    async def start_api_by(self, shift: int) -> None:
        """Start the API with a clock that is ahead by so many seconds."""
        self.api = await self._executed("api", shift, self._of_api())
        await self._api_is_there()

    async def start_worker(self) -> None:
        self.worker = await self.exits.enter_async_context(self.another_worker())

    def another_worker(self) -> AbstractAsyncContextManager[Process]:
        """A worker beside the one that is there, while the block runs."""
        return self.site.worker(release=trusting.__name__)

    async def start_worker_by(self, shift: int) -> None:
        self.worker = await self._executed("worker", shift, trusting.from_start(self.site.folder))
        await until(lambda: self.worker.says("worker ready"))

    async def stop_api(self) -> None:
        await self.api.running.stop()

    async def stop_worker(self) -> None:
        await self.worker.running.stop()

    async def is_ready(self) -> bool:
        return await status_of(self.caller, "ready")

    def _of_api(self) -> dict[str, str]:
        return {"TENURE_API_PORT": str(self.port)}

    async def _api_is_there(self) -> None:
        await until(lambda: self.api.says("api starting"))
        await until(self.is_ready)

    async def _executed(self, name: str, shift: int, settings: Mapping[str, str]) -> Process:
        log = self.site.folder / f"{name}-{free_port()}.log"
        log.touch()
        environment = {**self.site.settings, **settings, **shifted(shift)}
        command = await executed([str(TENURE), name], self.site.folder, environment, log)
        process = Process(command, log)
        self.exits.push_async_callback(command.stop)
        return process

    def freeze(self, pid: int) -> None:
        """Have a process and its children stand still until they are thawed, at the latest when all this ends."""
        self._frozen[pid] = thawing = self.exits.enter_context(ExitStack())
        thawing.enter_context(frozen(pid))

    def thaw(self, pid: int) -> None:
        self._frozen.pop(pid).close()

    async def kill_temporal(self) -> None:
        """Kill the server and start it again on its data."""
        _kill(self.site.temporal.pid)
        await self.site.temporal.stop()
        await self.site.temporal.start()

    async def kill_postgres(self) -> None:
        """Kill all of the server's processes and start it again on its data."""
        _kill(self.site.postgres.pid)
        await self.start_postgres_again()

    async def start_postgres_again(self) -> None:
        """What a supervisor does, also where it has not given up."""
        await self.site.postgres.stop()
        await self.site.postgres.start()

    async def listen(self) -> None:
        """Have every event from now on be sent to the listener."""
        answer = await self.caller.post("/v1/webhook-endpoints", {"url": URL})
        if not answer.is_success:
            raise RuntimeError(answer.text)
        self.listener.secret = answer.json()["secret"]

    async def told(self) -> None:
        """Wait until nothing is left to deliver, or for as long as that may take."""
        with suppress(TimeoutError):
            await until(self._all_delivered)

    async def _all_delivered(self) -> bool:
        async with self.servers.engine.connect() as connection:
            return not (await connection.execute(_UNDELIVERED)).scalar_one()

    async def untold(self, life: Life) -> list[str]:
        """What is wrong with what the listener was told of a subscription."""
        async with self.servers.engine.connect() as connection:
            committed = (await connection.execute(_EVENTS, {"id": life.id})).all()
        return list(self.listener.wrong(committed, await life.stands()))

    @asynccontextmanager
    async def journal_locked(self) -> AsyncIterator["Locked"]:
        """Nobody can record a step while the block runs."""
        url = self.site.postgres.superuser_url.replace("postgresql://", "postgresql+asyncpg://")
        engine = create_async_engine(url)
        try:
            async with engine.begin() as connection:
                await connection.execute(_LOCK)
                yield Locked(self.servers.engine)
        finally:
            await engine.dispose()

    async def answered(self, path: str, key: str, body: object) -> httpx.Response:
        """Ask under one key until there is a result, as a careful product does."""
        while True:
            try:
                answer = await self.caller.http.post(path, json=body, headers={"Idempotency-Key": key}, timeout=15)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            is_unfinished = answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR or answer.status_code == TOO_MANY
            if not is_unfinished and answer.json().get("code") not in UNFINISHED:
                return answer
            if answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
                self.unexpected.append(f"500 to {path}: {answer.text[:200]}")
            await asyncio.sleep(0.2)


@dataclass(frozen=True)
class Locked:
    """A table that nobody can write to."""

    engine: AsyncEngine

    async def waiting(self) -> int:
        """How many wait for it."""
        async with self.engine.connect() as connection:
            found: int = (await connection.execute(_WAITING)).scalar_one()
            return found


def _kill(pid: int) -> None:
    """Kill a process and its children."""
    for each in (pid, *children(pid)):
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
