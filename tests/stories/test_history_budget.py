"""What a usual life leaves in Temporal: each event and each byte of it is paid for every subscription."""

from collections import Counter

from bench.history import A_YEAR, BUDGET, RENEWALS, UNTIL_CONVERTED, Tally, tally
from domain.names import subscription_workflow_id
from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.lives import Life

AT_MOST = 3
"""Lives. A busy machine adds workflow tasks to some of them, and takes none away: the least counts."""


async def test_a_usual_life_stays_within_its_budget(stack: Stack, product: Product) -> None:
    for number in range(AT_MOST):
        excess = BUDGET.excess(await _left(stack, product, f"budgeted-{number}"))
        if not excess:
            break

    assert excess == []


async def _left(stack: Stack, product: Product, name: str) -> Tally:
    life = await Life.begun(product, name, payment_method="pm_card_visa")
    await life.live(UNTIL_CONVERTED)
    await life.live(A_YEAR)
    past = Counter(entry["kind"] for entry in (await product.timeline(life.id))["past"])
    assert (past["trial_ending"], past["renewed"]) == (3, RENEWALS)
    return await tally(stack.client, f"WorkflowId = '{subscription_workflow_id(life.id)}'")
