"""Lost workflows live on from where they were written down; money that was under way is taken once."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from temporalio.client import WorkflowUpdateStage

from domain.names import LIFECYCLE_QUEUE
from domain.subscription.policy import DEFAULT_POLICY
from sandbox.stack import Stack
from tenure.cli.policies import move_to, version_of
from tenure.cli.reconcile import run_now
from tests.harness.lives import CONVERTED, Life
from tests.harness.names import a_name
from tests.stories.reconciliation.conftest import Reconciler
from tests.stories.reconciliation.parts import handle_of, terminate, terminate_in_mid_charge
from workflows.reconcile import ReconcileWorkflow
from workflows.reconciliation_run import Reconciliation
from workflows.subscription.messages import Command, ExtendTrial
from workflows.subscription.workflow import SubscriptionWorkflow

Begin = Callable[..., Awaitable[Life]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}
A_DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("healed")


async def test_a_trial_whose_workflow_was_terminated_goes_on_with_each_reminder_once(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(payment_method="pm_card_visa")
    await life.command("extend-trial", days=1, reason="asked for more time")
    await terminate(stack, life)

    assert await reconcile(fix=False) == Counter({("workflow_missing", life.id, "listed"): 1})
    assert await reconcile() == Counter({("workflow_missing", life.id, "healed"): 1})

    await life.live_until_converted()
    assert await life.mails() == CONVERTED
    assert await life.bills() == Counter(paid=1)
    assert await reconcile() == Counter()


async def test_a_recovery_whose_workflow_was_terminated_goes_on_where_it_was(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    await life.live_until_declined("insufficient_funds")
    await life.live_until("recover")
    ahead = await life.ahead()
    await life.product.card_answers(life.external_id, "ok")
    await terminate(stack, life)

    assert await reconcile() == Counter({("workflow_missing", life.id, "healed"): 1})

    assert await life.ahead() == ahead
    await life.live_until("recover")
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert (await life.mails())["receipt"] == 2


@pytest.mark.parametrize("is_done", [False, True], ids=["before-the-bank", "after-the-bank"])
async def test_a_first_payment_under_way_when_its_workflow_was_terminated_is_taken_once(
    begin: Begin, reconcile: Reconciler, stack: Stack, is_done: bool
) -> None:
    life = await begin(payment_method="pm_card_visa")

    await terminate_in_mid_charge(stack, life, is_done=is_done)

    found = await reconcile()

    assert found == Counter({("workflow_missing", life.id, "healed"): 1, ("agreement_unheard", life.id, "healed"): 1})
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)
    await life.live(20 * A_DAY)
    assert await life.bills() == Counter(paid=1)
    assert (await life.mails())["receipt"] == 1
    assert await reconcile() == Counter()


async def test_commands_that_the_lost_workflow_carried_out_are_not_carried_out_again(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin()
    await move_to(stack.client, life.id, replace(DEFAULT_POLICY, version="another"), str(uuid4()))
    await life.product.command(life.id, "extend-trial", key=f"{life.id} once", days=2, reason="asked for more time")
    await terminate(stack, life)
    await reconcile()

    await handle_of(stack, life).execute_update(
        SubscriptionWorkflow.extend_trial, ExtendTrial(f"{life.id} once", "test", 2, "asked for more time")
    )

    assert (await life.kinds())["trial_extended"] == 1
    assert await version_of(stack.client, life.id) == "another"


async def test_a_retry_under_way_when_its_workflow_was_terminated_is_made_once(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    await life.live_until_declined("insufficient_funds")
    await life.product.card_answers(life.external_id, "ok")
    await life.product.faults(webhooks={"drop": True})

    with stack.simulator.gates.one(r"/v1/invoices/[^/]+/pay", is_done=True) as gate:
        retry = Command("retried", "test")
        accepted = WorkflowUpdateStage.ACCEPTED
        await handle_of(stack, life).start_update(SubscriptionWorkflow.retry_payment, retry, wait_for_stage=accepted)
        await gate.reached()
        await terminate(stack, life)
        # The bank has decided, and nobody hears it.
        found = await reconcile()

    kinds = {kind for kind, _, _ in found}
    assert kinds == {"workflow_missing", "payment_unheard"}
    assert {outcome for _, _, outcome in found} == {"healed"}
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=2)
    assert (await life.mails())["receipt"] == 2
    assert await reconcile() == Counter()


async def test_no_more_workflows_are_restored_without_a_word_than_is_decent(begin: Begin, stack: Stack) -> None:
    lost = [one := await begin(), await Life.begun(one.product, a_name("another-that-is-lost"))]
    for life in lost:
        await terminate(stack, life)

    hourly = await stack.client.execute_workflow(
        ReconcileWorkflow.run,
        Reconciliation(heals=True, restores_at_most=1),
        id="reconcile/cautious",
        task_queue=LIFECYCLE_QUEUE,
    )

    assert hourly.tally.found == {"workflow_missing": {"healed": 1, "listed": 1}}
    by_hand = await run_now(stack.client, fix=True)
    assert by_hand.tally.found == {"workflow_missing": {"healed": 1}}
