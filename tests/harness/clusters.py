"""A PostgreSQL cluster with a migrated database, made once for all processes of a run; stacks begin with a copy.

`initdb` and all migrations take fifteen times as long as the copy. They have tests of their own, in
tests/sandbox/test_postgres.py and tests/storage/db/test_migrations.py, and tests/tenure/test_progress.py simulates a
life on a stack that begins with nothing.
"""

import asyncio
import fcntl
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

PLACE = "TESTS_CLUSTER"
"""The environment variable with the folder that all processes of a run share."""
MADE, UNFINISHED = "made", "unfinished"
PARTS = ("postgres", "postgres.password")
"""What `sandbox.postgres.Postgres` keeps in its data folder."""


def pytest_configure(config: "pytest.Config") -> None:
    """Keep a folder until the run ends; its other processes inherit where that is."""
    if PLACE not in os.environ:
        place = TemporaryDirectory(prefix="tenure-test-")
        os.environ[PLACE] = place.name
        config.add_cleanup(partial(os.environ.__delitem__, PLACE))
        config.add_cleanup(place.cleanup)


def lay(folder: Path) -> None:
    """Copy the cluster into a data folder. Outside a run of tests there is none, and the server makes its own."""
    if place := os.environ.get(PLACE):
        made = _made(Path(place))
        subprocess.run(["cp", "-a", *(made / part for part in PARTS), folder], check=True)  # noqa: S603, S607


def copied_everywhere() -> None:
    """Let every stack of this process begin with a copy, wherever it keeps its data."""
    from sandbox.postgres import Postgres  # noqa: PLC0415 - as below
    from sandbox.processes import SystemUser  # noqa: PLC0415

    make = Postgres._make_cluster

    async def copy(self: Postgres, user: SystemUser) -> None:
        if self._data.name == UNFINISHED:
            await make(self, user)
        else:
            lay(self._data)

    setattr(Postgres, "_make_cluster", copy)  # noqa: B010 - no type checker lets a method be set


def _made(place: Path) -> Path:
    """The folder of the finished cluster, which the first process that asks makes."""
    made = place / MADE
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            (place / UNFINISHED).mkdir()
            with ThreadPoolExecutor(1) as elsewhere:
                # This thread may be in an event loop.
                elsewhere.submit(asyncio.run, _make(place / UNFINISHED)).result()
            (place / UNFINISHED).rename(made)
    return made


async def _make(folder: Path) -> None:
    # Runs of unit tests import neither.
    from sandbox.postgres import Postgres  # noqa: PLC0415
    from storage.db.migrations import upgrade  # noqa: PLC0415

    async with Postgres(folder, durable=False) as server:
        await upgrade(server.url)
