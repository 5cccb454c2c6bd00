"""`tenure simulate`: simulates a subscription under one policy or two, and prints the result."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from configuration.catalog_file import load_catalog
from configuration.policy_file import load_policy
from domain.catalog.plans import Catalog, Interval
from domain.errors import Malformed, Rejected
from domain.subscription.policy import Policy
from sandbox.options import Options
from sandbox.processes import StartFailed
from sandbox.product import RefusedError
from sandbox.simulation import printing
from sandbox.simulation.comparison import compare
from sandbox.simulation.documents import document
from sandbox.simulation.playing import Lived, play
from sandbox.simulation.scenario import Scenario
from sandbox.stack import running
from sandbox.travel import NotSettledError
from tenure.cli import logs
from tenure.cli.defaults import DEFAULT_CATALOG, DEFAULT_POLICY
from tenure.cli.progress import progress

WIDTH = 150
"""Columns of the output where there is no terminal."""
MISUSED, INTERRUPTED = 2, 130
LONGEST_COUNT = 6
"""Digits."""


@dataclass(frozen=True)
class _Wanted:
    """A checked simulation, with the policies by the names they are printed under."""

    scenario: Scenario
    catalog_file: Path
    policy_file: Path
    catalog: Catalog
    policies: Mapping[str, Policy]


def simulate(  # noqa: PLR0913 - each is an option of the command
    *,
    plan: str,
    catalog: Path = DEFAULT_CATALOG,
    policy: Path = DEFAULT_POLICY,
    card: str = "ok",
    months: int = 12,
    diff: Path | None = None,
    json_: Annotated[bool, Parameter(name="--json", negative="")] = False,
    interval: Interval = Interval.MONTH,
    quantity: int = 1,
    add_on: Annotated[tuple[str, ...], Parameter(consume_multiple=False, negative="")] = (),
    trial_days: int | None = None,
    no_card: Annotated[bool, Parameter(negative="")] = False,
    card_on_day: int | None = None,
    cancel_on_day: int | None = None,
    timezone: str | None = None,
    locale: str | None = None,
) -> None:
    """Simulate a subscription's coming months in seconds, on embedded servers, and print what happens.

    Parameters
    ----------
    plan
        A plan of the catalog, by its code.
    catalog
        The plan catalog.
    policy
        The policy for trials and recovery.
    card
        The result of each charge in turn: ok or a Stripe decline code, separated by commas; the last one repeats.
    months
        Months to simulate.
    diff
        A second policy: compare the same subscription under both.
    json_
        Print one JSON document instead.
    interval
        How the plan is billed.
    quantity
        Seats.
    add_on
        Units of an add-on, such as users=2; can be repeated.
    trial_days
        Overrides the plan and the policy; 0 starts paid.
    no_card
        No card at sign-up.
    card_on_day
        No card at sign-up; the customer adds one through a checkout on this day.
    cancel_on_day
        Cancel on this day, at the end of the paid period.
    timezone
        The customer's time zone, such as Europe/Berlin; the timeline uses it.
    locale
        The customer's locale, such as de.
    """
    try:
        scenario = Scenario(
            plan=plan,
            months=months,
            interval=interval,
            quantity=quantity,
            add_ons=dict(_units(add_on)),
            answers=tuple(answer.strip() for answer in card.split(",")),
            trial_days=trial_days,
            card_at_sign_up=not no_card,
            card_on_day=card_on_day,
            cancel_on_day=cancel_on_day,
            timezone=timezone,
            locale=locale,
        )
        wanted = _checked(scenario, catalog, policy, diff)
    except Malformed as error:
        print(f"tenure simulate: {error}", file=sys.stderr)
        sys.exit(MISUSED)
    lives = _play_all(wanted)
    _print(wanted, lives, as_json=json_)


def _units(given: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    for one in given:
        code, _, count = one.partition("=")
        if not (code and count.isdecimal() and len(count) <= LONGEST_COUNT):
            raise Malformed(f"{one!r} is not an add-on: write it as users=2", field="add-on")
        yield code, int(count)


def _checked(scenario: Scenario, catalog_file: Path, policy_file: Path, other: Path | None) -> _Wanted:
    catalog = load_catalog(catalog_file)
    files = [policy_file] if other is None else [policy_file, other]
    policies = [load_policy(file) for file in files]
    labels = [policy.version for policy in policies]
    if len(set(labels)) < len(labels):
        labels = [f"{label} ({file.resolve()})" for label, file in zip(labels, files, strict=True)]
    if len(set(labels)) < len(labels):
        raise Malformed(f"--diff needs another policy than {policy_file}", field="diff")
    scenario.check(catalog, *policies)
    return _Wanted(scenario, catalog_file, policy_file, catalog, dict(zip(labels, policies, strict=True)))


def _play_all(wanted: _Wanted) -> dict[str, Lived]:
    with tempfile.TemporaryDirectory(prefix="tenure-simulate-") as folder:
        options = Options(Path(folder), wanted.catalog_file, wanted.policy_file, durable=False, ui=False)
        with (options.folder / "tenure.log").open("a") as log:
            logs.configure(as_json=False, level="WARNING", stream=log)
            try:
                return asyncio.run(_or_interrupted(_played(wanted, options)))
            except (ExceptionGroup, StartFailed, OSError) as error:
                raise _reported(error) from error
            except asyncio.CancelledError:
                sys.exit(INTERRUPTED)


def _reported(error: Exception) -> Exception:
    """The error to report; if both simulations failed, the first."""
    if isinstance(error, ExceptionGroup):
        return _reported(error.exceptions[0])
    if isinstance(error, RefusedError):
        return Rejected(f"the sign-up was refused: {error.problem.get('detail')}")
    return Rejected(str(error)) if isinstance(error, (StartFailed, NotSettledError, OSError)) else error


async def _played(wanted: _Wanted, options: Options) -> dict[str, Lived]:
    with progress("Starting") as shown:

        def show(now: datetime) -> None:
            shown.say(f"Simulating: {now:%Y-%m-%d}")

        async with running(options, shown.say) as stack, asyncio.TaskGroup() as group:
            lives = [
                group.create_task(play(stack, wanted.scenario, policy, f"life-{number}", show))
                for number, policy in enumerate(wanted.policies.values(), start=1)
            ]
    return dict(zip(wanted.policies, (life.result() for life in lives), strict=True))


async def _or_interrupted(work: Coroutine[Any, Any, dict[str, Lived]]) -> dict[str, Lived]:
    """Run the work; SIGINT or SIGTERM cancels it, and its servers are stopped first."""
    loop, task = asyncio.get_running_loop(), asyncio.create_task(work)
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, task.cancel)
    return await task


def _print(wanted: _Wanted, lives: dict[str, Lived], *, as_json: bool) -> None:
    scenario, price = wanted.scenario, next(iter(lives.values())).price
    rows = compare(*(lived.lines for lived in lives.values())) if len(lives) > 1 else None
    if as_json:
        print(json.dumps(document(scenario, price, lives, rows), indent=2))
        return
    print(printing.heading(scenario, wanted.catalog.plans[scenario.plan].name, price), end="\n\n")
    if rows is None:
        (lived,) = lives.values()
        print(*printing.timeline(lived, scenario.timezone), "", *printing.summary_of_one(lived), sep="\n")
        return
    width = shutil.get_terminal_size((WIDTH, 0)).columns
    one, other = lives
    print(
        *printing.side_by_side(rows, (one, other), scenario.timezone, width), "", printing.verdict(rows), "", sep="\n"
    )
    print(*printing.summary_of_two((lives[one], lives[other]), (one, other), width), sep="\n")
