"""A life on a stack that is traced: a trial whose reminder a timer sends, and a conversion that a request asks for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import WorkflowHistory

from sandbox.options import Options
from sandbox.product import Product
from sandbox.stack import running
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.collector import Collector, collecting
from tests.harness.folders import migrated_folder
from tests.harness.patience import until
from tracing.open_telemetry import exporting

EXTERNAL_ID, NAME = "tracy-untold", "Tracy Untold"
"""Of which nothing is in a trace; the mail address begins with the first."""
CONVERT = "POST /v1/subscriptions/{subscription_id}/convert"
TO_THE_FIRST_REMINDER = timedelta(days=7, hours=18)
MAILS = 3
"""Trial begun, reminder, converted, receipt."""


@dataclass(frozen=True)
class TracedLife:
    """What a life has left."""

    subscription: str
    collector: Collector
    histories: tuple[WorkflowHistory, ...]


@asynccontextmanager
async def traced_life() -> AsyncIterator[TracedLife]:
    """Live it on a stack of its own, which has ended when this yields: all has been sent by then."""
    async with collecting() as collector:
        spans = exporting(collector.address, "tenure-sandbox", 1.0)
        with migrated_folder() as folder:
            options = Options(folder, CATALOG, POLICY, durable=False, ui=False, spans=spans)
            async with running(options) as stack, Product(stack.addresses) as product:
                subscription = await _lived(product)
                histories = [one async for one in stack.client.list_workflows().map_histories()]
        await asyncio.to_thread(spans.close)
        yield TracedLife(subscription, collector, tuple(histories))


async def _lived(product: Product) -> str:
    life = await product.sign_up(EXTERNAL_ID, customer={"name": NAME})
    subscription = str(life["id"])
    await product.travel(subscription, TO_THE_FIRST_REMINDER)
    await product.command(subscription, "convert", when="now", payment_method="pm_card_visa")
    await until(lambda: _is_thanked(product))
    return subscription


async def _is_thanked(product: Product) -> bool:
    return len(await product.mails(EXTERNAL_ID)) >= MAILS
