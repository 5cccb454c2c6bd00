"""Telling the provider of an end that was decided while it did not take it."""

from dataclasses import replace

from temporalio import workflow

from domain.provider.payments import ChargeOutcome, Invoice
from domain.subscription import blocked_steps, untold_ends
from domain.subscription.confirmation import Confirmation, ConfirmedAction
from domain.subscription.journal import Cause
from domain.subscription.state import UntoldEnd
from workflows.subscription import activity_calls
from workflows.subscription.recorder import StepRecorder


class UntoldEnds(StepRecorder):
    """What a subscription still has to say of its end."""

    @property
    def end_is_due(self) -> bool:
        """Whether the provider must be told that it ends."""
        return untold_ends.is_to_be_told(self.subscription)

    async def report_end(self) -> None:
        """Tell the provider; what it has taken meanwhile is noted for an operator.

        Raises:
            STEP_FAILED: it does not take that now either.
        """
        untold, paid = self.subscription.untold_end, []
        assert untold is not None, "an end is to be told"  # noqa: S101
        if not self.subscription.is_over:
            await activity_calls.end_at_period_end(self.subscription, on=True)
        else:
            if untold.confirmation is not None:
                paid += await self._withdraw(untold.confirmation)
            if self.subscription.agreement_ref:
                paid += await self._end_agreement(untold)
        await self.commit(untold_ends.told(self.subscription, paid, workflow.now(), Cause.timer(blocked_steps.END)))

    async def _end_agreement(self, untold: UntoldEnd) -> list[Invoice]:
        """End it at once and void what is open; returns the bills that were paid meanwhile.

        Looked at before it ends: the last bill of what was used comes with the end, and is owed.
        """
        refs = dict.fromkeys((untold.invoice_ref, ""))
        bills = [bill for ref in refs if (bill := await self._bill(ref)) is not None]
        voided = {bill.ref for bill in bills if bill.status == "open"}
        for ref in sorted(voided) or [""]:
            await activity_calls.end_late(self.subscription, ref)
        known = self.subscription.settled_invoice
        return [*{bill.ref: bill for bill in bills if bill.status == "paid" and bill.ref != known}.values()]

    async def _bill(self, ref: str) -> Invoice | None:
        latest = (await activity_calls.invoice_state(self.subscription, ref)).latest
        return latest.invoice if latest is not None else None

    async def _withdraw(self, waits: Confirmation) -> list[Invoice]:
        """Have it wait no longer; what the customer has paid meanwhile is to begin nothing."""
        charge = await activity_calls.withdraw_confirmation(self.subscription, waits)
        if charge.outcome is not ChargeOutcome.PAID:
            return []
        if waits.action is not ConfirmedAction.CHANGE_PLAN:
            await activity_calls.end_late(replace(self.subscription, agreement_ref=waits.agreement_ref), "")
        return [charge.invoice] if charge.invoice is not None else []
