"""With `TENURE_STANDALONE_ACTIVITIES`, mails and events of API and worker alike go out without a workflow each."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request

from sandbox.options import Options
from sandbox.product import Product
from sandbox.serving import serve
from sandbox.stack import Stack, running
from tenure.client import AsyncTenure, verified_event
from tests.harness.catalogs import CATALOG, POLICY
from tests.harness.folders import migrated_folder
from tests.harness.patience import until


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    with migrated_folder() as folder:
        options = Options(folder, CATALOG, POLICY, durable=False, ui=False, standalone_activities=True)
        async with running(options) as stack:
            yield stack


async def test_events_and_mails_are_delivered_and_leave_no_workflow(stack: Stack) -> None:
    received: Counter[str] = Counter()
    secrets: list[str] = []
    receiver = FastAPI()

    @receiver.post("/hooks", status_code=204)
    async def receive(request: Request) -> None:
        received[verified_event(await request.body(), request.headers, secrets).type] += 1

    addresses, client = stack.addresses, stack.client
    async with (
        serve(receiver) as url,
        AsyncTenure(addresses.api_url, addresses.admin_key) as tenure,
        Product(addresses) as product,
    ):
        endpoint = await tenure.create_webhook_endpoint(f"{url}/hooks", ["subscription.trial_started"])
        secrets.append(endpoint.secret or "")
        await product.sign_up("ada")
        await until(lambda: received == {"subscription.trial_started": 1})
        await until(lambda: stack.mailbox.messages("ada@example.com"))
        # The worker has handed over the first one, the API hands over the second one.
        [delivery] = [one async for one in tenure.deliveries(endpoint.id)]
        await tenure.resend_delivery(delivery.id)
        await until(lambda: received == {"subscription.trial_started": 2})

    for kind in ("MailWorkflow", "EventDeliveryWorkflow"):
        assert (await client.count_workflows(f"WorkflowType = '{kind}'")).count == 0
