"""Two servers in turns, each a process of its own, and what was measured at each."""

import asyncio
import json
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.posting import write
from sandbox.processes import free_port
from sandbox.stack import Stack

CATALOGS = Path(__file__).parents[1] / "catalogs"
CATALOG, POLICY = CATALOGS / "manufacturing.yaml", CATALOGS / "policy.yaml"


@dataclass
class Figures:
    """What was measured at one endpoint."""

    seconds: list[float] = field(default_factory=list)
    """Until each answer."""
    rates: list[float] = field(default_factory=list)
    """Answers a second, by round."""
    server_cpu: list[float] = field(default_factory=list)
    """Seconds of CPU of the server for an answer, by round."""
    database_cpu: list[float] = field(default_factory=list)
    """The same of the database."""

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def share(self, of: float) -> float:
        """Milliseconds within which so large a share was answered."""
        return sorted(self.seconds)[min(int(len(self.seconds) * of), len(self.seconds) - 1)] * 1000


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    port: int
    pid: int


async def a_round(port: int, requests: Sequence[bytes], figures: Figures, at_once: int) -> None:
    """Send requests, this many at a time, from a process of their own."""
    with tempfile.NamedTemporaryFile() as file:
        write(Path(file.name), requests)
        asked = ("-m", "bench.posting", "127.0.0.1", str(port), file.name, str(at_once))
        posting = await asyncio.create_subprocess_exec(sys.executable, *asked, stdout=asyncio.subprocess.PIPE)
        told, _ = await posting.communicate()
    if posting.returncode:
        raise RuntimeError("not every request was answered well")
    measured = json.loads(told)
    figures.seconds += measured["seconds"]
    figures.rates.append(len(requests) / measured["in_all"])


def settings_of(stack: Stack, folder: Path, catalog: Path) -> dict[str, str]:
    """What `tenure api` needs beside a stack that keeps its secrets in *folder*."""
    secrets = json.loads((folder / "secrets.json").read_text())
    port = str(free_port())
    return {
        "TENURE_DATABASE_URL": stack.postgres.url,
        # Of all processes that are measured in one run, no more than PostgreSQL takes.
        "TENURE_DATABASE_POOL": "12",
        "TENURE_TEMPORAL_ADDRESS": stack.addresses.temporal_address,
        "TENURE_STRIPE_API_KEY": secrets["stripe_key"],
        "TENURE_STRIPE_API_BASE": stack.addresses.stripe_url,
        "TENURE_STRIPE_WEBHOOK_SECRETS": stack.addresses.webhook_secret,
        "TENURE_CATALOG": str(catalog),
        "TENURE_POLICY": str(POLICY),
        **{f"TENURE_RATE_{kind}": "1000000" for kind in ("REQUESTS", "CHECKS", "LISTS")},
        "TENURE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TENURE_SECRET_KEY": secrets["secret_key"],
        "TENURE_TRIAL_KEY": secrets["trial_key"],
        "TENURE_API_HOST": "127.0.0.1",
        "TENURE_API_PORT": port,
    }


@asynccontextmanager
async def process(settings: Mapping[str, str], *command: str, port: int) -> AsyncIterator[Served]:
    """A process of its own, as in production, whose log goes nowhere."""
    running = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **settings, "BARE_PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await _answers(url)
        yield Served(port, running.pid)
    finally:
        running.terminate()
        await running.wait()


async def _answers(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(120):
        while True:
            try:
                await client.get(f"{url}/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                return


def beside(command: str) -> str:
    """The command that is installed with this Python."""
    return str(Path(sys.executable).with_name(command))
