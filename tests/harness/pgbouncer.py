"""PgBouncer in transaction mode before a database, where the program is installed (`apt-get install pgbouncer`)."""

import os
import shutil
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from sandbox.postgres import _server_user
from sandbox.processes import Server, free_port
from tests.harness.folders import data_folder

READY_WITHIN = 60.0
PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SETTINGS = """\
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 1000
"""


@asynccontextmanager
async def pooled(*urls: str, connections: int = 1) -> AsyncIterator[list[str]]:
    """The URLs of the same databases, for the same users, behind a PgBouncer with so many connections to each.

    The test is skipped where PgBouncer is missing, unless CI runs it.
    """
    if PROGRAM is None and "TESTS_ALL" not in os.environ:
        pytest.skip("needs pgbouncer: apt-get install pgbouncer")
    assert PROGRAM is not None, "CI installs pgbouncer"
    listen = free_port()
    with data_folder() as folder:
        _configure(folder, urls, listen, connections)
        server = Server("PgBouncer", folder / "pgbouncer.log")
        server.start([PROGRAM, str(folder / "pgbouncer.ini")], user=_server_user(folder / "none"))
        behind = [
            make_url(url).set(host="127.0.0.1", port=listen).render_as_string(hide_password=False) for url in urls
        ]
        try:
            await server.until_ready(lambda: _answers(behind[0]), READY_WITHIN)
            yield behind
        finally:
            await server.stop(10)


def _configure(folder: Path, urls: Iterable[str], listen: int, connections: int) -> None:
    parsed = [make_url(url) for url in urls]
    users = folder / "users.txt"
    users.write_text("".join(f'"{url.username}" "{url.password}"\n' for url in parsed))
    settings = SETTINGS.format(
        host=parsed[0].host, port=parsed[0].port, listen=listen, users=users, connections=connections
    )
    (folder / "pgbouncer.ini").write_text(settings)
    user = _server_user(folder / "none")
    for path in (folder, users, folder / "pgbouncer.ini"):
        os.chown(path, user.uid, user.gid)


async def _answers(url: str) -> bool | None:
    try:
        connection = await asyncpg.connect(url, statement_cache_size=0)
    except (OSError, asyncpg.PostgresError):
        return None
    await connection.close()
    return True
