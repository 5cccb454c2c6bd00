"""Reports an end to the provider that was decided while the provider did not take it."""

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
    """Reports an end that the provider does not know yet."""

    @property
    def end_is_due(self) -> bool:
        """True if the end must be reported to the provider."""
        return untold_ends.is_to_be_told(self.subscription)

    async def report_end(self) -> None:
        """Report the end; payments that the provider has taken meanwhile are recorded for an operator.

        Raises:
            STEP_FAILED: the provider does not take it now either.
        """
        untold, paid = self.subscription.untold_end, []
        assert untold is not None, "there is an end to report"  # noqa: S101
        if not self.subscription.is_over:
            await activity_calls.end_at_period_end(self.subscription, on=True)
        else:
            if untold.confirmation is not None:
                paid += await self._withdraw(untold.confirmation)
            if self.subscription.agreement_ref:
                paid += await self._end_agreement(untold)
        await self.commit(untold_ends.told(self.subscription, paid, workflow.now(), Cause.timer(blocked_steps.END)))

    async def _end_agreement(self, untold: UntoldEnd) -> list[Invoice]:
        """End the agreement at once and void open invoices; returns the invoices that were paid meanwhile.

        Invoices are read before the end: the final invoice for usage comes with the end, and is owed.
        """
        refs = dict.fromkeys((untold.invoice_ref, ""))
        invoices = [invoice for ref in refs if (invoice := await self._invoice(ref)) is not None]
        voided = {invoice.ref for invoice in invoices if invoice.status == "open"}
        for ref in sorted(voided) or [""]:
            await activity_calls.end_late(self.subscription, ref)
        known = self.subscription.settled_invoice
        paid = {invoice.ref: invoice for invoice in invoices if invoice.status == "paid" and invoice.ref != known}
        return [*paid.values()]

    async def _invoice(self, ref: str) -> Invoice | None:
        latest = (await activity_calls.invoice_state(self.subscription, ref)).latest
        return latest.invoice if latest is not None else None

    async def _withdraw(self, waits: Confirmation) -> list[Invoice]:
        """Withdraw the pending payment; if the customer has paid meanwhile, it must start nothing."""
        charge = await activity_calls.withdraw_confirmation(self.subscription, waits)
        if charge.outcome is not ChargeOutcome.PAID:
            return []
        if waits.action is not ConfirmedAction.CHANGE_PLAN:
            await activity_calls.end_late(replace(self.subscription, agreement_ref=waits.agreement_ref), "")
        return [charge.invoice] if charge.invoice is not None else []
