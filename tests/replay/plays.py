"""What plays a life whose history is kept."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from temporalio.client import Client

from domain.names import LIFECYCLE_QUEUE, sweep_schedule_id
from sandbox.product import Product
from sandbox.stack import Stack
from workflows.sweep_webhooks import SweepWebhooksWorkflow

Play = Callable[[Product], Awaitable[None]]
PlayUnder = Callable[[Stack, Path], Awaitable[None]]
PlayElsewhere = Callable[[Product, Path], Awaitable[None]]
PAID_START = {"trial_days": 0, "payment_method": "pm_card_visa"}


async def sweep(product: Product) -> None:
    client = await Client.connect(product.addresses.temporal_address)
    run_now = f"{sweep_schedule_id()}-by-hand"
    await client.execute_workflow(SweepWebhooksWorkflow.run, id=run_now, task_queue=LIFECYCLE_QUEUE)
