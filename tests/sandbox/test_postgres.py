"""The embedded PostgreSQL: there when asked for, and keeping what it promised to keep."""

import asyncio
import os
import signal
import stat
from pathlib import Path

import asyncpg
import pytest

from sandbox import postgres
from sandbox.postgres import Postgres
from sandbox.processes import StartFailed

LET_IN = b"R\0\0\0\x08\0\0\0\0" + b"S\0\0\0\x18server_version\x0018.6\0" + b"Z\0\0\0\x05I"
"""What a server says to whom it lets in: that it does so without a password, its version, and that it is ready."""


async def run(url: str, statement: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_the_database_is_kept_when_the_server_is_started_again(data: Path) -> None:
    async with Postgres(data, durable=False) as server:
        await run(server.url, "CREATE TABLE notes AS SELECT 'kept' AS note")
        assert server.url.endswith("/tenure")

    async with Postgres(data) as server:
        assert await run(server.url, "SELECT note FROM notes") == "kept"
        assert await run(server.url, "SHOW timezone") == "UTC"


async def test_what_was_committed_is_there_when_the_server_was_killed(data: Path) -> None:
    server = Postgres(data, durable=False)
    await server.start()
    await run(server.url, "CREATE TABLE notes AS SELECT 'kept' AS note")
    os.kill(server.pid, signal.SIGKILL)
    await server.stop()
    # Its number may belong to anybody by now: here to this very test.
    pid_file = data / "postgres" / "postmaster.pid"
    pid_file.write_text("\n".join([str(os.getpid()), *pid_file.read_text().splitlines()[1:]]) + "\n")

    async with Postgres(data) as server:
        assert await run(server.url, "SELECT note FROM notes") == "kept"


async def test_a_second_server_says_so_when_one_serves_the_data_already(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PREDECESSOR_GONE_WITHIN", 0.1)
    async with Postgres(data, durable=False) as server:
        with pytest.raises(StartFailed, match=f"already serves .*process {server.pid}.*choose another folder"):
            await Postgres(data).start()

        assert await run(server.url, "SELECT 1") == 1


async def test_nobody_gets_in_when_the_password_is_not_known(data: Path) -> None:
    async with Postgres(data / "deep" / "inside", durable=False) as server:
        password = data / "deep" / "inside" / "postgres.password"
        assert stat.S_IMODE(password.stat().st_mode) == 0o600
        with pytest.raises(asyncpg.InvalidPasswordError):
            await run(server.url.replace(password.read_text(), "guess"), "SELECT 1")


async def test_it_says_what_to_do_when_the_port_is_in_use_or_the_password_lost(data: Path) -> None:
    listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        with pytest.raises(StartFailed, match=f"port {port} is in use"):
            await Postgres(data, port=port).start()
    finally:
        listener.close()
        await listener.wait_closed()

    async with Postgres(data, durable=False):
        pass
    (data / "postgres.password").unlink()
    with pytest.raises(StartFailed, match=r"postgres\.password is missing.*remove both to start over"):
        await Postgres(data).start()


STARTUP, QUERY = 1, 2
"""How often a server has read from whom it lets in: at their start, and at their first query."""


@pytest.mark.parametrize("reads", [0, STARTUP, QUERY], ids=["at once", "at the start", "at the first query"])
async def test_a_server_that_hangs_up_on_whom_it_let_in_is_still_coming_up(data: Path, reads: int) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(reads):
            await reader.read(4096)
            if (reads, number) == (QUERY, 0):
                writer.write(LET_IN)
        writer.close()

    listener = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    (data / "postgres.password").write_text("secret")
    try:
        server = Postgres(data, port=listener.sockets[0].getsockname()[1])
        assert await server._database_is_there() is None
    finally:
        listener.close()


async def test_the_log_is_quoted_when_the_cluster_is_broken(data: Path) -> None:
    async with Postgres(data, durable=False):
        pass
    (data / "postgres" / "PG_VERSION").write_text("9.1\n")

    with pytest.raises(
        StartFailed, match=r"(?s)PostgreSQL ended with status 1.*initialized by PostgreSQL version 9\.1"
    ):
        await Postgres(data).start()
