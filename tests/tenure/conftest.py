"""The `tenure` command as a person types it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.folders import data_folder
from tests.harness.typed import Forker, Said, Terminal

__all__ = ["Said", "Terminal"]


@pytest.fixture
def terminal(forker: Forker) -> Iterator[Terminal]:
    with data_folder() as folder:
        yield Terminal(folder, forker)


def processes_on(folder: Path) -> list[str]:
    """The command lines of processes that run on a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(folder) in command:
            found.append(command)
    return found
