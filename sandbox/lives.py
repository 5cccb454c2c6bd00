"""Subscriptions as the traveller sees them: the workflow, and its effects outside."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client, WorkflowHandle, WorkflowQueryFailedError

from domain.names import subscription_workflow_id
from domain.provider.hints import EventHint, EventKind
from sandbox.travel import Standing
from storage.db.engine import fetch
from workflows.subscription.workflow import SubscriptionWorkflow

_WHO = text(
    "select customers.external_id from subscriptions join customers on customers.id = subscriptions.customer"
    " where cast(subscriptions.id as text) = lower(:subscription)"
)
_OUTSIDE = """
select
    (
        select count(*) from webhook_inbox left join customers using (customer_ref)
        where webhook_inbox.handled_at is null and (
            customers.external_id = $2
            -- The owner of a dispute is found on delivery: wait for it, but not forever if it has none.
            or webhook_inbox.customer_ref = '' and webhook_inbox.received_at > now() - interval '5 seconds'
        )
    ) as unhandled,
    (select count(*) from mails where subscription = $1 and status = 'queued')
    -- Crossed usage thresholds whose mails are about to be created.
    + (select count(*) from usage_notices where customer = $2 and told_at is null) as unsent
"""
_IS_CUSTOMER = text("select exists (select from customers where external_id = :customer)")


async def is_customer(external_id: str, engine: AsyncEngine) -> bool:
    """True if a customer has signed up with this id."""
    async with engine.connect() as connection:
        return bool((await connection.execute(_IS_CUSTOMER, {"customer": external_id})).scalar())


class UnknownSubscriptionError(LookupError):
    """There is no subscription with this id."""


@dataclass(frozen=True)
class SubscriptionLife:
    """One subscription; implements `sandbox.travel.Life`."""

    subscription: str
    customer: str
    handle: WorkflowHandle[Any, Any]
    engine: AsyncEngine
    mails_get_through: Callable[[], bool]
    """False while the mailbox refuses mail: waiting for mails would be in vain."""

    @classmethod
    async def of(
        cls, subscription: str, client: Client, engine: AsyncEngine, mails_get_through: Callable[[], bool]
    ) -> "SubscriptionLife":
        async with engine.connect() as connection:
            customer = (await connection.execute(_WHO, {"subscription": subscription})).scalar()
        if customer is None:
            raise UnknownSubscriptionError(f"there is no subscription {subscription}")
        handle = client.get_workflow_handle(subscription_workflow_id(subscription))
        return cls(subscription, customer, handle, engine, mails_get_through)

    async def standing(self) -> Standing:
        try:
            outlook = await self.handle.query(SubscriptionWorkflow.outlook)
        except WorkflowQueryFailedError:
            # The query came just as a timer fired, which a worker without this run in its cache cannot answer.
            return Standing(busy=True, due_at=None, over=False)
        return Standing(outlook.busy, outlook.due_at, outlook.over)

    async def outside_settled(self) -> bool:
        [waiting] = await fetch(self.engine, _OUTSIDE, self.subscription, self.customer)
        return not waiting["unhandled"] and (not waiting["unsent"] or not self.mails_get_through())

    async def wake(self) -> None:
        """Make the workflow sync with the provider, which changes nothing by itself; then it does what is due."""
        await self.handle.signal(
            SubscriptionWorkflow.provider_event, EventHint(f"woken/{uuid4()}", EventKind.INVOICE_PAID, "")
        )
