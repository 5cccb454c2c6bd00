"""What the stories of reconciliation do behind Tenure's back."""

from datetime import UTC, datetime
from typing import Any

import stripe
from temporalio.client import WorkflowHandle, WorkflowUpdateStage

from domain.names import subscription_workflow_id
from domain.subscription.commands import ConvertAt
from sandbox.stack import Stack
from tests.harness.lives import Life
from tests.harness.names import a_name
from tests.harness.patience import until
from workflows.subscription.messages import Convert
from workflows.subscription.workflow import SubscriptionWorkflow


async def agreements(api: stripe.StripeClient, life: Life) -> list[dict[str, Any]]:
    """A customer's subscriptions at Stripe, newest first."""
    of_email: Any = {"email": f"{life.external_id}@example.com"}
    (customer,) = (await api.v1.customers.list_async(of_email)).data
    listed = await api.v1.subscriptions.list_async({"customer": customer.id, "status": "all"})
    return [each.to_dict() for each in listed.data]


async def bill(api: stripe.StripeClient, like: dict[str, Any], metadata: dict[str, str]) -> str:
    """Have Stripe bill a customer for the same as another subscription."""
    wanted: Any = {
        "customer": like["customer"],
        "items": [{"price": like["items"]["data"][0]["price"]["id"]}],
        "metadata": metadata,
    }
    return (await api.v1.subscriptions.create_async(wanted)).id


async def a_stranger(api: stripe.StripeClient) -> str:
    made: Any = {"email": f"{a_name('stranger')}@example.com", "payment_method": "pm_card_visa"}
    made["invoice_settings"] = {"default_payment_method": "pm_card_visa"}
    return (await api.v1.customers.create_async(made)).id


def handle_of(stack: Stack, life: Life) -> WorkflowHandle[Any, Any]:
    return stack.client.get_workflow_handle(subscription_workflow_id(life.id))


async def terminate(stack: Stack, life: Life) -> None:
    await handle_of(stack, life).terminate("lost in an accident")
    # The one that takes its place begins with the real time; no production clock does otherwise.
    life.now = datetime.now(UTC)


async def terminate_in_mid_charge(stack: Stack, life: Life, *, is_done: bool) -> None:
    """Lose a workflow that is converting: before the bank was asked, or when it is *done* and nobody has heard."""
    with stack.simulator.gates.one("/v1/subscriptions", is_done=is_done) as gate:
        await handle_of(stack, life).start_update(
            SubscriptionWorkflow.convert,
            Convert("converted", "test", when=ConvertAt.NOW),
            wait_for_stage=WorkflowUpdateStage.ACCEPTED,
        )
        await gate.reached()
        await terminate(stack, life)
        gate.open()
    await until_begun(stack, life)


async def until_begun(stack: Stack, life: Life) -> None:
    """Wait until the charge that was under way has come about at Stripe."""
    # Nobody tells when a call is done whose caller is gone.
    await until(lambda: stack.simulator.next_boundary(life.external_id) is not None)
