"""The `tenure` command as a person types it."""

from pathlib import Path

import pytest

from tests.harness.typed import Forker, Said, Terminal

__all__ = ["Said", "Terminal"]


@pytest.fixture
def terminal(tmp_path: Path, forker: Forker) -> Terminal:
    return Terminal(tmp_path, forker)


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
