"""Servers beneath us: none outlives us, and one that does not come up says why."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from sandbox.processes import Server, StartFailed, free_port, is_free
from tests.harness.patience import PATIENT, until

PYTHON = str(sys.executable)

STACK = """
import asyncio, sys
from pathlib import Path
from sandbox.postgres import Postgres
from sandbox.temporal import TemporalDevServer

async def main():
    data = Path(sys.argv[1])
    async with Postgres(data, durable=False) as postgres, TemporalDevServer(data, ui=False) as temporal:
        print(postgres.pid, temporal.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
async def test_no_server_is_left_when_we_are_killed(data: Path) -> None:
    command = [PYTHON, "-c", STACK, str(data)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as stack:  # noqa: S603, ASYNC220
        assert stack.stdout
        pids = [int(pid) for pid in (await asyncio.to_thread(stack.stdout.readline)).split()]
        assert len(pids) == 2
        assert all(is_alive(pid) and os.getpgid(pid) == pid for pid in pids)

        stack.kill()

    await until(lambda: not any(is_alive(pid) for pid in pids))


async def test_the_end_of_the_log_is_quoted_when_a_server_ends_at_once(data: Path) -> None:
    server = Server("the server", data / "server.log")
    server.start([PYTHON, "-c", "import sys; sys.exit('the cellar is flooded')"])

    with pytest.raises(StartFailed, match=r"the server ended with status 1(?s:.)*the cellar is flooded"):
        await server.until_ready(lambda: asyncio.sleep(0, None), PATIENT)


async def test_a_server_is_killed_when_it_does_not_obey(data: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    )
    server = Server("the deaf", data / "deaf.log")
    server.start([PYTHON, "-c", dedent(deaf)])
    await server.until_ready(lambda: asyncio.sleep(0, "ready" in server.last_lines() or None), PATIENT)

    await server.stop(0.1, signal.SIGTERM)

    assert not server.is_running


def test_a_free_port_can_be_listened_on_when_it_is_given() -> None:
    assert is_free(free_port())
