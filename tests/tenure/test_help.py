"""`tenure --help` and `--version`: quick, and complete."""

import inspect
import subprocess
import sys
from importlib import import_module
from io import StringIO

import pytest
from rich.console import Console

from tenure.cli import build_app
from tenure.cli.commands import COMMANDS, GROUPS, SANDBOX_COMMANDS

EVERY = COMMANDS | SANDBOX_COMMANDS
HEAVY = ("temporalio", "sqlalchemy", "stripe", "fastapi")
"""Each takes a good part of a second to import."""


@pytest.mark.parametrize("words", [["--version"], ["--help"], [], *([group, "--help"] for group in GROUPS)])
def test_lists_and_the_version_import_no_command(words: list[str]) -> None:
    program = (
        "import sys; from tenure import cli; status = cli._run();"
        f"print(status, [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )

    said = subprocess.run(  # noqa: S603 - of our own
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )

    assert said.stderr == "0 []\n"
    assert said.stdout


def test_the_lists_have_every_command_with_its_summary() -> None:
    lists = {group: _help(*group.split()) for group in ("", *GROUPS)}

    for path, command in EVERY.items():
        group, _, name = path.rpartition(" ")
        assert f"│ {name} {command.summary} " in lists[group]
    for group, summary in GROUPS.items():
        assert f"│ {group} {summary} " in lists[""]


@pytest.mark.parametrize("path", EVERY)
def test_a_summary_is_the_first_line_of_the_commands_docstring(path: str) -> None:
    command = EVERY[path]
    function = getattr(import_module(f"tenure.cli.{command.module}"), command.function)

    assert (inspect.getdoc(function) or "").split("\n")[0] == command.summary


def test_the_help_of_one_command_is_its_whole_docstring() -> None:
    told = _help("catalog", "push")

    assert EVERY["catalog push"].summary in told
    assert "Prices at Stripe never change." in told
    assert "--dry-run" in told


def _help(*words: str) -> str:
    """What `tenure ... --help` prints, on a wide terminal, with single spaces."""
    printed = StringIO()
    build_app([*words, "--help"]).help_print(words, console=Console(file=printed, width=250))
    return " ".join(printed.getvalue().split())
