"""Another clock for one process: a library, loaded before all others, that shifts what the system says the time is.

It shifts the calls of libc, by which Python, asyncio and the SDK's core read the time. Temporal's server, written in
Go, asks the kernel itself, and cannot be shifted in this way.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from tests.harness.typed import Command

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift(void) {
    const char *said = getenv("CLOCK_SHIFT");
    return said ? atol(said) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += shift();
    return failed;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
    int failed = real(at, zone);
    if (!failed) at->tv_sec += shift();
    return failed;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


@cache
def clock_library() -> Path | None:
    """The compiled library; None: there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    folder = Path(mkdtemp(prefix="tenure-clock-"))
    source, library = folder / "clock.c", folder / "clock.so"
    source.write_text(SOURCE)
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    made = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own source
    return library if made.returncode == 0 else None


def shifted(by: int) -> Mapping[str, str]:
    """The environment of a process whose clock is ahead by so many seconds; behind if negative."""
    return {"LD_PRELOAD": str(clock_library()), "CLOCK_SHIFT": str(by)}


async def executed(words: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> Command:
    """Start a program as a shell does, with all that is to be loaded; prints to its log."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *words, cwd=folder, env={**os.environ, **environment}, stdout=out, stderr=out
        )
    command = Command()
    command.begun.set_result(process.pid)
    waiting = asyncio.create_task(process.wait())
    waiting.add_done_callback(lambda done: command.ended.set_result(done.result()))
    return command
