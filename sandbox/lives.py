"""Subscriptions as the traveller sees them: the workflow, and what it set going outside of itself."""

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
from workflows.subscription.workflow import SubscriptionWorkflow

_WHO = text(
    "select customers.external_id from subscriptions join customers on customers.id = subscriptions.customer"
    " where cast(subscriptions.id as text) = lower(:subscription)"
)
_UNHANDLED = text(
    "select count(*) from webhook_inbox left join customers using (customer_ref) where webhook_inbox.handled_at is null"
    # Whose a dispute is, only its delivery finds out: wait for it, but not for ever if it is nobody's.
    " and (customers.external_id = :customer"
    " or webhook_inbox.customer_ref = '' and webhook_inbox.received_at > now() - interval '5 seconds')"
)
_IS_CUSTOMER = text("select exists (select from customers where external_id = :customer)")
_UNSENT = text(
    "select (select count(*) from mails where subscription = :subscription and status = 'queued')"
    # Thresholds that use has crossed and that the teller is just about to make a mail of.
    " + (select count(*) from usage_notices where customer = :customer and told_at is null)"
)


async def is_customer(external_id: str, engine: AsyncEngine) -> bool:
    """Whether somebody has signed up under this id."""
    async with engine.connect() as connection:
        return bool((await connection.execute(_IS_CUSTOMER, {"customer": external_id})).scalar())


class UnknownSubscriptionError(LookupError):
    """There is no subscription of that id."""


@dataclass(frozen=True)
class SubscriptionLife:
    """One subscription; implements `sandbox.travel.Life`."""

    subscription: str
    customer: str
    handle: WorkflowHandle[Any, Any]
    engine: AsyncEngine
    mails_get_through: Callable[[], bool]
    """False while the mailbox is told to refuse: waiting for mails would be in vain."""

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
            # It was asked just as a timer had fired, which a worker that does not know it yet takes for no answer.
            return Standing(busy=True, due_at=None, over=False)
        return Standing(outlook.busy, outlook.due_at, outlook.over)

    async def outside_settled(self) -> bool:
        async with self.engine.connect() as connection:
            unhandled = (await connection.execute(_UNHANDLED, {"customer": self.customer})).scalar()
            whose = {"subscription": self.subscription, "customer": self.customer}
            unsent = (await connection.execute(_UNSENT, whose)).scalar()
        return not unhandled and (not unsent or not self.mails_get_through())

    async def wake(self) -> None:
        """Have the workflow look at the provider, which changes nothing by itself; then it does what is due."""
        await self.handle.signal(
            SubscriptionWorkflow.provider_event, EventHint(f"woken/{uuid4()}", EventKind.BILL_PAID, "")
        )
