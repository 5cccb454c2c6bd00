"""A payment that waits for the customer's bank: checked, withdrawn, and completed once it is paid."""

from collections.abc import Callable
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


class Confirmations(StepRecorder):
    """Handles the one payment that may be waiting for a confirmation."""

    async def wait_for_confirmation(
        self, charge: Charge, action: ConfirmedAction, to: Selection | None, cause: Cause
    ) -> NoReturn:
        """Record that a payment waits for a confirmation.

        Raises:
            Rejected: always, code `authentication_required`; carries the page where the customer confirms.
        """
        step = confirmation_steps.waiting(self.subscription, charge, action, to, self.policy, workflow.now(), cause)
        await self.commit(step)
        raise confirmation_steps.needed(self.subscription)

    async def check_confirmation(self, cause: Cause) -> None:
        """Complete the pending action if it is paid, drop it if it is gone; otherwise it keeps waiting."""
        confirmation = self.subscription.confirmation
        if confirmation is None:
            return
        await self._conclude(await activity_calls.confirmation(self.subscription, confirmation), cause)

    async def withdraw_confirmation(self, cause: Cause) -> None:
        """Withdraw the pending action: it is dropped, or completed if the customer has confirmed meanwhile."""
        confirmation = self.subscription.confirmation
        if confirmation is None:
            return
        await self._conclude(await activity_calls.withdraw_confirmation(self.subscription, confirmation), cause)

    async def settle_confirmation(self, cause: Cause, check: Callable[[], None]) -> None:
        """Withdraw what is pending before another action, then check that action again.

        Raises:
            GatewayUnavailable: the payment is made, but not yet what it was for.
        """
        if self.subscription.confirmation is not None:
            await self.withdraw_confirmation(cause)
            if self.subscription.confirmation is not None:
                # Paid, but the provider has not yet applied what it was for.
                raise GatewayUnavailable("the bank has not decided on the payment yet", code="payment_pending")
            check()

    async def _with_change_applied(self, charge: Charge) -> Charge:
        """Apply a change that was billed on a separate invoice, once that is paid."""
        waiting = self.subscription.confirmation
        if charge.outcome is not ChargeOutcome.PAID or waiting is None or not waiting.is_apart or waiting.to is None:
            return charge
        at = plan_changes.counted_from(self.subscription, workflow.now())
        return await activity_calls.change(self.subscription, waiting.to, at, waiting.key, present=True)

    async def _conclude(self, charge: Charge, cause: Cause) -> None:
        charge = await self._with_change_applied(charge)
        now = workflow.now()
        if charge.outcome is ChargeOutcome.PAID:
            await self.commit(confirmation_steps.confirmed(self.subscription, charge, self.policy, now, cause))
        elif charge.outcome is ChargeOutcome.GONE:
            await self.commit(confirmation_steps.undone(self.subscription, now, cause))
