"""Servers that hang: their processes are stopped, their sockets stay open, and they say nothing."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """While the block runs, a process and all that it has started stand still."""
    # The parent first: one that is stopped starts no more.
    stopped = [pid]
    os.kill(pid, signal.SIGSTOP)
    try:
        for child in children(pid):
            os.kill(child, signal.SIGSTOP)
            stopped.append(child)
        yield
    finally:
        for each in reversed(stopped):
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def children(pid: int) -> list[int]:
    """The processes that a process has started, and theirs."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        if parent == pid:
            child = int(status.parent.name)
            found += [child, *children(child)]
    return found
