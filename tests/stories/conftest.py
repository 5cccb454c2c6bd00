"""Lives told by date, with time travel for each life."""

import re
from collections.abc import Awaitable, Callable

import pytest

from sandbox.product import Product
from tests.harness.lives import Life


@pytest.fixture
def begin(product: Product, request: pytest.FixtureRequest) -> Callable[..., Awaitable[Life]]:
    """Sign a customer up who is named after the story."""

    async def begin(**more: object) -> Life:
        name = re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-")
        return await Life.begun(product, name[-60:].lstrip("_-"), **more)

    return begin
