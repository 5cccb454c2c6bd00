"""The embedded Temporal server: usable when it says so, and keeping its state."""

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from sandbox.processes import StartFailed
from sandbox.temporal import TemporalDevServer
from tests.harness.patience import PATIENT


async def test_it_can_be_used_when_it_has_started(data: Path) -> None:
    async with TemporalDevServer(data, durable=False, search_attributes={"ToyStatus": "Keyword"}) as server:
        client = await Client.connect(server.address)
        handle = await client.start_workflow("Anything", id="waiting", task_queue="nobody")
        assert (await handle.describe()).id == "waiting"
        assert (await client.count_workflows('ToyStatus = "none"')).count == 0

        async with httpx.AsyncClient(timeout=PATIENT) as browser:
            assert (await browser.get(server.ui_url)).status_code == 200


async def test_workflows_stay_and_search_attributes_are_added_when_it_is_started_again(data: Path) -> None:
    async with TemporalDevServer(data, durable=False, ui=False, search_attributes={"Old": "Keyword"}) as server:
        client = await Client.connect(server.address)
        await client.start_workflow("Anything", id="waiting", task_queue="nobody")
        os.kill(server.pid, signal.SIGKILL)

    both = {"Old": "Keyword", "New": "Datetime"}
    async with TemporalDevServer(data, ui=False, search_attributes=both) as server:
        client = await Client.connect(server.address)
        assert (await client.get_workflow_handle("waiting").describe()).id == "waiting"
        assert (await client.count_workflows("New IS NULL AND Old IS NULL")).count > 0


async def test_nothing_is_stored_without_a_data_folder() -> None:
    async with TemporalDevServer(None, ui=False) as server:
        assert (await (await Client.connect(server.address)).count_workflows()).count >= 0
        with pytest.raises(RuntimeError, match="without its UI"):
            _ = server.ui_url


async def test_it_says_so_when_its_port_is_in_use(data: Path) -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        with pytest.raises(StartFailed, match=f"port {port} is in use"):
            await TemporalDevServer(data, port=port).start()
    finally:
        listener.close()
        await listener.wait_closed()


async def test_the_log_is_quoted_when_it_cannot_start(data: Path) -> None:
    (data / "temporal.db").mkdir()

    with pytest.raises(StartFailed, match=r"(?s)ended with status 1.*temporal\.log.*unable to open database file"):
        await TemporalDevServer(data).start()


def test_an_unknown_kind_of_search_attribute_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="Keywrod; use Text, Keyword"):
        TemporalDevServer(None, search_attributes={"Status": "Keywrod"})
