"""Charges: counts every attempt, and records its outcome."""

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import timedelta

from temporalio import workflow

from activities.failures import STEP_FAILED, can_be_had_later, may_have_been_done
from domain.errors import Rejected
from domain.provider.payments import Charge, ChargeOutcome, Decline
from domain.subscription import commands, late_answers, payments_received, recovery
from domain.subscription.journal import Cause
from domain.subscription.state import Subscription
from workflows.subscription import activity_calls
from workflows.subscription.recorder import StepRecorder

UNHEARD = "unheard"
"""A change to the order of commands: before, an unanswered payment or change was forgotten unless the same step was
taken again."""
DECLINED = "payment_declined"
UNDECIDED_RETRY_DELAY = timedelta(hours=1)
"""The delay before an undecided charge is attempted again."""


def declined(charge: Charge) -> Rejected:
    """Return the rejection for a command whose charge was not paid."""
    decline = charge.decline or Decline(charge.outcome.value)
    return Rejected(decline.words, code=DECLINED)


@dataclass(frozen=True, eq=False)
class Charges:
    """Charges what is owed, each attempt under a number and an idempotency key of its own."""

    _recorder: StepRecorder

    async def charge(self, *, present: bool = False) -> Charge:
        """Make one charge attempt for what is owed; the bank may want a *present* customer to confirm it."""
        recorder = self._recorder
        before = late_answers.next_try(recorder.subscription)
        key = before.next_attempt_key
        recorder.subscription = before.with_attempt(workflow.now())
        try:
            charge = await self.count_attempt(
                before, activity_calls.charge(recorder.subscription, key, present=present), key
            )
        except STEP_FAILED as error:
            if may_have_been_done(error) and workflow.patched(UNHEARD):
                recorder.subscription = late_answers.unanswered(recorder.subscription, key, workflow.now())
            raise
        if charge.outcome is not ChargeOutcome.PENDING:
            recorder.subscription = late_answers.answered(recorder.subscription, charge, workflow.now())
        return charge

    async def count_attempt(self, before: Subscription, asking: Awaitable[Charge], key: str) -> Charge:
        """Await a charge whose attempt is already counted, and correct the count by its outcome.

        While the provider has not decided, the attempt does not count, and is repeated later under the same key. One
        that was refused before it reached a card counts as an attempt of ours, with its own key, but not towards the
        card networks' limits.
        """
        try:
            charge = await asking
        except STEP_FAILED as error:
            refused = replace(self._recorder.subscription, recent_tries=before.recent_tries)
            # Without an answer it may have been done: the same attempt is repeated.
            self._recorder.subscription = before if can_be_had_later(error) else refused
            raise
        if charge.outcome is ChargeOutcome.PENDING:
            self._recorder.subscription = before
        # The provider may have found an earlier attempt.
        return replace(charge, key=charge.key or key)

    async def record_paid(self, charge: Charge, cause: Cause) -> None:
        """Record a charge that was paid, and what it pays for."""
        recorder, now = self._recorder, workflow.now()
        await recorder.commit(payments_received.paid(recorder.subscription, charge, recorder.policy, now, cause))

    async def begin_recovery(self, charge: Charge, cause: Cause) -> None:
        """Record that a period's charge was declined, and begin to recover it."""
        recorder, now = self._recorder, workflow.now()
        rungs = await recorder.rungs(recorder.subscription, now)
        await recorder.commit(recovery.failed(recorder.subscription, charge, recorder.policy, now, cause, rungs))

    async def settle(self, charge: Charge, cause: Cause) -> None:
        """Record the outcome of a charge that is not a ladder retry: after a new card or a command, for example."""
        recorder, now = self._recorder, workflow.now()
        subscription = recorder.subscription
        match charge.outcome:
            case ChargeOutcome.PAID:
                await self.record_paid(charge, cause)
            case ChargeOutcome.GONE:
                await recorder.commit(payments_received.not_owed(subscription, charge, recorder.policy, now, cause))
            case ChargeOutcome.PENDING:
                return
            case _ if subscription.recovery is not None:
                await recorder.commit(recovery.failed_again(subscription, charge, now, cause))
            case _:
                decline = charge.decline or recovery.UNKNOWN_DECLINE
                await recorder.commit(commands.declined_at_hand(subscription, decline, now, cause))
