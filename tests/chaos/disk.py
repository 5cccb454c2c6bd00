"""A small disk for PostgreSQL's data, and what fills it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.site import Site

SPARE_MB = 64
"""Besides what the data takes."""
BLOCK = bytes(4096)


@dataclass(frozen=True)
class Disk:
    """A file system with a limit."""

    place: Path

    @property
    def _filler(self) -> Path:
        return self.place / "filler"

    def fill(self) -> None:
        """Take all that is free."""
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while filler.write(BLOCK):
                    pass
            except OSError:
                return

    def free(self) -> None:
        self._filler.unlink()


@asynccontextmanager
async def small_disk(site: Site) -> AsyncIterator[Disk]:
    """PostgreSQL's data lies on a small file system of its own while the block runs; moved there and back at rest."""
    cluster = site.folder / "postgres"
    beside = site.folder / "postgres.beside"
    await site.postgres.stop()
    size = sum(each.stat().st_size for each in cluster.rglob("*") if each.is_file())
    cluster.rename(beside)
    cluster.mkdir()
    await _run("mount", "-t", "tmpfs", "-o", f"size={(size >> 20) + SPARE_MB}m", "tmpfs", str(cluster))
    try:
        await _moved(beside, cluster)
        await site.postgres.start()
        yield Disk(cluster)
        await site.postgres.stop()
        await _moved(cluster, beside)
    finally:
        await site.postgres.stop()
        await _run("umount", str(cluster))
        cluster.rmdir()
        beside.rename(cluster)
    await site.postgres.start()


async def _moved(source: Path, target: Path) -> None:
    """Empty one folder into another, owners and rights included; the folders themselves stay."""
    await _run("cp", "-a", f"{source}/.", str(target))
    await _run("find", str(source), "-mindepth", "1", "-delete")


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words)
    if await process.wait():
        raise RuntimeError(f"{' '.join(words)} has failed")
