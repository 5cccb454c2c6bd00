"""Workers of benches, each a process of its own: `python -m MODULE ADDRESS`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

READY = "ready"
"""What a worker says once it works."""


@asynccontextmanager
async def worker_of(module: str, address: str) -> AsyncIterator[int]:
    """A module's worker while the block runs; its process id."""
    words = (sys.executable, "-m", module, address)
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        if (await process.stdout.readline()).decode().strip() != READY:
            raise RuntimeError(f"the worker of {module} did not start")
        yield process.pid
    finally:
        process.terminate()
        await process.wait()
