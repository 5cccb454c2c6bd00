"""An hourly run by the Schedule's own definition: what has changed is found, and each hour another shard."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
import stripe

from sandbox.stack import Stack
from services.reconciliation.inspection import Inspection
from services.reconciliation.running_workflows import RunningWorkflowsInspection
from storage.access.api_keys import Role
from tests.harness.callers import Caller
from tests.harness.lives import A_MINUTE, Life
from tests.harness.patience import until
from tests.stories.reconciliation.parts import agreements, bill

Begin = Callable[..., Awaitable[Life]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}

pytestmark = pytest.mark.usefixtures("healed")


@pytest.fixture
async def operator(stack: Stack) -> AsyncIterator[Caller]:
    async with Caller.of_role(stack, Role.OPERATOR) as caller:
        yield caller


async def runs(operator: Caller) -> list[dict[str, Any]]:
    answer = await operator.get("/v1/reconciliation/runs", limit=100)
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def an_hour(operator: Caller) -> dict[str, Any]:
    """Run the Schedule once; what it reports."""
    before = {each["run"] for each in await runs(operator)}
    assert (await operator.post("/v1/reconciliation/run", {"reason": "a test"}, key=str(uuid4()))).status_code == 200

    async def is_done() -> bool:
        return any(each["run"] not in before for each in await runs(operator))

    await until(is_done)
    [run] = [each for each in await runs(operator) if each["run"] not in before]
    return run


async def test_an_hour_finds_what_is_new_and_compares_the_shards_that_are_due(
    begin: Begin, operator: Caller, api: stripe.StripeClient
) -> None:
    life = await begin(**PAID_START)
    (agreement,) = await agreements(api, life)
    other = await bill(api, agreement, {"tenure_subscription": str(uuid4())})

    first = await an_hour(operator)
    again = await an_hour(operator)

    assert (first["scope"], again["scope"]) == ("part", "part")
    assert first["shards"]
    assert not set(first["shards"]) & set(again["shards"]), "others are due by then"
    assert first["found"]["unknown_agreement"] == again["found"]["unknown_agreement"] == {"listed": 1}
    await api.v1.subscriptions.cancel_async(other)
    assert "unknown_agreement" not in (await an_hour(operator))["found"]
    answer = await operator.get("/v1/discrepancies")
    assert other not in {each["agreement"] for each in answer.json()["data"]}, "it is closed"


async def test_an_hour_hears_first_what_was_told_in_vain(begin: Begin, operator: Caller) -> None:
    life = await begin(**PAID_START)
    await life.product.faults(webhooks={"drop": True})
    await life.live_until("renew")
    await life.live(timedelta(hours=2))
    await life.product.faults()

    run = await an_hour(operator)

    await life.live(A_MINUTE)
    assert run["events_fetched"] > 0
    assert await life.bills() == {"paid": 2}
    assert (await life.kinds())["renewed"] == 1


class Listed:
    """In place of the comparison: what the list has shown."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    async def of_running(self, subscriptions: list[str]) -> list[Any]:
        self.ids += subscriptions
        return []


async def test_the_shards_together_list_every_running_workflow_once(begin: Begin, stack: Stack) -> None:
    life = await begin()
    every, by_shard = Listed(), Listed()

    async def is_listed() -> bool:
        await RunningWorkflowsInspection(stack.client, _as_inspection(every)).page(None, None)
        return life.id in every.ids

    await until(is_listed)
    for shard in range(24):
        await RunningWorkflowsInspection(stack.client, _as_inspection(by_shard)).page(None, shard)

    assert life.id in by_shard.ids
    assert len(by_shard.ids) == len(set(by_shard.ids))
    assert set(by_shard.ids) <= set(every.ids)


def _as_inspection(listed: Listed) -> Inspection:
    return cast("Inspection", listed)
