"""Runs `tenure` commands as processes of their own without importing everything anew for each: by forking.

A program beside the tests: it has imported the command line once, reads requests from its standard input, one JSON
object a line, and answers on its standard output with `["begun", number, process id]` as each command begins and
`["ended", number, status]` as it ends.
"""

import gc
import json
import os
import selectors
import sys
from importlib import import_module
from typing import Any, NoReturn

from tests.harness import clusters

LOOK_EVERY = 0.01


def main() -> None:
    from tenure.cli.commands import COMMANDS, SANDBOX_COMMANDS  # noqa: PLC0415 - the program's own start

    for command in (COMMANDS | SANDBOX_COMMANDS).values():
        import_module(f"tenure.cli.{command.module}")
    if os.environ.get(clusters.PLACE):
        clusters.copied_everywhere()
    # No command need go through all of it in search of garbage, and by that copy it.
    gc.collect()
    gc.freeze()
    _answer("ready")
    running: dict[int, int] = {}
    asked = selectors.DefaultSelector()
    asked.register(sys.stdin, selectors.EVENT_READ)
    pending, is_open = b"", True
    while is_open or running:
        if is_open and asked.select(LOOK_EVERY if running else None):
            read = os.read(sys.stdin.fileno(), 65536)
            is_open = bool(read)
            *lines, pending = (pending + read).split(b"\n")
            for line in lines:
                request = json.loads(line)
                pid = _begin(request)
                running[pid] = request["number"]
                _answer(["begun", request["number"], pid])
        _tell_the_ended(running)


def _begin(request: dict[str, Any]) -> int:
    pid = os.fork()
    return pid or _be(request)


def _be(request: dict[str, Any]) -> NoReturn:
    """Become the command, as a shell would have started it."""
    from tenure import cli  # noqa: PLC0415 - as above

    os.setsid()
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, name in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["tenure", *request["words"]]
    if request["release"]:
        import_module(request["release"]).install()
    cli.main()


def _tell_the_ended(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        _answer(["ended", running.pop(pid), os.waitstatus_to_exitcode(status)])


def _answer(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
