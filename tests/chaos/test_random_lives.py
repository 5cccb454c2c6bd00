"""Random lives, while webhooks are lost, doubled and reordered and Stripe fails: all end well."""

import pytest

from sandbox.product import Product
from tests.chaos.invariants import Inspector
from tests.chaos.random_lives import FAULTS, play_batch

BATCH = 12
WORST = {25: FAULTS[1], 75: FAULTS[3]}
"""By the first seed; `python -m tests.chaos.random_lives FIRST LAST` plays as many as one likes."""


@pytest.mark.usefixtures("healed")
@pytest.mark.parametrize("first", WORST)
async def test_whatever_happens_money_mails_and_all_places_agree(
    product: Product, inspector: Inspector, first: int
) -> None:
    wrong = await play_batch(product, inspector, range(first, first + BATCH), WORST[first])

    assert not wrong, "\n".join(["play a seed alone: python -m tests.chaos.random_lives SEED SEED+1", *wrong])
