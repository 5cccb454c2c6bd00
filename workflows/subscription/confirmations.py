"""A payment that waits for the customer's bank: checked, withdrawn, and completed once it is paid."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from temporalio import workflow

from domain.catalog.plans import Selection
from domain.errors import GatewayUnavailable
from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription import confirmation_steps, plan_changes
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.journal import Cause
from workflows.subscription import activity_calls
from workflows.subscription.recorder import StepRecorder


@dataclass(frozen=True, eq=False)
class Confirmations:
    """Handles the one payment that may be waiting for a confirmation."""

    _recorder: StepRecorder

    async def begin(self, charge: Charge, action: ConfirmedAction, to: Selection | None, cause: Cause) -> None:
        """Record that a payment waits for a confirmation, and which action it will complete."""
        recorder, now = self._recorder, workflow.now()
        await recorder.commit(
            confirmation_steps.waiting(recorder.subscription, charge, action, to, recorder.policy, now, cause)
        )

    async def require(self, charge: Charge, action: ConfirmedAction, to: Selection | None, cause: Cause) -> NoReturn:
        """Record that a payment waits for a confirmation, and send the caller to it.

        Raises:
            Rejected: always, code `authentication_required`; carries the page where the customer confirms.
        """
        await self.begin(charge, action, to, cause)
        raise confirmation_steps.needed(self._recorder.subscription)

    async def check(self, cause: Cause) -> None:
        """Complete the pending action if it is paid, drop it if it is gone; otherwise it keeps waiting."""
        subscription = self._recorder.subscription
        if subscription.confirmation is None:
            return
        await self._conclude(await activity_calls.confirmation(subscription, subscription.confirmation), cause)

    async def withdraw(self, cause: Cause) -> None:
        """Withdraw the pending action: it is dropped, or completed if the customer has confirmed meanwhile."""
        subscription = self._recorder.subscription
        if subscription.confirmation is None:
            return
        await self._conclude(await activity_calls.withdraw_confirmation(subscription, subscription.confirmation), cause)

    async def withdraw_and_recheck(self, cause: Cause, check: Callable[[], None]) -> None:
        """Withdraw what is pending before another action, then check that action again.

        Raises:
            GatewayUnavailable: the payment is made, but not yet what it was for.
        """
        if self._recorder.subscription.confirmation is not None:
            await self.withdraw(cause)
            if self._recorder.subscription.confirmation is not None:
                # Paid, but the provider has not yet applied what it was for.
                raise GatewayUnavailable("the bank has not decided on the payment yet", code="payment_pending")
            check()

    async def _with_change_applied(self, charge: Charge) -> Charge:
        """Apply a change that was billed on a separate invoice, once that is paid."""
        subscription = self._recorder.subscription
        waiting = subscription.confirmation
        if charge.outcome is not ChargeOutcome.PAID or waiting is None or not waiting.is_apart or waiting.to is None:
            return charge
        at = plan_changes.counted_from(subscription, workflow.now())
        return await activity_calls.change(subscription, waiting.to, at, waiting.key, present=True)

    async def _conclude(self, charge: Charge, cause: Cause) -> None:
        charge = await self._with_change_applied(charge)
        recorder, now = self._recorder, workflow.now()
        if charge.outcome is ChargeOutcome.PAID:
            await recorder.commit(
                confirmation_steps.confirmed(recorder.subscription, charge, recorder.policy, now, cause)
            )
        elif charge.outcome is ChargeOutcome.GONE:
            await recorder.commit(confirmation_steps.undone(recorder.subscription, now, cause))
