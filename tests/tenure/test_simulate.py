"""`tenure simulate`: lives played as a command, alone and side by side, with nothing left behind."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness.patience import until
from tests.tenure.conftest import Terminal, processes_on

STRICT = """
version: strict
trial: {reminders: [3]}
recovery:
  - {day: 0, mail: true}
  - {day: 2, retry: true, suspend: true, mail: true}
  - {day: 6, cancel: true, mail: true}
"""


@pytest.fixture
def scratch(terminal: Terminal) -> Iterator[Path]:
    """Where the command makes its folders; empty again when it is done."""
    scratch = terminal.folder / "scratch"
    scratch.mkdir()
    terminal.settings["TMPDIR"] = str(scratch)
    yield scratch
    assert list(scratch.iterdir()) == []
    assert processes_on(scratch) == []


def _servers_are_up(folder: Path) -> bool:
    """Tell by the simulator's file, which is made after PostgreSQL and Temporal answer."""
    return any(folder.glob("*/stripe.db"))


def _told(life: dict[str, Any], kind: str) -> list[str]:
    return [line["text"] for line in life["timeline"] if line["kind"] == kind]


async def test_a_life_is_one_document_of_what_happened_and_what_came_of_it(terminal: Terminal, scratch: Path) -> None:
    options = ("--plan", "starter", "--card", "ok,insufficient_funds,ok", "--add-on", "users=2", "--months", "3")

    said = await terminal.run("simulate", *options, "--cancel-on-day", "80", "--json")

    assert (said.status, said.err) == (0, "")
    document = json.loads(said.out)
    assert document["scenario"]["price"] == {"amount": 5900, "currency": "usd"}
    (life,) = document["lives"]
    assert _told(life, "charge") == [
        "$59.00 paid: first period",
        "$59.00 declined: insufficient_funds, try 1",
        "$59.00 paid: recovered",
        "$59.00 paid: renewal",
    ]
    assert next(line["day"] for line in life["timeline"] if line["kind"] == "charge") == 14
    assert _told(life, "status") == [
        "trialing, access full",
        "active, access full",
        "past_due, access full (insufficient_funds)",
        "active, access full",
    ]
    assert {"trial_ending": 3, "receipt": 3, "payment_failed": 1, "cancellation_scheduled": 1}.items() <= life[
        "summary"
    ]["mails"].items()
    assert (life["summary"]["taken"], life["summary"]["days_without_access"]) == (3 * 5900, 0)
    assert [due["action"] for due in life["next_actions"]] == ["cancel"]


async def test_two_policies_stand_side_by_side_in_one_stack(terminal: Terminal, scratch: Path) -> None:
    strict = terminal.folder / "strict.yaml"
    strict.write_text(STRICT)
    options = ("--plan", "starter", "--card", "ok,insufficient_funds,insufficient_funds,ok", "--months", "2")

    said = await terminal.run("simulate", *options, "--diff", str(strict))

    assert (said.status, said.err) == (0, "")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert any(line.startswith("< ") and "mail 7 days left" in line for line in lines)
    assert any(line.endswith("note Canceled: nonpayment") and line.startswith("> ") for line in lines)
    assert "* final status active, access full canceled, access none (nonpayment)" in lines
    assert "* money taken $98.00 on 2 bills $49.00 on 1 bill" in lines
    assert any(line.startswith("* days without access 0 1") for line in lines)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--plan", "gold"), "known plans: starter, professional, enterprise"),
        (("--plan", "starter", "--add-on", "users"), "'users' is not an add-on: write it as users=2"),
    ],
)
async def test_an_invalid_scenario_is_reported_in_a_line_before_anything_starts(
    terminal: Terminal, scratch: Path, options: tuple[str, ...], told: str
) -> None:
    said = await terminal.run("simulate", *options)

    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert told in said.err


async def test_a_refused_sign_up_is_reported(terminal: Terminal, scratch: Path) -> None:
    said = await terminal.run("simulate", "--plan", "starter", "--trial-days", "0", "--card", "lost_card")

    assert (said.status, said.out) == (1, "")
    assert said.err == "tenure: the sign-up was refused: the card was declined: lost_card\n"


async def test_an_interrupted_life_leaves_nothing_behind(terminal: Terminal, scratch: Path) -> None:
    process = await terminal.start("simulate", "--plan", "starter")
    await until(lambda: _servers_are_up(scratch))
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()

    assert (process.returncode, out, err) == (130, b"", b"")
