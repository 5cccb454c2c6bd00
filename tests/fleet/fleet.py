"""Two APIs and three workers as production processes, and what stands before the APIs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx

from domain.names import reconcile_schedule_id
from sandbox.serving import serve
from sandbox.stack import Addresses
from tests.fleet.proxy import RoundRobin
from tests.harness.callers import Caller
from tests.harness.patience import PATIENT
from tests.harness.site import Process, Site
from tests.harness.site_clocks import Controlled

APIS, WORKERS = 2, 3


@dataclass
class Fleet:
    """Processes that run on one site."""

    servers: Controlled
    proxy: RoundRobin
    address: str
    """The URL of the proxy."""
    exits: AsyncExitStack
    apis: list[tuple[Process, Caller]] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def of(cls, site: Site) -> AsyncIterator["Fleet"]:
        """All of them, while the block runs."""
        async with (
            Controlled.of(site) as servers,
            httpx.AsyncClient(timeout=PATIENT, trust_env=False) as http,
            serve(proxy := RoundRobin(http)) as address,
            AsyncExitStack() as exits,
        ):
            fleet = cls(servers, proxy, address, exits)
            site.simulator.webhook_url = f"{address}/webhooks/stripe"
            starts = [fleet.add_worker for _ in range(WORKERS)] + [fleet.add_api for _ in range(APIS)]
            await asyncio.gather(*(start() for start in starts))
            # While a clock is moved, Stripe is ahead of it on purpose: nothing may be healed by itself then.
            await servers.client.get_schedule_handle(reconcile_schedule_id()).pause(
                note="Each life has a clock of its own."
            )
            yield fleet

    @property
    def addresses(self) -> Addresses:
        return self.servers.addresses(self.address)

    async def add_api(self, **settings: str) -> tuple[Process, Caller]:
        """Start one more API, which gets requests from then on."""
        api = await self.exits.enter_async_context(self.servers.site.api(TENURE_PUBLIC_URL=self.address, **settings))
        self.apis.append(api)
        self.proxy.apis.append(_address(api[1]))
        return api

    async def add_worker(self, **settings: str) -> Process:
        worker = await self.exits.enter_async_context(
            self.servers.site.worker(TENURE_PUBLIC_URL=self.address, **settings)
        )
        self.workers.append(worker)
        return worker

    async def kill_api(self) -> None:
        """Kill the API that has run longest."""
        process, caller = self.apis.pop(0)
        await process.kill()
        self.proxy.apis.remove(_address(caller))

    async def kill_worker(self) -> None:
        """Kill the worker that has run longest."""
        await self.workers.pop(0).kill()


def _address(caller: Caller) -> str:
    return str(caller.http.base_url).rstrip("/")
