"""How a server's process ends."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.background import usage_notice_dispatcher, webhook_dispatcher
from tenure.cli import asgi_server
from tests.harness.patience import until

DEPLOYMENT = Path(__file__).parents[2] / "deploy/kubernetes/base/api-deployment.yaml"


async def test_a_request_without_end_keeps_no_process_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi_server, "FINISHES_WITHIN", 0)
    has_begun, was_ended = asyncio.Event(), asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        has_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            was_ended.set()

    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)
    server = asgi_server.Server(config)
    serving = asyncio.create_task(asgi_server.serve_until_stopped(server))
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: tenure\r\n\r\n")
    await has_begun.wait()

    serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving

    await was_ended.wait()
    writer.close()


def test_a_pod_has_the_time_that_its_process_takes_to_end() -> None:
    text = DEPLOYMENT.read_text(encoding="utf-8")
    grace, pause = (
        int(re.search(pattern, text)[1])  # type: ignore[index]
        for pattern in (r"terminationGracePeriodSeconds: (\d+)", r"preStop: \{sleep: \{seconds: (\d+)\}\}")
    )
    ends = max(each.SHUTDOWN_TIMEOUT.total_seconds() for each in (webhook_dispatcher, usage_notice_dispatcher))
    assert pause + asgi_server.FINISHES_WITHIN + ends < grace
