"""Commands that run on embedded servers: `tenure up`, `tenure demo`, `tenure travel`."""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Annotated

import httpx
from cyclopts import Parameter

from configuration.offer_check import load_offer
from domain.errors import Malformed, Rejected
from sandbox.crowd.size import check_size
from sandbox.processes import StartFailed
from sandbox.servers import Servers
from sandbox.story.teller import StoryBroken
from tenure.cli import logs
from tenure.cli.defaults import DEFAULT_CATALOG, DEFAULT_POLICY
from tenure.cli.options import check_port
from tenure.cli.os_errors import writing
from tenure.cli.progress import progress
from tenure.cli.signals import stoppable

DEFAULT_PORT = 8080
TRAVELLED_WITHIN = 900
"""Seconds: a year has hundreds of steps, and each can be slow on a busy machine."""

FARTHEST = timedelta(days=3660)
"""The farthest that a sandbox moves a clock at once."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def up(
    *,
    data: Path = Path(".tenure"),
    port: int = DEFAULT_PORT,
    catalog: Path = DEFAULT_CATALOG,
    policy: Path = DEFAULT_POLICY,
    crowd: int | None = None,
) -> None:
    """Run everything on embedded servers, with its data in a folder, until Ctrl-C or SIGTERM.

    Parameters
    ----------
    data
        The folder.
    port
        Port of the API; 0 picks a free one.
    catalog
        The plan catalog.
    policy
        The policy for trials and recovery.
    crowd
        Fill the sandbox with this many customers who have a year behind them, before it is ready.
    """
    check_port(port)
    if crowd is not None:
        check_size(crowd)
    load_offer(catalog, policy)  # what is refused starts nothing

    async def work(servers: Servers) -> None:
        from tenure.cli.embedded_runs import stay_up  # noqa: PLC0415 - see `_run`

        await stay_up(servers, data, catalog, policy, port=port, crowd=crowd)

    _run(data, work, durable=True)


def demo(*, exit_: Annotated[bool, Parameter(name="--exit", negative="")] = False) -> None:
    """Play the story on embedded servers, then keep them running until Ctrl-C.

    Parameters
    ----------
    exit_
        Exit after the story.
    """

    async def work(servers: Servers) -> None:
        from tenure.cli.embedded_runs import tell_story  # noqa: PLC0415 - see `_run`

        await tell_story(servers, Path(folder), stays=not exit_)

    with tempfile.TemporaryDirectory(prefix="tenure-demo-") as folder:
        _run(Path(folder), work, durable=False)


def travel(subscription: str, time: str, *, data: Path = Path(".tenure")) -> None:
    """Advance the clock of one subscription in a running sandbox.

    Parameters
    ----------
    subscription
        Its id.
    time
        How far, such as 7d, 12h, 30m or 1d12h.
    data
        The folder of the running `tenure up`.
    """
    body = {"subscription": subscription, "seconds": _duration(time).total_seconds()}
    url = _sandbox_in(data)
    try:
        with progress(f"Advancing {subscription} by {time}"):
            answer = httpx.post(f"{url}/travel", json=body, timeout=TRAVELLED_WITHIN)
    except httpx.TransportError as error:
        raise Rejected(f"the sandbox in {data} does not respond ({error}): is `tenure up` still running?") from error
    if answer.is_error:
        raise Rejected(str(answer.json().get("detail")))
    print(answer.json()["now"])


def _sandbox_in(folder: Path) -> str:
    """The address of the sandbox that runs in a folder."""
    try:
        return str(json.loads((folder / "stack.json").read_text(encoding="utf-8"))["sandbox_url"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Rejected(f"no sandbox is running in {folder}: start one with `tenure up --data {folder}`") from error


def _duration(text: str) -> timedelta:
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Malformed(f"{text!r} is not a duration: write it as 7d, 12h, 30m or 1d12h", field="time")
    try:
        duration = sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta())
    except OverflowError:
        duration = timedelta.max
    if not timedelta() < duration <= FARTHEST:
        raise Malformed(f"a clock goes forward by more than 0s and up to {FARTHEST.days}d, not by {text}", field="time")
    return duration


def _run(folder: Path, work: Callable[[Servers], Awaitable[None]], *, durable: bool) -> None:
    """Start the servers, import meanwhile what works on them, which takes seconds as well, and do the work."""

    async def on_servers() -> None:
        async with Servers.starting(folder, durable=durable, ui=True) as servers:
            await asyncio.to_thread(import_module, "tenure.cli.embedded_runs")
            await work(servers)

    with writing(folder, "name another folder with --data"):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / "tenure.log").open("a") as log:
            logs.configure(as_json=False, stream=log)
            asyncio.run(stoppable(on_servers()))
    except (StartFailed, StoryBroken) as error:
        print(f"tenure: {error}", file=sys.stderr)
        sys.exit(1)
