"""What probes are told of a worker."""

from collections.abc import AsyncIterator

import httpx
import pytest

from monitoring.server import answering, listening
from tests.harness.patience import PATIENT
from worker.health import Health


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def probe(health: Health) -> AsyncIterator[httpx.AsyncClient]:
    listener = listening("127.0.0.1:0")
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with (
        answering(health, listener),
        httpx.AsyncClient(base_url=address, timeout=PATIENT, trust_env=False) as probe,
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
