"""What probes are told of a worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest

from sandbox.processes import free_port
from tests.harness.patience import PATIENT
from worker.health import Health


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def probe(health: Health) -> AsyncIterator[httpx.AsyncClient]:
    address = f"127.0.0.1:{free_port()}"
    async with (
        health.served_at(address),
        httpx.AsyncClient(base_url=f"http://{address}", timeout=PATIENT, trust_env=False) as probe,
    ):
        yield probe


async def test_a_worker_is_alive_at_once_and_ready_once_it_has_started(
    health: Health, probe: httpx.AsyncClient
) -> None:
    starting = [(await probe.get(path)).status_code for path in ("/healthz", "/readyz")]
    health.is_ready = True
    started = [(await probe.get(path)).status_code for path in ("/healthz", "/readyz", "/healthz?verbose")]

    assert (starting, started) == ([200, 503], [200, 200, 200])


async def test_nothing_else_is_answered(probe: httpx.AsyncClient) -> None:
    assert (await probe.get("/metrics")).status_code == 404
    assert (await probe.post("/healthz")).status_code == 405
    assert (await probe.head("/healthz")).text == ""


async def test_what_is_no_request_ends_the_connection_and_the_next_one_is_answered(probe: httpx.AsyncClient) -> None:
    host, port = str(probe.base_url.host), int(probe.base_url.port or 0)
    for sent in (b"nonsense\r\n\r\n", b"x" * 20_000, b""):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(sent)
        writer.write_eof()
        with suppress(ConnectionResetError):  # it did not wait for the rest
            assert await reader.read() == b""
        writer.close()

    assert (await probe.get("/healthz")).status_code == 200


async def test_without_an_address_nothing_is_served(health: Health) -> None:
    async with health.served_at(None):
        assert health.status("/healthz") == "200 OK"
