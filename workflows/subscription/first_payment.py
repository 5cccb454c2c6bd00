"""The first payment of a subscription without a trial, including its retries."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription import confirmation_steps, first_payment
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.journal import Cause
from workflows.subscription.cards import Cards
from workflows.subscription.charges import UNDECIDED_RETRY_DELAY, Charges
from workflows.subscription.confirmations import Confirmations
from workflows.subscription.recorder import StepRecorder


@dataclass(frozen=True, eq=False)
class FirstPayment:
    """The first payment after a sign-up without a trial."""

    _recorder: StepRecorder
    _charges: Charges
    _confirmations: Confirmations
    _cards: Cards

    async def retry(self, cause: Cause) -> timedelta | None:
        """Repeat the same attempt; returns how long to wait if the bank has not decided.

        No caller is waiting: customers who signed up ask again.
        """
        charge = await self._charges.charge(present=True)
        if charge.outcome is ChargeOutcome.PENDING:
            return UNDECIDED_RETRY_DELAY
        if not await self.begin_with(charge, cause):
            step = first_payment.declined(self._recorder.subscription, charge, workflow.now(), cause)
            await self._recorder.commit(step)
        elif self._recorder.subscription.card is not None:
            await self._cards.make_default(self._recorder.subscription.card.ref)
        return None

    async def begin_with(self, charge: Charge, cause: Cause) -> bool:
        """Start the subscription if it is paid, or wait for the customer's bank; returns False if neither."""
        if confirmation_steps.waits(charge):
            await self._confirmations.begin(charge, ConfirmedAction.SIGN_UP, None, cause)
            return True
        if charge.outcome is not ChargeOutcome.PAID:
            return False
        await self._charges.settle(charge, cause)
        return True
