"""CPU time of processes, which says what a request costs even where others are busy on the machine (Linux)."""

import os
from collections.abc import Iterable
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


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
