"""Starting what tells of changed customers, and telling their subscriptions: as a client of Temporal."""

import asyncio
from typing import Protocol

from temporalio.client import Client, RPCTimeoutOrCancelledError, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from activities.failures import as_tenure_error
from domain.errors import GatewayUnavailable, Rejected
from domain.names import LIFECYCLE_QUEUE, customer_workflow_id, subscription_workflow_id
from domain.subscription.contact_changes import Untold
from workflows.customer import CustomerWorkflow
from workflows.subscription.messages import ContactChanged
from workflows.subscription.workflow import SubscriptionWorkflow

STARTED_WITHIN = 3.0
"""Seconds in which Temporal must take it."""
TOLD_WITHIN = 25.0
"""Seconds in which a subscription must have noted it; it may be in the middle of a step."""


class Left(Protocol):
    """Where changes of customers are kept."""

    async def left(self) -> list[str]:
        """Customers with a change that nobody has taken up."""
        ...


async def tell_of_customer(client: Client, customer: str, *, event: str = "") -> None:
    """Have all told that a customer was changed; with *event*, a message of the provider, have it looked into.

    Safe to repeat: what runs for the customer already is told, and no two do at once.

    Raises:
        GatewayUnavailable: Temporal did not take it.
    """
    signal, told = ("heard", [event]) if event else ("changed", [])
    try:
        async with asyncio.timeout(STARTED_WITHIN):
            await client.start_workflow(
                CustomerWorkflow.run,
                customer,
                id=customer_workflow_id(customer),
                task_queue=LIFECYCLE_QUEUE,
                start_signal=signal,
                start_signal_args=told,
                static_summary="Customer changed at the provider" if event else "Customer changed",
            )
    except (TimeoutError, RPCError, RuntimeError) as error:  # the last: a client that has not connected yet
        raise GatewayUnavailable(f"Temporal took no signal: {error}", code="temporal_unavailable") from error


class CustomerErrands:
    """Implements `activities.customers.TellsSubscriptions` and `TakesUp`."""

    def __init__(self, client: Client, changes: Left) -> None:
        self._client = client
        self._changes = changes

    async def tell(self, change: Untold) -> None:
        handle = self._client.get_workflow_handle(subscription_workflow_id(change.subscription))
        command = ContactChanged(f"customer/{change.id}", change.cause.actor, change.fields, change.cause)
        try:
            async with asyncio.timeout(TOLD_WITHIN):
                await handle.execute_update(SubscriptionWorkflow.contact_changed, command)
        except WorkflowUpdateFailedError as error:
            refused = as_tenure_error(error.cause)
            if not isinstance(refused, Rejected):  # one that is over, or is just ending, need not know
                raise GatewayUnavailable(f"the subscription did not note it: {error.cause}") from error
        except (TimeoutError, RPCTimeoutOrCancelledError) as error:
            raise GatewayUnavailable("the subscription has not answered yet") from error
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise GatewayUnavailable(f"Temporal does not answer: {error.message}") from error

    async def take_up(self) -> int:
        left = await self._changes.left()
        for customer in left:
            await tell_of_customer(self._client, customer)
        return len(left)
