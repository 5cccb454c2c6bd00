"""What the provider told in vain is heard in the end."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text
from temporalio.client import WorkflowUpdateStage

from domain.names import LIFECYCLE_QUEUE
from domain.reconciliation.passes import Stage
from sandbox.stack import Stack
from tests.harness.lives import A_MINUTE, Life
from tests.harness.patience import PATIENT, until
from tests.stories.reconciliation.conftest import Reconciler
from tests.stories.reconciliation.parts import handle_of, terminate
from workflows.reconcile import ReconcileWorkflow
from workflows.reconciliation_run import Reconciliation
from workflows.subscription.messages import Command
from workflows.subscription.workflow import SubscriptionWorkflow

Begin = Callable[..., Awaitable[Life]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}

pytestmark = pytest.mark.usefixtures("healed")

_WAITING = text(
    "SELECT count(*) FROM webhook_inbox JOIN customers USING (customer_ref) "
    "WHERE external_id = :customer AND handled_at IS NULL"
)


async def test_a_dispute_that_nobody_told_of_is_taken_note_of(begin: Begin, reconcile: Reconciler) -> None:
    life = await begin(**PAID_START)
    await life.live(A_MINUTE)
    await life.product.faults(webhooks={"drop": True})
    await life.product.dispute(life.external_id)
    await life.live(A_MINUTE)
    assert await life.status() == ("active", "full")
    await life.product.faults()

    assert await reconcile(fix=False) == Counter()
    assert await life.status() == ("active", "full"), "listed only"
    await reconcile()

    await life.live(A_MINUTE)
    assert (await life.kinds())["disputed"] == 1
    assert (await life.stands())["access"] == "limited"


async def test_a_card_given_while_the_workflow_was_lost_is_on_file_when_it_is_restored(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin()
    session = await life.product.post("/v1/checkout-sessions", {"subscription": life.id})
    await terminate(stack, life)
    async with httpx.AsyncClient(timeout=PATIENT) as browser:
        given = await browser.post(session["url"], data={"payment_method": "pm_card_visa"})
    assert given.status_code < 400, given.text
    # Kept, and nobody there to tell it to.
    await until(lambda: _waiting(life, stack))

    assert await reconcile() == Counter({("workflow_missing", life.id, "healed"): 1})

    await life.live(timedelta(days=15))
    assert await life.status() == ("active", "full")
    assert await life.bills() == Counter(paid=1)


async def test_what_a_lost_workflow_was_told_and_had_not_looked_into_is_heard_when_it_is_restored(
    begin: Begin, reconcile: Reconciler, stack: Stack
) -> None:
    life = await begin(**PAID_START)
    await life.live_until_declined("insufficient_funds")
    retry = Command("retried", "test")
    with stack.simulator.gates.one(r"/v1/invoices/[^/]+/pay", is_done=True) as gate:
        await handle_of(stack, life).start_update(
            SubscriptionWorkflow.retry_payment, retry, wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
        await gate.reached()
        await life.product.dispute(life.external_id)
        # Told to the workflow, which is busy.
        await until(lambda: _told_of_dispute(life, stack))
        await terminate(stack, life)
        gate.open()

    found = await reconcile()

    assert ("workflow_missing", life.id, "healed") in found
    await life.live(A_MINUTE)
    assert (await life.kinds())["disputed"] == 1
    assert await life.bills() == Counter(paid=1, open=1)


async def test_a_reconciliation_is_done_though_messages_cannot_be_fetched(begin: Begin, stack: Stack) -> None:
    life = await begin()
    await life.product.faults(stripe={"error_rate": 1})

    done = await stack.client.execute_workflow(
        ReconcileWorkflow.run,
        Reconciliation(heals=True, stage=Stage.MESSAGES),
        id="reconcile/deaf",
        task_queue=LIFECYCLE_QUEUE,
    )

    assert "not all events were delivered" in done.tally.in_words()


async def _told_of_dispute(life: Life, stack: Stack) -> bool:
    told = text("SELECT count(*) FROM webhook_inbox WHERE type LIKE 'charge.dispute.%' AND outcome = :outcome")
    async with stack.engine.connect() as connection:
        found = await connection.execute(told, {"outcome": f"delivered to subscription {life.id}"})
        return bool(found.scalar_one())


async def _waiting(life: Life, stack: Stack) -> int:
    async with stack.engine.connect() as connection:
        return int((await connection.execute(_WAITING, {"customer": life.external_id})).scalar_one())
