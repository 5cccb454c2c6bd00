"""What hourly reconciliations do, whose histories are kept."""

from datetime import timedelta

from temporalio.client import Client

from domain.names import LIFECYCLE_QUEUE
from domain.reconciliation.passes import Scope
from sandbox.product import Product
from tests.harness.lives import Life
from workflows.reconcile import ReconcileWorkflow
from workflows.reconciliation_run import Reconciliation


async def reconciled_hourly(product: Product) -> None:
    """A blocked conversion: one hour finds Stripe denying us access, the next has the step tried again."""
    client = await Client.connect(product.addresses.temporal_address)
    life = await Life.begun(product, "kept-reconciled-hourly", payment_method="pm_card_visa")
    await life.live(timedelta(days=13))
    await product.faults(stripe={"error_rate": 1, "status": 401})
    await life.live_until("convert")
    await life.live(timedelta(hours=2))
    await _an_hour(client)
    await product.faults()
    await _an_hour(client)
    await life.command("cancel", at="now")


async def _an_hour(client: Client) -> None:
    await client.execute_workflow(
        ReconcileWorkflow.run,
        Reconciliation(heals=True, restores_at_most=20, scope=Scope.PART),
        id="reconcile/an-hour",
        task_queue=LIFECYCLE_QUEUE,
    )
