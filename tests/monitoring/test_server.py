"""Metrics on an address of their own."""

import httpx
import pytest

from monitoring.exposition import exposed
from monitoring.process import ProcessMetrics
from monitoring.server import listening, serving


async def expose() -> bytes:
    return exposed([ProcessMetrics("worker", "1.2.3", "1.2.3-a").registry])


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_a_scrape_gets_the_metrics_and_nothing_else_is_there(host: str) -> None:
    listener = listening(f"{host}:0")
    url = f"http://{host}:{listener.getsockname()[1]}"
    async with serving(expose, listener), httpx.AsyncClient(base_url=url) as scraper:
        scraped, head = await scraper.get("/metrics"), await scraper.head("/metrics")
        others = [await scraper.get("/"), await scraper.post("/metrics"), await scraper.get("/metrics/x")]

    assert scraped.status_code == 200
    assert scraped.headers["content-type"].startswith("text/plain; version=")
    assert 'tenure_build_info{build="1.2.3-a",process="worker",version="1.2.3"} 1.0' in scraped.text
    assert "process_resident_memory_bytes" in scraped.text
    assert (head.status_code, head.text) == (200, "")
    assert [other.status_code for other in others] == [404] * 3
    async with httpx.AsyncClient() as late:
        with pytest.raises(httpx.ConnectError):
            await late.get(url)


async def test_an_address_that_is_taken_is_an_error_at_once() -> None:
    taken = listening("127.0.0.1:0")
    with pytest.raises(OSError, match="in use"):
        listening(f"127.0.0.1:{taken.getsockname()[1]}")
    taken.close()
