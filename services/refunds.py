"""Refunds that are asked for here: by the subscription's workflow, or without it once the subscription is over."""

import asyncio
from datetime import timedelta

from temporalio.client import Client

from domain.provider.payments import Reversal
from domain.provider.ports import Refunds
from domain.subscription import guards
from domain.subscription.ports import EndedSubscriptions
from services import subscription_client
from services.subscription_client import NotRunning
from services.update_outcomes import REPEAT, OutcomeUnknown
from services.webhooks.late_reversals import LateReversals
from workflows.subscription.messages import Refund
from workflows.subscription.workflow import SubscriptionWorkflow

ANSWER_TIMEOUT = timedelta(seconds=25)
"""How long a caller waits for the provider."""


class RefundService:
    """Gives money back, once by the command's key."""

    def __init__(
        self,
        client: Client,
        refunds: Refunds,
        subscriptions: EndedSubscriptions,
        late_reversals: LateReversals,
    ) -> None:
        self._client = client
        self._refunds = refunds
        self._subscriptions = subscriptions
        self._late_reversals = late_reversals

    async def refund(self, subscription: str, command: Refund) -> None:
        """Give back what was paid with an invoice of the subscription, and record it.

        Raises:
            NotRunning: its workflow has ended, and the subscription has not.
            TenureError: it was refused, or there was no answer in time.
        """
        try:
            await subscription_client.send_command(self._client, subscription, SubscriptionWorkflow.refund, command)
        except NotRunning:
            if not await self._refund_ended(subscription, command):
                raise

    async def _refund_ended(self, subscription: str, command: Refund) -> bool:
        """True if the subscription is over: no workflow decides any more, and none has to be asked.

        If the process stops after the refund was made, the provider's report of it is recorded, with the same cause.
        """
        found = await self._subscriptions.ended(subscription)
        if found is None:
            return False
        ended, _ = found
        guards.check_refund(ended, command.amount, command.at_most, command.reason)
        for reversal in await self._made(subscription, command):
            await self._late_reversals.record(subscription, reversal, command.as_cause())
        return True

    async def _made(self, subscription: str, command: Refund) -> tuple[Reversal, ...]:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
                return await self._refunds.refund(command.as_order(subscription))
        except TimeoutError as error:
            raise OutcomeUnknown(f"the payment provider did not answer in time; {REPEAT}") from error
