"""The `tenure` command as a person types it."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

TENURE = Path(sys.executable).with_name("tenure")


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str


class Terminal:
    """A folder and an environment to type commands in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {}

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            TENURE, *words, cwd=self.folder, env=self._environment(), stdout=pipe, stderr=pipe
        )

    async def run(self, *words: str) -> Said:
        process = await self.start(*words)
        out, err = await process.communicate()
        return Said(process.returncode or 0, out.decode(), err.decode())

    def _environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
        return {**kept, "COLUMNS": "200", **self.settings}


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


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
