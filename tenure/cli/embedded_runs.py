"""What `tenure up` and `tenure demo` run on servers that are starting; the commands themselves import little."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from rich.console import Console

from domain.errors import Rejected
from sandbox.console import OPERATOR, console_link
from sandbox.crowd.filling import fill
from sandbox.options import Options
from sandbox.product import Product
from sandbox.servers import Servers
from sandbox.stack import Stack, running
from sandbox.story.links import billing_link, check_console, check_pages, monthly_revenue
from sandbox.story.lives import LIVES
from sandbox.story.teller import Teller
from tenure.cli.defaults import DEFAULT_CATALOG, DEFAULT_POLICY
from tenure.cli.progress import progress
from tenure.cli.signals import for_ever


async def stay_up(servers: Servers, folder: Path, catalog: Path, policy: Path, *, port: int, crowd: int | None) -> None:
    """Run everything until cancelled, with a crowd if one is wanted."""
    options = Options(folder, catalog, policy, port=port)
    async with AsyncExitStack() as exits:
        with progress("Starting") as shown:
            stack = await exits.enter_async_context(running(options, shown.say, servers))
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


async def tell_story(servers: Servers, folder: Path, *, stays: bool) -> None:
    """Play the lives; then go on until cancelled, or end."""
    options = Options(folder, DEFAULT_CATALOG, DEFAULT_POLICY, durable=False)
    async with _story_told(options, servers) as stack:
        if stays:
            await _stay(stack)


async def _stay(stack: Stack) -> None:
    await _print_addresses(stack)
    print("Billing links, each good for one visit within an hour:", flush=True)
    async with Product(stack.addresses) as product:
        for name, _ in LIVES:
            print(f"  {name:<18}{await billing_link(product, name.lower())}", flush=True)
    print("The stack stays up until Ctrl-C.", flush=True)
    await for_ever()


@asynccontextmanager
async def _story_told(options: Options, servers: Servers) -> AsyncIterator[Stack]:
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]Starting PostgreSQL, Temporal, Stripe simulator, mailbox, API and worker ...[/bold]")
    async with running(options, servers=servers) as stack, Product(stack.addresses) as product:
        for name, life in LIVES:
            console.print(f"\n[bold]{name}[/bold]: {life.__doc__}")
            await life(Teller(name, product, console.print))
        await check_pages(product, [name.lower() for name, _ in LIVES])
        await check_console(product, await console_link(stack.engine, stack.addresses.api_url))
        console.print("\nThe pricing page, everybody's billing page and the console answer.")
        console.print(f"Monthly recurring revenue is {await monthly_revenue(product)}.")
        console.print("\n[bold green]Everything happened as expected.[/bold green]")
        yield stack


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
