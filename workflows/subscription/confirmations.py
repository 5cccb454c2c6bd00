"""A payment that waits for the customer's bank: looked at, withdrawn, and taken once it is paid."""

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
    """What a subscription does about the one payment that may wait."""

    async def wait_for_confirmation(
        self, charge: Charge, action: ConfirmedAction, to: Selection | None, cause: Cause
    ) -> NoReturn:
        """Note that a payment waits.

        Raises:
            Rejected: always, code `authentication_required`; it tells where the customer confirms.
        """
        step = confirmation_steps.waiting(self.subscription, charge, action, to, self.policy, workflow.now(), cause)
        await self.commit(step)
        raise confirmation_steps.needed(self.subscription)

    async def check_confirmation(self, cause: Cause) -> None:
        """Take the step if it is paid, forget it if it is gone; otherwise it goes on waiting."""
        confirmation = self.subscription.confirmation
        if confirmation is None:
            return
        await self._conclude(await activity_calls.confirmation(self.subscription, confirmation), cause)

    async def withdraw_confirmation(self, cause: Cause) -> None:
        """Have nothing wait any more: dropped, or done if the customer has confirmed it meanwhile."""
        confirmation = self.subscription.confirmation
        if confirmation is None:
            return
        await self._conclude(await activity_calls.withdraw_confirmation(self.subscription, confirmation), cause)

    async def settle_confirmation(self, cause: Cause, check: Callable[[], None]) -> None:
        """Before something else: nothing waits any more, and it is judged by what there is then."""
        if self.subscription.confirmation is not None:
            await self.withdraw_confirmation(cause)
            if self.subscription.confirmation is not None:
                # Paid, and the provider has not done yet what it was for.
                raise GatewayUnavailable("the bank has not decided on the payment yet", code="payment_pending")
            check()

    async def _with_change_applied(self, charge: Charge) -> Charge:
        """With the bill paid, the change that was billed apart: until then it is not done."""
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
