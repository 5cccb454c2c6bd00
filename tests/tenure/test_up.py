"""`tenure up`: started, left, started again on the same data."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from sandbox.product import Product
from sandbox.stack import Addresses
from tests.harness.patience import PATIENT
from tests.tenure.conftest import Terminal, processes_on


@asynccontextmanager
async def up(
    terminal: Terminal, *more: str, data: str = "stack", said: list[str] | None = None
) -> AsyncIterator[Addresses]:
    """A stack that is ready; what it *said* before is added to the list."""
    process = await terminal.start("up", "--data", data, "--port", "0", *more)
    try:
        async with asyncio.timeout(PATIENT):
            async for line in process.stdout:
                if line.strip() == b"ready":
                    break
                if said is not None:
                    said.append(line.decode().strip())
        yield Addresses(**json.loads((terminal.folder / data / "stack.json").read_text()))
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def test_a_subscription_continues_after_a_restart_and_never_on_two_stacks(terminal: Terminal) -> None:
    async with up(terminal) as addresses, Product(addresses) as product:
        made: dict[str, Any] = await product.sign_up("returning", payment_method="pm_card_visa")
        before = await product.travel(made["id"], timedelta(days=8))
        second = await terminal.run("up", "--data", "stack", "--port", "0")
    assert second.status == 1
    assert "stop that stack, or choose another folder" in second.err
    assert processes_on(terminal.folder) == []
    assert not (terminal.folder / "stack" / "stack.json").exists()

    async with up(terminal) as addresses, Product(addresses) as product:
        travelled = await terminal.run("travel", made["id"], "38d", "--data", "stack")
        after = await product.subscription(made["id"])
        mails = await product.mails("returning")
    assert processes_on(terminal.folder) == []

    assert travelled.err == ""
    assert datetime.fromisoformat(travelled.out.strip()) - before >= timedelta(days=38)
    assert (after["status"], after["access"]) == ("active", "full")
    occasions = [mail["headers"]["X-Tenure-Occasion"] for mail in mails]
    assert sorted(occasions) == sorted(["trial_started", *["trial_ending"] * 3, "converted", *["receipt"] * 2])


async def test_a_crowd_is_there_when_the_sandbox_is_ready_and_comes_once(terminal: Terminal) -> None:
    first: list[str] = []
    async with up(terminal, "--crowd", "2", said=first) as addresses, Product(addresses) as product:
        found = (await product.get("/v1/subscriptions"))["data"]
    again: list[str] = []
    async with up(terminal, "--crowd", "2", said=again) as addresses, Product(addresses) as product:
        still = (await product.get("/v1/subscriptions"))["data"]

    assert len(found) == len(still) == 2
    assert any(line.startswith("2 customers have a year behind them") for line in first)
    assert any("the crowd is there already" in line for line in again)


async def test_a_crowd_of_nobody_is_refused_before_anything_starts(terminal: Terminal) -> None:
    refused = await terminal.run("up", "--data", "stack", "--crowd", "0")

    assert refused.status != 0
    assert "a crowd has 1 to 5000 customers, not 0" in refused.err
    assert not (terminal.folder / "stack").exists()
