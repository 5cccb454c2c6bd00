"""CPU time of processes, which says what a request costs even where others are busy on the machine (Linux)."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_BACKENDS = text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")


def seconds(pids: Iterable[int]) -> dict[int, float]:
    """Seconds of CPU that each process has used so far."""
    return {pid: _seconds(pid) for pid in pids}


async def backends(engine: AsyncEngine) -> list[int]:
    """The processes of the database that serve connections."""
    async with engine.connect() as connection:
        return list((await connection.execute(_BACKENDS)).scalars())


def used(before: dict[int, float], after: dict[int, float]) -> float:
    """Seconds of CPU used meanwhile, by all processes together; of those that came later, all of theirs."""
    return sum(after[pid] - before.get(pid, 0.0) for pid in after)


def tree(pid: int) -> float:
    """Seconds of CPU of a process and of all its children, those that have ended included."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents.setdefault(int(_fields(stat)[1]), []).append(int(stat.parent.name))
    used, left = 0.0, [pid]
    while left:
        one = left.pop()
        left += parents.get(one, [])
        with suppress(OSError):
            used += sum(map(int, _fields(Path(f"/proc/{one}/stat"))[11:15])) / os.sysconf("SC_CLK_TCK")
    return used


def _fields(stat: Path) -> list[str]:
    """What follows the name, the state first."""
    return stat.read_text().rpartition(")")[2].split()


def _seconds(pid: int) -> float:
    fields = _fields(Path(f"/proc/{pid}/stat"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
