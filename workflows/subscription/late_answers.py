"""What was asked for and not answered: taken over once a look has found what came of it."""

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
from workflows.subscription.recorder import UNHEARD, StepRecorder

UNPAID_STATUSES = frozenset({"draft", "open"})


class LateAnswers(StepRecorder):
    """What a subscription does about payments and changes to which there was no answer."""

    async def record_unanswered_change(self, before: Subscription, asked: UnheardChange, cause: Cause) -> None:
        """Keep what was asked for, whoever asked: nobody may ask again."""
        known = before.unheard_change
        if workflow.patched(UNHEARD) and (known is None or known.key != asked.key):
            await self.commit(late_answers.change_noted(self.subscription, asked, workflow.now(), cause))

    async def adopt_found_agreement(self, standing: ProviderState, cause: Cause) -> None:
        """The agreement that a try has brought about of which we had no answer, or that none came of it."""
        charge, now = standing.begun, workflow.now()
        if charge is None or not self.subscription.unheard_tries or self.subscription.agreement_ref:
            return
        if charge.outcome is ChargeOutcome.PAID:
            self.subscription = late_answers.begun(self.subscription, charge, now)
            await self.commit(self.paid(charge, cause))
        elif charge.outcome is ChargeOutcome.GONE:
            await self.commit(late_answers.not_begun(self.subscription, now, cause))

    async def resolve_unanswered_change(self, standing: ProviderState, cause: Cause) -> None:
        """The change that was not answered: made once it is paid, left to be confirmed, or given up."""
        asked, charge = self.subscription.unheard_change, standing.change
        if asked is None or charge is None:
            return
        if charge.outcome is ChargeOutcome.PENDING:
            charge = await self._ask_again(asked, charge)
        if charge.outcome is ChargeOutcome.PENDING:
            return
        if charge.outcome is ChargeOutcome.PAID:
            if self.subscription.allows(Event.PLAN_CHANGED):
                step = late_answers.change_found(self.subscription, charge, self.policy, workflow.now(), cause)
                await self.commit(step)
            return
        can_wait = self.subscription.status is Status.ACTIVE and self.subscription.confirmation is None
        if confirmation_steps.waits(charge) and can_wait:
            step = late_answers.change_waits(self.subscription, charge, self.policy, workflow.now(), cause)
            await self.commit(step)
        elif not await self._is_paid_before_void(charge):
            await self.commit(late_answers.change_not_made(self.subscription, workflow.now(), cause))

    async def _ask_again(self, asked: UnheardChange, charge: Charge) -> Charge:
        """What is paid and not made yet is made under its key; what the bank has not decided stays so."""
        try:
            return await activity_calls.change(self.subscription, asked.to, asked.at, asked.key, present=asked.present)
        except STEP_FAILED as error:
            if can_be_had_later(error):
                raise
            return charge  # for an operator; everything else goes on

    async def _is_paid_before_void(self, charge: Charge) -> bool:
        """Leave no bill open for a change that is given up; true when the customer was faster."""
        bill = charge.invoice
        if bill is None or bill.status not in UNPAID_STATUSES:
            return False
        left = Confirmation(
            ConfirmedAction.CHANGE_PLAN,
            bill.url,
            workflow.now(),
            bill.ref,
            self.subscription.agreement_ref,
        )
        withdrawn = await activity_calls.withdraw_confirmation(self.subscription, left)
        return withdrawn.outcome is ChargeOutcome.PAID
