"""The `tenure` command as a person types it, in a folder and an environment of its own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests.harness.patience import PATIENT

TENURE = Path(sys.executable).with_name("tenure")


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str


class Command:
    """A command that was started: a process, but not a child of this one."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[int] = loop.create_future()
        """Its process id."""
        self.ended: asyncio.Future[int] = loop.create_future()
        """Its status, as `subprocess` has it."""

    @property
    def pid(self) -> int:
        return self.begun.result()

    @property
    def returncode(self) -> int | None:
        """Its status; None: it runs."""
        return self.ended.result() if self.ended.done() else None

    def send_signal(self, which: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, which)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    async def stop(self) -> int:
        """Tell it to stop; returns its status.

        Raises:
            TimeoutError: it did not, and is killed.
        """
        self.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.wait(), PATIENT)
        except TimeoutError:
            self.kill()
            raise TimeoutError(f"process {self.pid} was told to stop and still ran after {PATIENT:g} s") from None


@dataclass(frozen=True)
class Heard:
    """A command that runs, and what it prints."""

    command: Command
    stdout: asyncio.StreamReader
    _place: "TemporaryDirectory[str]"

    @classmethod
    async def started(
        cls, forker: "Forker", words: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> Self:
        place = TemporaryDirectory()
        out, loop = Path(place.name) / "out", asyncio.get_running_loop()
        os.mkfifo(out)
        read_end = os.fdopen(os.open(out, os.O_RDONLY | os.O_NONBLOCK), "rb", 0)
        # Open until the command has ended, so that what it prints does not end before it has begun.
        write_end = os.open(out, os.O_WRONLY)
        stdout = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), read_end)
        command = await forker.start(words, folder, environment, out, Path(place.name) / "err")
        command.ended.add_done_callback(lambda _: os.close(write_end))
        return cls(command, stdout, place)

    @property
    def returncode(self) -> int | None:
        return self.command.returncode

    def send_signal(self, which: int) -> None:
        self.command.send_signal(which)

    def kill(self) -> None:
        self.command.kill()

    async def communicate(self) -> tuple[bytes, bytes]:
        """Wait until it has ended; returns the rest of what it has printed, and its errors."""
        printed = await self.stdout.read()
        await self.command.wait()
        errors = (Path(self._place.name) / "err").read_bytes()
        self._place.cleanup()
        return printed, errors


class Forker:
    """Starts commands in no time, each a process of its own; see `typing_process`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = count(1)
        self._commands: dict[int, Command] = {}

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
        with TemporaryDirectory() as place:
            out, err = Path(place) / "out", Path(place) / "err"
            status = await (await self.start(words, folder, environment, out, err)).wait()
            return Said(status, out.read_text(), err.read_text())

    async def start(
        self,
        words: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        out: Path,
        err: Path,
        *,
        release: str = "",
    ) -> Command:
        """Start a command that prints to these files, and let it run.

        *release* names a module whose `install` makes it another release, in its process alone.
        """
        number = next(self._numbers)
        command = self._commands[number] = Command()
        request = {"number": number, "words": list(words), "folder": str(folder), "environment": dict(environment)}
        request["release"] = release
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request | {"out": str(out), "err": str(err)}).encode() + b"\n")
        await self._process.stdin.drain()
        await command.begun
        return command

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            what, number, told = json.loads(line)
            if what == "begun":
                self._commands[number].begun.set_result(told)
            else:
                self._commands.pop(number).ended.set_result(told)
        # Of these nobody will ever hear anything.
        for command in self._commands.values():
            heard = command.ended if command.begun.done() else command.begun
            heard.set_exception(RuntimeError("what starts the commands of tests has ended"))


class Terminal:
    """A folder and an environment to type commands in."""

    def __init__(self, folder: Path, forker: Forker) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {}
        self._forker = forker

    async def start(self, *words: str, **settings: str) -> Heard:
        """Start a command, with further settings, and let it run."""
        return await Heard.started(self._forker, words, self.folder, {**self._environment(), **settings})

    async def start_in_earnest(self, *words: str, **settings: str) -> asyncio.subprocess.Process:
        """The same as a shell does it, with all that is to be imported."""
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
