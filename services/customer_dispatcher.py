"""Propagates customer changes through Temporal: starts the customer workflow, and notifies subscriptions."""

import asyncio
from datetime import timedelta

from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.failures import as_tenure_error
from domain.errors import GatewayUnavailable, Rejected
from domain.names import LIFECYCLE_QUEUE, customer_workflow_id, subscription_workflow_id
from domain.subscription.contact_changes import SubscriptionNotification
from domain.subscription.ports import PendingContactChanges
from workflows.customer import CustomerWorkflow
from workflows.subscription.messages import ContactChanged
from workflows.subscription.workflow import SubscriptionWorkflow

START_TIMEOUT = timedelta(seconds=3)
"""How long Temporal may take to accept the start."""
UPDATE_TIMEOUT = timedelta(seconds=25)
"""How long a subscription may take to record the change; it may be in the middle of a step."""


async def start_customer_sync(client: Client, customer: str, *, event: str = "") -> None:
    """Propagate a customer's change; with *event*, the id of a provider event, read the change from the provider.

    Safe to repeat: a running workflow of the customer gets a signal, and there is never a second one.

    Raises:
        GatewayUnavailable: Temporal did not accept it.
    """
    signal, signal_args = ("heard", [event]) if event else ("changed", [])
    try:
        async with asyncio.timeout(START_TIMEOUT.total_seconds()):
            await client.start_workflow(
                CustomerWorkflow.run,
                customer,
                id=customer_workflow_id(customer),
                task_queue=LIFECYCLE_QUEUE,
                start_signal=signal,
                start_signal_args=signal_args,
                static_summary="Customer changed at the provider" if event else "Customer changed",
            )
    except (TimeoutError, RPCError, RuntimeError) as error:  # the last: a client that has not connected yet
        raise GatewayUnavailable(f"Temporal did not take the signal: {error}", code="temporal_unavailable") from error


class CustomerDispatcher:
    """Implements the ports `SubscriptionNotifier` and `CustomerSyncStarter`."""

    def __init__(self, client: Client, changes: PendingContactChanges) -> None:
        self._client = client
        self._changes = changes

    async def notify(self, change: SubscriptionNotification) -> None:
        handle = self._client.get_workflow_handle(subscription_workflow_id(change.subscription))
        command = ContactChanged(f"customer/{change.id}", change.cause.actor, change.fields, change.cause)
        try:
            async with asyncio.timeout(UPDATE_TIMEOUT.total_seconds()):
                await handle.execute_update(SubscriptionWorkflow.contact_changed, command)
        except WorkflowUpdateFailedError as error:
            refused = as_tenure_error(error.cause)
            if not isinstance(refused, Rejected):  # a subscription that is over, or just ending, need not know
                raise GatewayUnavailable(f"the subscription did not record the change: {error.cause}") from error
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise GatewayUnavailable("the subscription has not answered yet") from error
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise GatewayUnavailable(f"Temporal does not respond: {error.message}") from error

    async def start_pending(self) -> int:
        customers = await self._changes.pending()
        for customer in customers:
            await start_customer_sync(self._client, customer)
        return len(customers)
