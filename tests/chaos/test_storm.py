"""A small storm; `python -m bench storm` sends a large one."""

import pytest

from sandbox.product import Product
from sandbox.stack import Stack
from tests.chaos.invariants import Inspector
from tests.chaos.storm import weathered

LIVES = 7
"""One of each kind."""


@pytest.mark.usefixtures("healed")
async def test_after_a_storm_and_one_reconciliation_everything_is_paid_and_mailed_once(
    stack: Stack, product: Product, inspector: Inspector
) -> None:
    seen = await weathered(stack, product, inspector, LIVES)

    assert not seen.storm.broken
    assert seen.after == {}
