"""What a usual life leaves in Temporal: each event and each byte of it is paid for every subscription."""

from collections import Counter

from bench.history import A_YEAR, BUDGET, RENEWALS, UNTIL_CONVERTED, tally
from domain.names import subscription_workflow_id
from sandbox.product import Product
from sandbox.stack import Stack
from tests.harness.lives import Life


async def test_a_usual_life_stays_within_its_budget(stack: Stack, product: Product) -> None:
    life = await Life.begun(product, "budgeted", payment_method="pm_card_visa")
    await life.live(UNTIL_CONVERTED)
    await life.live(A_YEAR)
    past = Counter(entry["kind"] for entry in (await product.timeline(life.id))["past"])

    left = await tally(stack.client, f"WorkflowId = '{subscription_workflow_id(life.id)}'")

    assert (past["trial_ending"], past["renewed"]) == (3, RENEWALS)
    assert BUDGET.excess(left) == []
