"""The first payment of a subscription without a trial, including its retries."""

from datetime import timedelta

from temporalio import workflow

from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription import confirmation_steps, first_payment
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.journal import Cause
from workflows.subscription.plan_changes import UNDECIDED_RETRY_DELAY
from workflows.subscription.provider_sync import ProviderSync


class FirstPayment(ProviderSync):
    """The first payment after a sign-up without a trial."""

    async def take_first_payment(self, cause: Cause) -> timedelta | None:
        """Repeat the same attempt; returns how long to wait if the bank has not decided.

        No caller is waiting: customers who signed up ask again.
        """
        charge = await self.charge(present=True)
        if charge.outcome is ChargeOutcome.PENDING:
            return UNDECIDED_RETRY_DELAY
        if not await self.begin_with(charge, cause):
            await self.commit(first_payment.declined(self.subscription, charge, workflow.now(), cause))
        elif self.subscription.card is not None:
            await self.make_default(self.subscription.card.ref)
        return None

    async def begin_with(self, charge: Charge, cause: Cause) -> bool:
        """Start the subscription if it is paid, or wait for the customer's bank; returns False if neither."""
        if confirmation_steps.waits(charge):
            action, now = ConfirmedAction.SIGN_UP, workflow.now()
            await self.commit(
                confirmation_steps.waiting(self.subscription, charge, action, None, self.policy, now, cause)
            )
            return True
        if charge.outcome is not ChargeOutcome.PAID:
            return False
        await self.settle(charge, cause)
        return True
