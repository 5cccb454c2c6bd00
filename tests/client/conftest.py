"""The client beside a real Tenure."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.stack import Addresses, Stack
from tenure.client import AsyncTenure, Options
from tests.harness.names import named_after
from tests.harness.social import UNHURRIED, social_suite


@pytest.fixture(scope="module")
async def social(stack: Stack, stack_folder: Path) -> AsyncIterator[Addresses]:
    async with social_suite(stack, stack_folder) as addresses:
        yield addresses


@pytest.fixture(scope="module")
async def tenure(social: Addresses) -> AsyncIterator[AsyncTenure]:
    """Asks each time: tests see what is, not what was."""
    options = Options(staleness=0, stale_if_unavailable=0, quick=UNHURRIED)
    async with AsyncTenure(social.api_url, social.admin_key, options) as tenure:
        yield tenure


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A customer of the test's own."""
    return named_after(request)
