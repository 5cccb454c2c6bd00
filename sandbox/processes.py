"""Runs other servers as child processes: logged to a file, awaited by condition, never left behind."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

PORTS = range(20_000, 32_000)
"""Below the ephemeral ports, so that none is taken by an outgoing connection before its server binds it."""

POLL = 0.02

T = TypeVar("T")

# The child asks the kernel for a signal when we die. It does so in a small program that then becomes the
# server: Python code between fork and exec is unsafe with threads, and changing the user clears the request.
LAUNCHER = """
import os, sys
parent, death_signal, uid, gid = map(int, sys.argv[1:5])
on_linux = sys.platform == "linux"
if on_linux:
    import ctypes
    libc = ctypes.CDLL(None)
if uid != os.geteuid():
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if on_linux:
    libc.prctl(1, death_signal)
if os.getppid() != parent:
    sys.exit("the process that asked for this server is gone")
os.execv(sys.argv[5], sys.argv[5:])
"""


class StartFailed(RuntimeError):
    """A server of the sandbox did not start; the message says why, as far as its log shows."""


@dataclass(frozen=True)
class SystemUser:
    """The user that a child runs as."""

    uid: int
    gid: int

    @classmethod
    def ourselves(cls) -> "SystemUser":
        return cls(os.geteuid(), os.getegid())


def free_port() -> int:
    """Return a free loopback port."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 - no secret
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        # Connections of a server that has just ended may linger on its port; they do no harm.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def finished(process: subprocess.Popen[bytes], within: float) -> bool:
    """Wait until *process* has ended; False if it has not *within* this many seconds."""
    deadline = time.monotonic() + within
    while process.poll() is None:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL)
    return True


async def terminate(process: subprocess.Popen[bytes], within: float, how: signal.Signals = signal.SIGTERM) -> None:
    """End *process*: send the signal *how*, and kill it and its group if it has not ended in time."""
    if process.poll() is not None:
        return
    process.send_signal(how)
    if not await finished(process, within):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await finished(process, within)


class Server:
    """A child process: a server that we start, wait for and stop.

    It leads its own process group, so that Ctrl-C in the terminal reaches only us and we stop the servers in
    order. If we are killed, the kernel sends it *death_signal* (Linux).
    """

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log.absolute()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(
        self,
        command: Sequence[str],
        *,
        user: SystemUser | None = None,
        environment: Mapping[str, str] | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        """Start *command*; its output is appended to the log."""
        user = user or SystemUser.ourselves()
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER]
        numbers = [os.getpid(), int(death_signal), user.uid, user.gid]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [*launcher, *map(str, numbers), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd="/",
                process_group=0,
            )

    async def until_ready(self, probe: Callable[[], Awaitable[T | None]], within: float) -> T:
        """Call *probe* until it returns a result, and return that.

        Raises:
            StartFailed: the server ended, or did not respond within *within* seconds.

        """
        deadline = time.monotonic() + within
        while True:
            if not self.is_running:
                raise StartFailed(self._complaint(f"ended with status {self._running().returncode}"))
            if (answer := await probe()) is not None:
                return answer
            if time.monotonic() > deadline:
                raise StartFailed(self._complaint(f"did not respond within {within:g} s"))
            await asyncio.sleep(POLL)

    async def until_done(self, within: float) -> None:
        """Wait for a program to end by itself.

        Raises:
            StartFailed: it failed, or did not end within *within* seconds.

        """
        if not await finished(self._running(), within):
            await self.stop(within=1)
            raise StartFailed(self._complaint(f"did not end within {within:g} s"))
        if status := self._running().returncode:
            raise StartFailed(self._complaint(f"ended with status {status}"))

    async def stop(self, within: float, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the server, if it runs."""
        if self._process is not None:
            await terminate(self._process, within, how)

    def last_lines(self, count: int = 12) -> str:
        with suppress(FileNotFoundError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        return ""

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process

    def _complaint(self, what: str) -> str:
        return f"{self.name} {what}. The end of its log ({self.log}):\n{self.last_lines() or '(empty)'}"
