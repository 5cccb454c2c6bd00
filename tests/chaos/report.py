"""Writes docs/reliability.md: what came of each fault, and where and how it was tried."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.outage import Endured
from tests.chaos.group import Outcome
from tests.chaos.playing import Plan

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
COLUMNS = (
    "fault",
    "lives",
    "charges doubled / lost",
    "mails doubled / lost",
    "events (again)",
    "healed by reconciliation",
    "differences left",
    "time to catch up",
)
INTRODUCTION = """\
# Reliability

What was survived, tried out. `make chaos` writes this page and fails if anything in it is wrong.

Lives are played through faults, on real servers and with the production processes `tenure api` and `tenure worker`.
One half of the customers of a fault is on trial and converts while it lasts, the other signs up and pays at once: each
asks under one `Idempotency-Key` until there is a result, as a product does. When the fault is over, a month goes by
with another charge. Then reconciliation runs once, and every life is looked at in all the places where it is kept.

- *Charges* and *mails* are compared with those of a life to which nothing happens. *Doubled* is money taken twice, or a
  mail with a Message-ID of its own; *lost* is what never came.
- *Copies* are mails that the server had taken without saying so. They were sent again under the same Message-ID, by
  which mail systems tell them: SMTP knows no better.
- *Events* are those that came to a product which listens, each once; *again* is what came with the id of one that was
  there. Workers send them as to any product: signed, by TLS, to a public name, through `TENURE_EGRESS_PROXY`, which
  leads that name to this machine. A product may get an event twice and in any order; each of its events has to come.
- *Differences left* are breaches of an invariant (`tests/chaos/invariants.py`): workflow, database and Stripe agree;
  no period is paid for twice or skipped; access fits the status; no mail waits for ever; each step has its events
  once; each command of an operator has one outcome in the audit; movements add up to the revenue; each event has come
  to the product, and the one with the highest `sequence` says how the subscription stands.
- *Time to catch up* runs from the end of the fault until nothing is left to do: no answer, webhook, step or mail.
"""
LIMITS = """\
## What this does not show

- Servers run on one machine, with PostgreSQL not flushed to disk: a process is killed here, never the power cut.
- Stripe is the simulator of the sandbox.
- The clock of one process at a time is shifted, by a library between it and the system (Linux, with a C compiler).
  Temporal's server does not read the time there, and PostgreSQL's clock was left alone.
- A full disk needs a file system of its own, which root alone may mount.
"""


@dataclass(frozen=True)
class Run:
    """How all was tried."""

    arguments: Sequence[str]
    """Of the command."""
    load: float
    """Of the machine, at the start."""
    seconds: float

    @property
    def command(self) -> str:
        """As it is typed."""
        return "make chaos" if not self.arguments else f'make chaos ARGS="{" ".join(self.arguments)}"'


def written(outcomes: Sequence[Outcome], plan: Plan, endured: Endured, run: Run) -> str:
    """The whole page."""
    return "\n".join(
        [
            INTRODUCTION,
            *_circumstances(run),
            "",
            "## Faults",
            "",
            f"{sum(outcome.lives for outcome in outcomes)} lives. {_on_freezing(plan)}",
            "",
            f"| {' | '.join(COLUMNS)} |",
            f"|{'---|' * len(COLUMNS)}",
            *map(line, outcomes),
            "",
            *_of_outage(endured),
            "",
            LIMITS,
        ]
    )


def _on_freezing(plan: Plan) -> str:
    return (
        f"What freezes stands still (`SIGSTOP`) for {plan.seconds:g} s in the middle of charges;\n"
        "what is killed gets `SIGKILL` there, and is started again."
    )


def _circumstances(run: Run) -> Iterator[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield "## Where and when"
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| machine | {platform.system()} on {platform.machine()}, {os.cpu_count()} processors, {memory:.0f} GB |"
    yield f"| date | {datetime.now(UTC):%Y-%m-%d %H:%M} UTC |"
    yield f"| commit | {_commit()} |"
    yield f"| load at the start | {run.load:.1f} |"
    yield f"| command | `{run.command}`, in {run.seconds / 60:.1f} min |"
    yield "| the outage alone | `python -m bench outage NUMBER` |"


def line(outcome: Outcome) -> str:
    """A fault's row of the table."""
    if outcome.skipped:
        return f"| {outcome.fault} | not tried: {outcome.skipped} | | | | | | |"
    took = "–" if outcome.caught_up is None else f"{outcome.caught_up:.1f} s"
    again = f" ({outcome.repeats})" if outcome.repeats else ""
    copies = f" (copies: {outcome.copies})" if outcome.copies else ""
    return (
        f"| {outcome.fault} | {outcome.lives} | {outcome.charges_doubled} / {outcome.charges_lost} |"
        f" {outcome.mails_doubled} / {outcome.mails_lost}{copies} | {outcome.events}{again} | {outcome.healed} |"
        f" {len(outcome.wrong)} | {took} |"
    )


def _of_outage(endured: Endured) -> Iterator[str]:
    yield "## An outage of six hours"
    yield ""
    yield (
        f"{endured.number} subscriptions have something due, spread over six hours of travelled time in which neither\n"
        "a worker nor the API runs: Temporal fires their timers, Stripe renews what it renews, and nobody is there.\n"
        "Then both start, and Stripe repeats what it had to tell. A workflow's clock stands at its boundary by then,\n"
        "as it is not moved on while a task waits; Stripe's clock is at the end of the six hours."
    )
    yield ""
    head, *rows = endured.rows()
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
    yield f"All of it was {endured.in_time()}."


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    words = [git, "describe", "--always", "--dirty"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - no input
    return said.stdout.strip() or "unknown"
