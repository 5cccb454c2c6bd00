"""The scripts of `deploy/`, run as an operator runs them."""

import asyncio
import os
import sys
from pathlib import Path

from sandbox.postgres import binaries
from tests.harness.typed import Said

DEPLOY = Path(__file__).parents[2] / "deploy"


async def run_script(name: str, *arguments: str, **settings: str) -> Said:
    """Run a script of `deploy/` with these settings; PostgreSQL's programs and ours are on its path."""
    tools = f"{binaries()}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        DEPLOY / name,
        *arguments,
        env={**os.environ, **settings, "PATH": tools},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())
