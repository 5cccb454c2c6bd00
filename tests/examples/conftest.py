"""The example product before a real Tenure, and its users."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from examples.social_suite.app import create_app
from examples.social_suite.studio import Studio
from sandbox.serving import serve
from sandbox.stack import Addresses, Stack
from tenure.client import AsyncTenure, Options
from tests.harness.names import named_after
from tests.harness.patience import PATIENT
from tests.harness.social import UNHURRIED, social_suite


class Painter:
    """Some other company's service, which fails while it is to."""

    fails = False
    drawn = 0

    async def __call__(self, prompt: str, model: str) -> str:
        if self.fails:
            raise ConnectionError
        self.drawn += 1
        return f"https://images.example/{model}/{self.drawn}.png"


@pytest.fixture(scope="module")
async def social(stack: Stack, stack_folder: Path) -> AsyncIterator[Addresses]:
    async with social_suite(stack, stack_folder) as addresses:
        yield addresses


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter()


@pytest.fixture(scope="module")
async def suite(social: Addresses, painter: Painter) -> AsyncIterator[str]:
    """Where the product is."""
    tenure = AsyncTenure(social.api_url, social.admin_key, Options(staleness=0, quick=UNHURRIED))
    async with serve(create_app(tenure, Studio(painter))) as url:
        yield url


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return named_after(request)


@pytest.fixture
async def user(suite: str, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who uses the product, and has the free plan."""
    async with httpx.AsyncClient(base_url=suite, headers={"X-User": name}, timeout=PATIENT, trust_env=False) as user:
        yield user
