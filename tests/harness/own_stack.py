"""A stack of a package's own, for tests that look at all that lives on one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sandbox.options import Options
from sandbox.stack import Stack, running
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.replaying import every_life_replays


@asynccontextmanager
async def own_stack(folder: Path) -> AsyncIterator[Stack]:
    """It runs in this folder while the block does; in the end every life on it must replay."""
    async with running(Options(folder, CATALOG, POLICY, durable=False, ui=False)) as stack:
        yield stack
        await every_life_replays(stack)
