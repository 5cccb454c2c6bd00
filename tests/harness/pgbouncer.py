"""PgBouncer in transaction mode, in front of a database."""

import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from sandbox.processes import free_port
from tests.harness.folders import data_folder
from tests.harness.patience import until

_SETTINGS = """
[databases]
{database} = host={host} port={port} dbname={database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}
"""


needs_pgbouncer = pytest.mark.skipif(
    shutil.which("pgbouncer") is None and "TESTS_ALL" not in os.environ,
    reason="PgBouncer is not installed: apt install pgbouncer",
)


@asynccontextmanager
async def pooled(*urls: str, connections: int) -> AsyncIterator[list[str]]:
    """The same URLs, of several logins to one database, through a pooler with so many connections for each login."""
    first, listen = make_url(urls[0]), free_port()
    with data_folder() as folder:
        users = folder / "users"
        users.write_text("".join(f'"{make_url(url).username}" "{make_url(url).password}"\n' for url in urls))
        file = folder / "pgbouncer.ini"
        file.write_text(
            _SETTINGS.format(
                database=first.database,
                host=first.host,
                port=first.port,
                listen=listen,
                users=users,
                connections=connections,
            )
        )
        process = subprocess.Popen(_command(file), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220, S603
        try:
            through = [
                make_url(url).set(host="127.0.0.1", port=listen).render_as_string(hide_password=False) for url in urls
            ]
            await until(lambda: _answers(through[0]))
            yield through
        finally:
            process.terminate()
            process.wait(10)


def _command(file: Path) -> list[str]:
    program = shutil.which("pgbouncer")
    assert program is not None
    if os.geteuid() != 0:
        return [program, str(file)]
    # It does not run as root.
    nobody = pwd.getpwnam("nobody")
    for path in (file.parent, *file.parent.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return [program, "-u", "nobody", str(file)]


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, statement_cache_size=0)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True
