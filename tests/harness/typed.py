"""The `tenure` command as a person types it, in a folder and an environment of its own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

TENURE = Path(sys.executable).with_name("tenure")


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str


class Forker:
    """Starts commands in no time, each a process of its own; see `typing_process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = count(1)
        self._ended: dict[int, asyncio.Future[int]] = {}

    @classmethod
    @asynccontextmanager
    async def at_work(cls) -> "AsyncIterator[Forker]":
        pipe = asyncio.subprocess.PIPE
        words = (sys.executable, "-m", "tests.harness.typing_process")
        process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
        forker = cls(process)
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline()) == "ready"
        hearing = asyncio.create_task(forker._hear())
        yield forker
        process.stdin.close()
        await process.wait()
        await hearing

    async def run(self, words: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Said:
        number = next(self._numbers)
        self._ended[number] = asyncio.get_running_loop().create_future()
        with TemporaryDirectory() as place:
            out, err = Path(place) / "out", Path(place) / "err"
            request = {"number": number, "words": list(words), "folder": str(folder), "environment": dict(environment)}
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request | {"out": str(out), "err": str(err)}).encode() + b"\n")
            await self._process.stdin.drain()
            status = await self._ended[number]
            return Said(status, out.read_text(), err.read_text())

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            number, status = json.loads(line)
            self._ended.pop(number).set_result(status)


class Terminal:
    """A folder and an environment to type commands in."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {}
        self._forker = forker

    async def start(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        """Start a command in earnest, with further settings, and let it run."""
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            TENURE, *words, cwd=self.folder, env={**self._environment(), **settings}, stdout=pipe, stderr=pipe
        )

    async def run(self, *words: str) -> Said:
        """Type a command and wait until it has ended."""
        return await self._forker.run(words, self.folder, self._environment())

    def _environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TENURE_")}
        return {**kept, "COLUMNS": "200", **self.settings}
