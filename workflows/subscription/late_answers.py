"""Requests that got no answer: resolved once a sync finds their outcome."""

from temporalio import workflow

from activities.failures import STEP_FAILED, can_be_had_later
from domain.provider.payments import Charge, ChargeOutcome, ProviderState
from domain.subscription import confirmation_steps, late_answers
from domain.subscription.confirmation import Confirmation, ConfirmedAction
from domain.subscription.journal import Cause
from domain.subscription.lifecycle import Event, Status
from domain.subscription.state import Subscription
from domain.subscription.unanswered_attempts import UnheardChange
from workflows.subscription import activity_calls
from workflows.subscription.charges import UNHEARD, Charges
from workflows.subscription.recorder import StepRecorder

UNPAID_STATUSES = frozenset({"draft", "open"})


class LateAnswers:
    """Resolves payments and plan changes that got no answer."""

    def __init__(self, recorder: StepRecorder, charges: Charges) -> None:
        self._recorder = recorder
        self._charges = charges

    async def record_unanswered_change(self, before: Subscription, asked: UnheardChange, cause: Cause) -> None:
        """Record the request, so that its outcome is found even if nobody repeats it."""
        recorder, known = self._recorder, before.unheard_change
        if workflow.patched(UNHEARD) and (known is None or known.key != asked.key):
            await recorder.commit(late_answers.change_noted(recorder.subscription, asked, workflow.now(), cause))

    async def adopt_found_agreement(self, standing: ProviderState, cause: Cause) -> None:
        """Adopt the agreement that an unanswered attempt has created, or record that it created none."""
        recorder, charge, now = self._recorder, standing.begun, workflow.now()
        if charge is None or not recorder.subscription.unheard_tries or recorder.subscription.agreement_ref:
            return
        if charge.outcome is ChargeOutcome.PAID:
            recorder.subscription = late_answers.begun(recorder.subscription, charge, now)
            await self._charges.record_paid(charge, cause)
        elif charge.outcome is ChargeOutcome.GONE:
            await recorder.commit(late_answers.not_begun(recorder.subscription, now, cause))

    async def resolve_unanswered_change(self, standing: ProviderState, cause: Cause) -> None:
        """Resolve an unanswered change: applied if it is paid, left to be confirmed, or given up."""
        recorder, charge = self._recorder, standing.change
        asked = recorder.subscription.unheard_change
        if asked is None or charge is None:
            return
        if charge.outcome is ChargeOutcome.PENDING:
            charge = await self._ask_again(asked, charge)
        if charge.outcome is ChargeOutcome.PENDING:
            return
        subscription, policy = recorder.subscription, recorder.policy
        if charge.outcome is ChargeOutcome.PAID:
            if subscription.allows(Event.PLAN_CHANGED):
                step = late_answers.change_found(subscription, charge, policy, workflow.now(), cause)
                await recorder.commit(step)
            return
        can_wait = subscription.status is Status.ACTIVE and subscription.confirmation is None
        if confirmation_steps.waits(charge) and can_wait:
            await recorder.commit(late_answers.change_waits(subscription, charge, policy, workflow.now(), cause))
        elif not await self._is_paid_before_void(charge):
            await recorder.commit(late_answers.change_not_made(recorder.subscription, workflow.now(), cause))

    async def _ask_again(self, asked: UnheardChange, charge: Charge) -> Charge:
        """Repeat the change under its key: applied if it is paid, still pending if the bank has not decided."""
        subscription = self._recorder.subscription
        try:
            return await activity_calls.change(subscription, asked.to, asked.at, asked.key, present=asked.present)
        except STEP_FAILED as error:
            if can_be_had_later(error):
                raise
            return charge  # left to an operator; everything else continues

    async def _is_paid_before_void(self, charge: Charge) -> bool:
        """Void the open invoice of a change that is given up; True if the customer paid it first."""
        invoice, subscription = charge.invoice, self._recorder.subscription
        if invoice is None or invoice.status not in UNPAID_STATUSES:
            return False
        pending = Confirmation(
            ConfirmedAction.CHANGE_PLAN,
            invoice.url,
            workflow.now(),
            invoice.ref,
            subscription.agreement_ref,
        )
        withdrawn = await activity_calls.withdraw_confirmation(subscription, pending)
        return withdrawn.outcome is ChargeOutcome.PAID
