"""The first payment of a subscription without a trial, including its retries."""

from datetime import timedelta

from temporalio import workflow

from activities.failures import STEP_FAILED
from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription import confirmation_steps, first_payment
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.journal import Cause
from workflows.subscription import activity_calls
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
        if await self.begin_with(charge, cause):
            await self._make_default()
        else:
            await self.commit(first_payment.declined(self.subscription, charge, workflow.now(), cause))
        return None

    async def _make_default(self) -> None:
        """Make the card from the sign-up the default of a returning customer."""
        card = self.subscription.card
        if card is None:
            return
        try:
            await activity_calls.make_default_card(self.subscription, card.ref)
        except STEP_FAILED as error:
            # It may have been removed since. The next sync finds the current card.
            workflow.logger.warning("card not made the default: %s", error.__cause__ or error)

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
