"""A world that was kept, brought up on the code of today."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import Stack, running
from services.payload_codec import converter_with
from tests.harness.folders import data_folder
from tests.harness.lives import Life
from tests.upgrade.keeping import CATALOG, KEPT, POLICY, KeptLife, World, restore
from worker.build import WORKFLOWS, workflow_runner

RECORDINGS = sorted(folder.name for folder in KEPT.iterdir())
STUCK = "TemporalReportedProblems IS NOT NULL"
OF_SUBSCRIPTIONS = "WorkflowType = 'SubscriptionWorkflow'"
FAILED = EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
NEWS_MEANWHILE = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND
"""Something came just as the workflow was about to end this run; it is told and decides anew."""


@dataclass(frozen=True)
class Upgraded:
    """What was kept, and what runs on it."""

    world: World
    stack: Stack
    product: Product
    shown: dict[str, dict[str, Any]]
    """Each subscription as the API showed it before time went on."""

    def life(self, name: str) -> Life:
        """A life that goes on."""
        if name not in self.world.lives:
            pytest.skip("nobody had lived so when this was recorded")
        kept = self.world.lives[name]
        life = Life(self.product, kept.external_id, {"id": kept.id})
        life.now = self.stack.simulator.now(kept.external_id)
        return life

    async def mails(self, life: Life) -> Counter[str]:
        """How many mails of each occasion have come since, none of them twice."""
        return _more(await life.mails(), self._kept(life).mails)

    async def bills(self, life: Life) -> Counter[str]:
        """How many more bills of each status there are, or how many less."""
        return _more(await life.bills(), self._kept(life).bills)

    def taken(self, life: Life) -> list[int]:
        """What Stripe has taken from the customer, payment by payment."""
        found = self.stack.simulator._store
        [customer] = self.stack.simulator._clocks.stripe_ids(life.external_id)
        return [bill["amount_paid"] for bill in found.find("invoice", customer=customer) if bill["amount_paid"]]

    def page(self, url: str) -> str:
        """Where a page of Stripe's is now that had that address."""
        return self.product.addresses.stripe_url + urlsplit(url).path

    def _kept(self, life: Life) -> KeptLife:
        return next(kept for kept in self.world.lives.values() if kept.id == life.id)


def _more(now: Counter[str], before: Mapping[str, int]) -> Counter[str]:
    more = Counter(now)
    more.subtract(before)
    return Counter({name: number for name, number in more.items() if number})


@pytest.fixture(scope="module", params=RECORDINGS)
async def upgraded(request: pytest.FixtureRequest) -> AsyncIterator[Upgraded]:
    """A release: the servers of a recording, migrated, with the code of today on them."""
    kept = KEPT / request.param
    with data_folder() as data:
        world = await restore(kept, data)
        options = Options(data, kept / CATALOG, kept / POLICY, durable=False, ui=False)
        async with running(options) as stack, Product(stack.addresses) as product:
            over_before = await runs_that_are_over(stack)
            shown = {name: await product.subscription(life.id) for name, life in world.lives.items()}
            upgraded = Upgraded(world, stack, product, shown)
            yield upgraded
            await nobody_stumbles_over_what_was_begun(stack, over_before)
            await everybody_is_charged_what_they_are_billed(upgraded)


async def runs_that_are_over(stack: Stack) -> set[str]:
    """Nobody reads their histories any more."""
    query = f"{OF_SUBSCRIPTIONS} AND ExecutionStatus != 'Running'"
    return {run.run_id async for run in stack.client.list_workflows(query)}


async def nobody_stumbles_over_what_was_begun(stack: Stack, over_before: set[str]) -> None:
    """All histories fit the code: those that went on with it, and those that nobody has taken up yet."""
    stuck = [found.id async for found in stack.client.list_workflows(STUCK)]
    assert stuck == []
    replayer = Replayer(workflows=WORKFLOWS, workflow_runner=workflow_runner(), data_converter=converter_with(()))
    replays = await replayer.replay_workflows(_histories(stack, over_before), raise_on_replay_failure=False)
    assert not replays.replay_failures, replays.replay_failures


async def _histories(stack: Stack, over_before: set[str]) -> AsyncIterator[WorkflowHistory]:
    async for run in stack.client.list_workflows(OF_SUBSCRIPTIONS):
        if run.run_id in over_before:
            continue
        history = await stack.client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
        failures = [e.workflow_task_failed_event_attributes for e in history.events if e.event_type == FAILED]
        assert [each for each in failures if each.cause != NEWS_MEANWHILE] == []
        yield history


async def everybody_is_charged_what_they_are_billed(upgraded: Upgraded) -> None:
    """Nothing was taken twice, nor taken and not written down."""
    for kept in upgraded.world.lives.values():
        life = Life(upgraded.product, kept.external_id, {"id": kept.id})
        bills = (await life.product.get("/v1/invoices", customer=life.external_id))["data"]
        assert sorted(bill["amount_paid"] for bill in bills if bill["amount_paid"]) == sorted(upgraded.taken(life))
