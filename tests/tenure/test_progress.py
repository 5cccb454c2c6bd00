"""Progress is for a person at a terminal: on stderr alone, gone at the end, and never in what a command prints."""

import asyncio
import errno
import os
import pty
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.harness.patience import until
from tests.harness.typed import TENURE, Terminal

WORKS = """
import time
from tenure.cli.progress import progress
with progress("Counting") as shown:
    time.sleep(0.3)
    shown.print("one")
    shown.say("Counting [further]")
    time.sleep(0.3)
    shown.print("two")
print("shown" if shown.is_shown else "silent")
"""
RESULT = "one\ntwo\n"


@dataclass
class Screen:
    """The master's side of a terminal, and all that was written to it."""

    file: int
    text: str = ""
    is_closed: bool = False
    """Nobody has the other side any more, and all that was written there has been read."""


@asynccontextmanager
async def screen() -> AsyncIterator[tuple[int, Screen]]:
    """A terminal for a child's stderr, and what the child writes there."""
    master, child = pty.openpty()
    shown = Screen(master)

    def read() -> None:
        try:
            shown.text += os.read(master, 65536).decode(errors="replace")
        except OSError as error:
            if error.errno != errno.EIO:  # Linux's answer once the child has closed its side
                raise
            shown.is_closed = True
            loop.remove_reader(master)

    loop = asyncio.get_running_loop()
    loop.add_reader(master, read)
    try:
        yield child, shown
    finally:
        loop.remove_reader(master)
        os.close(master)


async def at_a_terminal(words: Sequence[str], **environment: str) -> tuple[int, str, str]:
    """Status, stdout (a pipe) and stderr (a terminal) of a command."""
    async with screen() as (child, shown):
        process = await asyncio.create_subprocess_exec(
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=child,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment},
        )
        os.close(child)
        out, _ = await process.communicate()
        assert process.returncode is not None
        await until(lambda: shown.is_closed)
        return process.returncode, out.decode(), shown.text


async def test_a_terminal_shows_what_is_done_and_stdout_holds_the_result_alone() -> None:
    status, out, err = await at_a_terminal([sys.executable, "-c", WORKS])

    assert (status, out) == (0, f"{RESULT}shown\n")
    assert "Counting" in err
    assert "Counting [further]" in err
    assert "one" not in err
    assert err.rstrip().endswith(("\x1b[2K", "\x1b[?25h")), "the line is erased, the cursor is back"


@pytest.mark.parametrize("variables", [{}, {"FORCE_COLOR": "1"}], ids=["plain", "forced colours"])
async def test_without_a_terminal_stderr_stays_empty(variables: dict[str, str]) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKS, stdout=pipe, stderr=pipe, env={**os.environ, **variables}
    )
    out, err = await process.communicate()

    assert (out.decode(), err) == (f"{RESULT}silent\n", b"")


async def test_a_terminal_that_cannot_erase_shows_nothing() -> None:
    assert await at_a_terminal([sys.executable, "-c", WORKS], TERM="dumb") == (0, f"{RESULT}silent\n", "")


async def test_a_simulation_shows_how_far_it_is_and_prints_its_document_alone(terminal: Terminal) -> None:
    words = (str(TENURE), "simulate", "--plan", "starter", "--months", "1", "--json")

    status, out, err = await at_a_terminal(words, TMPDIR=str(terminal.folder))

    assert status == 0
    assert out.startswith("{")
    assert "Starting PostgreSQL and Temporal" in err
    assert "Simulating: 20" in err
