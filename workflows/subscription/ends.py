"""The end of a subscription: decided here, and reported to the provider, later if it does not take it now."""

from dataclasses import dataclass, replace

from temporalio import workflow

from activities.failures import STEP_FAILED
from domain.provider.payments import ChargeOutcome, Invoice
from domain.subscription import blocked_steps, commands, unreported_ends
from domain.subscription.confirmation import Confirmation, ConfirmedAction
from domain.subscription.ends import End
from domain.subscription.journal import Cause
from domain.subscription.state import UnreportedEnd
from workflows.subscription import activity_calls
from workflows.subscription.blocked_steps import is_refused_or_unavailable
from workflows.subscription.payments import Confirmations
from workflows.subscription.recorder import StepRecorder

ENDS_UNTOLD = "ends-untold"
"""A change to the order of commands: before, nothing ended while the provider did not take it, and only planned
cancellations were accepted."""


def may_be_reported_later(error: BaseException) -> bool:
    """True if a decision stands although the provider did not take it, and is reported as soon as it does."""
    return is_refused_or_unavailable(error) and workflow.patched(ENDS_UNTOLD)


@dataclass(frozen=True, eq=False)
class Ends:
    """Ends the subscription here and at the provider."""

    _recorder: StepRecorder
    _confirmations: Confirmations

    async def end(self, end: End, cause: Cause) -> None:
        """Stop collecting, then end the subscription; if the provider does not take that now, report it later."""
        recorder = self._recorder
        try:
            await self._confirmations.withdraw(cause)
            if recorder.subscription.is_over:
                return  # it had not started
            if recorder.subscription.agreement_ref:
                await activity_calls.end_agreement(recorder.subscription)
        except STEP_FAILED as error:
            if not may_be_reported_later(error):
                raise
            await recorder.commit(unreported_ends.ended_unreported(recorder.subscription, end, workflow.now(), cause))
            return
        await recorder.commit(commands.canceled(recorder.subscription, end, workflow.now(), cause))

    @property
    def report_is_due(self) -> bool:
        """True if the end must be reported to the provider."""
        return unreported_ends.must_be_reported(self._recorder.subscription)

    async def report(self) -> None:
        """Report the end; payments that the provider has taken meanwhile are recorded for an operator.

        Raises:
            STEP_FAILED: the provider does not take it now either.
        """
        recorder = self._recorder
        untold, paid = recorder.subscription.untold_end, []
        assert untold is not None, "there is an end to report"  # noqa: S101
        if not recorder.subscription.is_over:
            await activity_calls.end_at_period_end(recorder.subscription, on=True)
        else:
            if untold.confirmation is not None:
                paid += await self._withdraw(untold.confirmation)
            if recorder.subscription.agreement_ref:
                paid += await self._end_agreement(untold)
        cause = Cause.timer(blocked_steps.END)
        await recorder.commit(unreported_ends.reported(recorder.subscription, paid, workflow.now(), cause))

    async def _end_agreement(self, untold: UnreportedEnd) -> list[Invoice]:
        """End the agreement at once and void open invoices; returns the invoices that were paid meanwhile.

        Invoices are read before the end: the final invoice for usage comes with the end, and is owed.
        """
        refs = dict.fromkeys((untold.invoice_ref, ""))
        invoices = [invoice for ref in refs if (invoice := await self._invoice(ref)) is not None]
        voided = {invoice.ref for invoice in invoices if invoice.status == "open"}
        for ref in sorted(voided) or [""]:
            await activity_calls.end_late(self._recorder.subscription, ref)
        known = self._recorder.subscription.settled_invoice
        paid = {invoice.ref: invoice for invoice in invoices if invoice.status == "paid" and invoice.ref != known}
        return [*paid.values()]

    async def _invoice(self, ref: str) -> Invoice | None:
        latest = (await activity_calls.invoice_state(self._recorder.subscription, ref)).latest
        return latest.invoice if latest is not None else None

    async def _withdraw(self, waits: Confirmation) -> list[Invoice]:
        """Withdraw the pending payment; if the customer has paid meanwhile, it must start nothing."""
        subscription = self._recorder.subscription
        charge = await activity_calls.withdraw_confirmation(subscription, waits)
        if charge.outcome is not ChargeOutcome.PAID:
            return []
        if waits.action is not ConfirmedAction.CHANGE_PLAN:
            await activity_calls.end_late(replace(subscription, agreement_ref=waits.agreement_ref), "")
        return [charge.invoice] if charge.invoice is not None else []
