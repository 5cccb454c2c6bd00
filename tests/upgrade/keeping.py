"""What is kept of a world: its database as a dump, the other servers' files, and what it takes to bring it up again."""

import asyncio
import json
import lzma
import sqlite3
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sandbox.postgres import Postgres, binaries
from tests.upgrade.clocks import set_simulator_back, set_temporal_back

KEPT = Path(__file__).parent / "kept"
CATALOG, POLICY = "catalog.yaml", "policy.yaml"
FILES = ("temporal.db", "stripe.db", "mailbox.db")
SECRETS = "secrets.json"
DUMP = "postgres.sql"
COMPRESSED = ".xz"


@dataclass(frozen=True)
class KeptLife:
    """A subscription as it stood when it was kept."""

    id: str
    external_id: str
    stands: dict[str, Any]
    """As the API showed it."""
    bills: dict[str, int]
    """How many there were of each status."""
    mails: dict[str, int]
    """How many had come for each occasion."""


@dataclass(frozen=True)
class World:
    """A recording by its name, and what lived in it."""

    stopped_at: datetime
    good_until: datetime
    """Then its clocks cannot be set back any more."""
    lives: dict[str, KeptLife]

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The world that is kept in a folder."""
        told = json.loads((folder / "world.json").read_text())
        lives = {name: KeptLife(**life) for name, life in told["lives"].items()}
        stopped_at, good_until = (datetime.fromisoformat(told[name]) for name in ("stopped_at", "good_until"))
        return cls(stopped_at, good_until, lives)

    def write(self, folder: Path) -> None:
        told = {
            "stopped_at": self.stopped_at.isoformat(),
            "good_until": self.good_until.isoformat(),
            "lives": {name: asdict(life) for name, life in self.lives.items()},
        }
        (folder / "world.json").write_text(json.dumps(told, indent=1) + "\n")


async def keep(data: Path, kept: Path) -> None:
    """Write down in *kept* the servers of a stack that has stopped, whose data are in *data*."""
    _compress((data / SECRETS).read_bytes(), kept / SECRETS)
    for name in FILES:
        _compress(_nameless(_at_its_smallest(data / name), data), kept / name)
    async with Postgres(data) as server:
        _compress(await _run("pg_dump", "--no-owner", server.url), kept / DUMP)


async def restore(kept: Path, data: Path) -> World:
    """Lay out in *data* what is kept, for a stack to be started on at once: all clocks go on where they stood."""
    world = World.of(kept)
    if now() > world.good_until:
        raise RuntimeError(f"{kept.name} was good until {world.good_until}: record another, and delete this one")
    for name in (SECRETS, *FILES):
        (data / name).write_bytes(lzma.decompress(_compressed(kept / name).read_bytes()))
    dump = lzma.decompress(_compressed(kept / DUMP).read_bytes())
    async with Postgres(data, durable=False) as server:
        await _run("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", server.url, told=dump)
    by = now() - world.stopped_at
    set_temporal_back(data / "temporal.db", by)
    set_simulator_back(data / "stripe.db", by)
    return world


def now() -> datetime:
    return datetime.now(UTC)


async def _run(program: str, *arguments: str, told: bytes = b"") -> bytes:
    process = await asyncio.create_subprocess_exec(
        binaries() / program,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(told)
    if process.returncode:
        raise RuntimeError(f"{program} failed: {err.decode()}")
    return out


def _at_its_smallest(file: Path) -> bytes:
    small = file.with_suffix(".small")
    with closing(sqlite3.connect(file)) as database:
        database.execute("VACUUM INTO ?", (str(small),))
    return small.read_bytes()


def _nameless(content: bytes, data: Path) -> bytes:
    """Without where all was on this machine, which traces tell; as long as before, as lengths are written beside."""
    for path in (data, Path(__file__).parents[2], Path(sys.prefix), Path(sys.base_prefix)):
        told = str(path).encode()
        content = content.replace(told, b"/".ljust(len(told), b"x"))
    return content


def _compress(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _compressed(path).write_bytes(lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))


def _compressed(path: Path) -> Path:
    return path.with_name(path.name + COMPRESSED)


def sizes(kept: Path) -> Iterable[tuple[str, int]]:
    """Each file that is kept, and how large it is."""
    return sorted((file.name, file.stat().st_size) for file in kept.iterdir())
