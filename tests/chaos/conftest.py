"""Lives in which several things happen at once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.stack import Stack
from tests.chaos.invariants import Inspector


@pytest.fixture(scope="session")
async def inspector(stack: Stack, stack_folder: Path) -> AsyncIterator[Inspector]:
    async with Inspector.of(stack, stack_folder) as inspector:
        yield inspector
