"""Commands that run on embedded servers: `tenure up`, `tenure demo`, `tenure travel`."""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
from cyclopts import Parameter
from rich.console import Console

from domain.errors import Malformed, Rejected
from sandbox.console import OPERATOR, console_link
from sandbox.crowd.filling import check_size, fill
from sandbox.processes import StartFailed
from sandbox.product import Product
from sandbox.stack import Options, Stack, running
from sandbox.story.links import billing_link, check_console, check_pages, monthly_revenue
from sandbox.story.lives import LIVES
from sandbox.story.teller import StoryBroken, Teller
from tenure.cli import logs
from tenure.cli.defaults import DEFAULT_CATALOG, DEFAULT_POLICY
from tenure.cli.progress import progress
from tenure.cli.signals import for_ever, stoppable

DEFAULT_PORT = 8080
TRAVELLED_WITHIN = 900
"""Seconds: a year has hundreds of steps, and each can be slow on a busy machine."""

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
        Fill the sandbox with so many customers who have a year behind them, before it is ready.
    """
    if crowd is not None:
        check_size(crowd)
    _run(Options(data, catalog, policy, port=port), partial(_stay_up, crowd=crowd))


async def _stay_up(options: Options, crowd: int | None) -> None:
    async with AsyncExitStack() as exits:
        with progress("Starting") as shown:
            stack = await exits.enter_async_context(running(options, shown.say))
            filled = await _filled(stack, crowd, shown.say) if crowd is not None else ""
        await _print_addresses(stack)
        if filled:
            print(filled)
        if stack.other_products:
            print(
                f"note: {options.folder} also holds customers of another product, {', '.join(stack.other_products)}: "
                "to keep them apart, use another folder with --data",
                flush=True,
            )
        print("ready", flush=True)
        try:
            await for_ever()
        finally:
            print("stopping", flush=True)


async def _filled(stack: Stack, number: int, say: Callable[[str], None]) -> str:
    """Fill the sandbox with a crowd; returns what is there now, in words."""
    print(f"Filling the sandbox with {number} customers; 500 take one to two minutes", flush=True)
    try:
        crowd = await fill(stack, number, say)
    except Rejected as error:  # it is there since an earlier start
        return f"note: {error}"
    return (
        f"{len(crowd.members)} customers have a year behind them; for operators, reconciliation has found "
        f"{len(crowd.found)} differences"
    )


def demo(*, exit_: Annotated[bool, Parameter(name="--exit", negative="")] = False) -> None:
    """Play the story on embedded servers, then keep them running until Ctrl-C.

    Parameters
    ----------
    exit_
        Exit after the story.
    """
    with tempfile.TemporaryDirectory(prefix="tenure-demo-") as folder:
        options = Options(Path(folder), DEFAULT_CATALOG, DEFAULT_POLICY, durable=False)
        _run(options, _play_and_exit if exit_ else _play_and_stay)


async def _play_and_exit(options: Options) -> None:
    async with _story_told(options):
        return


async def _play_and_stay(options: Options) -> None:
    async with _story_told(options) as stack, Product(stack.addresses) as product:
        await _print_addresses(stack)
        print("Billing links, each good for one visit within an hour:", flush=True)
        for name, _ in LIVES:
            print(f"  {name:<18}{await billing_link(product, name.lower())}", flush=True)
        print("The stack stays up until Ctrl-C.", flush=True)
        await for_ever()


@asynccontextmanager
async def _story_told(options: Options) -> AsyncIterator[Stack]:
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]Starting PostgreSQL, Temporal, Stripe simulator, mailbox, API and worker ...[/bold]")
    async with running(options) as stack, Product(stack.addresses) as product:
        for name, life in LIVES:
            console.print(f"\n[bold]{name}[/bold]: {life.__doc__}")
            await life(Teller(name, product, console.print))
        await check_pages(product, [name.lower() for name, _ in LIVES])
        await check_console(product, await console_link(stack.engine, stack.addresses.api_url))
        console.print("\nThe pricing page, everybody's billing page and the console answer.")
        console.print(f"Monthly recurring revenue is {await monthly_revenue(product)}.")
        console.print("\n[bold green]Everything happened as expected.[/bold green]")
        yield stack


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
    file = data / "stack.json"
    if not file.exists():
        raise Rejected(f"no sandbox is running in {data}: start one with `tenure up --data {data}`")
    url = json.loads(file.read_text())["sandbox_url"]
    body = {"subscription": subscription, "seconds": _duration(time).total_seconds()}
    try:
        with progress(f"Advancing {subscription} by {time}"):
            answer = httpx.post(f"{url}/travel", json=body, timeout=TRAVELLED_WITHIN)
    except httpx.TransportError as error:
        raise Rejected(f"the sandbox in {data} does not respond ({error}): is `tenure up` still running?") from error
    if answer.is_error:
        raise Rejected(str(answer.json().get("detail")))
    print(answer.json()["now"])


def _duration(text: str) -> timedelta:
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Malformed(f"{text!r} is not a duration: write it as 7d, 12h, 30m or 1d12h", field="time")
    return sum((timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts), timedelta())


def _run(options: Options, work: Callable[[Options], Coroutine[Any, Any, None]]) -> None:
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        with (options.folder / "tenure.log").open("a") as log:
            logs.configure(as_json=False, stream=log)
            asyncio.run(stoppable(work(options)))
    except (StartFailed, StoryBroken, OSError) as error:
        print(f"tenure: {error}", file=sys.stderr)
        sys.exit(1)


async def _print_addresses(stack: Stack) -> None:
    addresses = stack.addresses
    rows = (
        ("API", f"{addresses.api_url}/docs"),
        ("Pricing page", f"{addresses.api_url}/pricing"),
        ("Console", await console_link(stack.engine, addresses.api_url)),
        ("Temporal UI", addresses.temporal_ui_url),
        ("Mailbox", addresses.mailbox_url),
        ("Stripe simulator", addresses.stripe_url),
        ("Sandbox controls", f"{addresses.sandbox_url}/docs"),
        ("Database", addresses.database_url),
        ("Admin key", addresses.admin_key),
    )
    for label, value in rows:
        print(f"  {label:<18}{value}")
    print(f"  The console's link signs in once, within an hour. It mails others to {OPERATOR}: open the mailbox.")
