"""The lives that `make demo` plays."""

from collections.abc import Awaitable, Callable

import pytest

from sandbox.product import Product
from sandbox.story.links import check_pages
from sandbox.story.lives import LIVES
from sandbox.story.teller import Teller
from tests.harness.names import a_name


@pytest.mark.parametrize(("name", "life"), LIVES, ids=[name for name, _ in LIVES])
async def test_the_life_goes_as_the_demo_tells_it(
    product: Product, name: str, life: Callable[[Teller], Awaitable[None]]
) -> None:
    told: list[str] = []

    teller = Teller(name, product, told.append, external_id=a_name(name.lower()))
    await life(teller)

    await check_pages(product, [teller.external_id])
    assert len(told) > 5
    assert told == sorted(told, key=lambda line: line[:16]), "a later line carries an earlier date"
