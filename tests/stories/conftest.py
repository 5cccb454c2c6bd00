"""What stories have in common."""

from collections.abc import AsyncIterator

import pytest

from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.buyers import Buyer
from tests.harness.names import named_after


@pytest.fixture
def buyer(stack: Stack, product: Product, request: pytest.FixtureRequest) -> Buyer:
    return Buyer(stack, product, named_after(request))


@pytest.fixture
async def unheard(product: Product) -> AsyncIterator[None]:
    """No webhook arrives."""
    await product.faults(webhooks={"drop": True})
    yield
    await product.faults()
