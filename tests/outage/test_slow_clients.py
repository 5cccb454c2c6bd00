"""Clients that send their requests too slowly, or go away, take nothing from those that do not."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.harness.callers import Caller
from tests.harness.names import a_name
from tests.harness.patience import PATIENT, until
from tests.harness.site import Site, Tell

SLOW = 200
HALF = (
    b"GET /v1/plans HTTP/1.1\r\nHost: tenure\r\n",
    b"POST /v1/subscriptions HTTP/1.1\r\nHost: tenure\r\nContent-Length: 99\r\n\r\n{",
)
"""Half of the headers, and half of a body."""


@asynccontextmanager
async def connected(caller: Caller, sent: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A connection on which something is sent, and then nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", caller.http.base_url.port)
    writer.write(sent)
    try:
        yield reader
    finally:
        writer.close()


async def closed_after(caller: Caller, sent: bytes) -> tuple[float, bytes]:
    """How long a slow client is kept, and what it is told."""
    began = time.monotonic()
    async with connected(caller, sent) as reader:
        told = await reader.read()
        return time.monotonic() - began, told


async def test_slow_clients_are_closed_while_others_are_served(site: Site, tell: Tell) -> None:
    name = a_name("slow-clients")
    async with site.worker(), site.api() as (_, caller):
        await caller.signed_up(name)
        async with asyncio.timeout(PATIENT):
            slow = asyncio.gather(*(closed_after(caller, HALF[number % 2]) for number in range(SLOW)))
            silent = asyncio.create_task(closed_after(caller, b""))
            uses: list[float] = []
            while not slow.done():
                began = time.monotonic()
                key = f"{name}-{len(uses)}"
                used = await caller.post(f"/v1/customers/{name}/consume", {"feature": "users", "key": key})
                assert used.status_code in (200, 402, 403, 429), used.text
                uses.append(time.monotonic() - began)
                await asyncio.sleep(0.05)
            kept = await slow
            await silent

    for _, told in kept:
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b"request_timeout" in told
        assert b"connection: close" in told.lower()
    uses.sort()
    tell(
        f"{SLOW} slow clients: all closed within {max(seconds for seconds, _ in kept):.1f} s;"
        f" {len(uses)} uses meanwhile, p50 {1000 * uses[len(uses) // 2]:.0f} ms,"
        f" p99 {1000 * uses[int(len(uses) * 0.99)]:.0f} ms"
    )


async def test_a_client_that_hangs_up_is_no_fault_of_ours(site: Site) -> None:
    async with site.api() as (process, caller):
        for path in ("/v1/subscriptions", "/webhooks/stripe", "/v1/customers/nobody/consume"):
            async with connected(caller, HALF[1].replace(b"/v1/subscriptions", path.encode())):
                await asyncio.sleep(0.1)
        await until(lambda: process.log.read_text().count('"status": 499') >= 3)
        measured = (await caller.get("/metrics")).text

    assert "request failed" not in process.log.read_text()
    assert "Traceback" not in process.log.read_text()
    assert 'status="499"' in measured
    assert 'status="500"' not in measured


async def test_more_requests_than_it_takes_are_refused_and_health_checks_never(site: Site) -> None:
    async with site.api(TENURE_API_CONCURRENCY="2") as (_, caller):
        refusals: list[str] = []

        async def refused() -> bool:
            # New ones each time: a half is closed after a while.
            async with connected(caller, HALF[1]), connected(caller, HALF[1]):
                answer = await caller.get("/v1/plans")
                if answer.status_code != 503 or answer.json()["code"] != "overloaded":
                    return False
                refusals.append(answer.headers["Retry-After"])
                healthy = [(await caller.get(path)).status_code for path in ("/healthz", "/readyz", "/metrics")]
                assert healthy == [200, 200, 200]
                return True

        await until(refused)
        assert refusals == ["1"]
        await until(lambda: _is_served(caller))


async def _is_served(caller: Caller) -> bool:
    return (await caller.get("/v1/plans")).status_code == 200
