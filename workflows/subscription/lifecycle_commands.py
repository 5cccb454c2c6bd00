"""Lifecycle commands: cancel and uncancel, trial extension, suspend and reactivate."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio import workflow

from activities.failures import STEP_FAILED, can_be_had_later
from domain.errors import Rejected
from domain.subscription import (
    cancellation,
    commands,
    first_payment,
    guards,
    late_answers,
    pause,
    suspension,
    trial,
    unreported_ends,
)
from domain.subscription.cancellation import CancelPreview
from domain.subscription.ends import End
from domain.subscription.journal import Cause, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Subscription
from workflows.subscription import activity_calls
from workflows.subscription.ends import may_be_reported_later
from workflows.subscription.main_loop import MainLoop
from workflows.subscription.messages import Cancel, Command, ExtendTrial, PreviewCancel, Reactivate, Suspend
from workflows.subscription.payments import undecided
from workflows.subscription.process import SubscriptionProcess
from workflows.subscription.recorder import FINDS_UNHEARD, StepRecorder, schedule_reminders

LOOKS_BEFORE_CANCEL = "look-before-cancel"
"""A change to the order of commands: before, a cancellation did not ask the provider first."""
USES_UP_PAUSED_DAYS = "cancel-uses-up-paused-days"
"""A change to the order of commands: before, canceling a paused subscription ended it at once."""


@dataclass(frozen=True, eq=False)
class LifecycleCommands:
    """Checks and carries out the commands about the course of a subscription."""

    _recorder: StepRecorder
    _process: SubscriptionProcess
    _loop: MainLoop

    # Cancel

    def check_cancel(self, command: Cancel | PreviewCancel) -> None:
        guards.check_cancel(self._recorder.subscription, command.at)

    async def preview_cancel(self, command: PreviewCancel) -> CancelPreview:
        self.check_cancel(command)
        self._loop.wake()
        return cancellation.previewed(self._recorder.subscription, command.at, workflow.now())

    async def cancel(self, command: Cancel) -> None:
        """Cancel; if the provider does not take it now, the decision stands and is reported to it later."""
        recorder = self._recorder
        try:
            await self._cancel(command)
        except STEP_FAILED as error:
            now = workflow.now()
            # Only the provider knows whether a sign-up that waits for the bank has started.
            if not command.unless_begun and may_be_reported_later(error):
                await self._cancel_unreported(command, now)
                return
            if not can_be_had_later(error) or not recorder.subscription.allows(Event.CANCEL_SCHEDULED):
                raise
            at = cancellation.ends_at(recorder.subscription, command.at, now) or now
            step = commands.cancel_scheduled(recorder.subscription, at, _end_of(command), now, command.as_cause())
            await recorder.commit(step)

    async def _cancel_unreported(self, command: Cancel, now: datetime) -> None:
        recorder, cause, end = self._recorder, command.as_cause(), _end_of(command)
        until = cancellation.ends_at(recorder.subscription, command.at, now)
        if until is None and self._may_have_begun():
            if not recorder.subscription.allows(Event.CANCEL_SCHEDULED):
                raise undecided()
            until = now  # not before the provider has said whether there is a period to use up
        if until is None:
            await recorder.commit(unreported_ends.ended_unreported(recorder.subscription, end, now, cause))
            return
        is_paused = recorder.subscription.status is Status.PAUSED
        if is_paused:
            back = self._used_up(recorder.subscription, now, cause)
            await recorder.commit(replace(back, mails=()))
        await recorder.commit(
            unreported_ends.scheduled_unreported(recorder.subscription, until, end, now, cause, ends_pause=is_paused)
        )

    def _may_have_begun(self) -> bool:
        return late_answers.may_have_begun(self._recorder.subscription) and workflow.patched(FINDS_UNHEARD)

    async def _cancel(self, command: Cancel) -> None:
        recorder, cause = self._recorder, command.as_cause()
        if first_payment.waits_for_payment(recorder.subscription):
            await self._withdraw_sign_up(command, cause)
            return
        await self._process.confirmations.withdraw(cause)
        if recorder.subscription.is_over:
            return  # it had not started
        if command.unless_begun:
            raise Rejected(
                "the customer has confirmed the payment meanwhile and has a subscription", code="already_subscribed"
            )
        if self._may_have_been_paid():
            await self._process.provider_sync.sync(cause)
            if recorder.subscription.confirmation is not None and workflow.patched(FINDS_UNHEARD):
                await self._process.confirmations.withdraw(cause)  # an unanswered change waits for the bank
            if recorder.subscription.is_over:
                return
        until = cancellation.ends_at(recorder.subscription, command.at, workflow.now())
        if until is None and self._may_have_begun():
            raise undecided()
        is_paused = recorder.subscription.status is Status.PAUSED
        if until is None or (is_paused and not workflow.patched(USES_UP_PAUSED_DAYS)):
            await self._process.ends.end(_end_of(command), cause)
        else:
            await self._schedule_cancel(until, _end_of(command), cause)

    def _used_up(self, subscription: Subscription, now: datetime, cause: Cause) -> Step:
        """The days that a pause has kept are used up before the end. Timers of kept histories count on the default."""
        return pause.resumed(subscription, now, cause, self._recorder.policy, ask_after=DEFAULT_POLICY.ask_after)

    def _may_have_been_paid(self) -> bool:
        """True if there may be a payment that we do not know: a paid period would be left, and a receipt to send."""
        subscription = self._recorder.subscription
        is_unsettled = subscription.recovery is not None or subscription.is_due_for_renewal(workflow.now())
        if is_unsettled and subscription.agreement_ref and workflow.patched(LOOKS_BEFORE_CANCEL):
            return True
        return late_answers.is_unheard(subscription) and workflow.patched(FINDS_UNHEARD)

    async def _schedule_cancel(self, until: datetime, end: End, cause: Cause) -> None:
        recorder = self._recorder
        subscription = recorder.subscription
        is_paused = subscription.status is Status.PAUSED
        back = self._used_up(subscription, workflow.now(), cause) if is_paused else None
        goes_on = back.subscription if back is not None else subscription
        if goes_on.agreement_ref and not goes_on.begins_own_period:
            await activity_calls.end_at_period_end(goes_on, on=True)
        if back is not None:
            # The days that the pause kept are used up first; the cancellation mail says until when.
            await recorder.commit(replace(back, mails=()))
        await recorder.commit(
            commands.cancel_scheduled(
                recorder.subscription, until, end, workflow.now(), cause, ends_pause=back is not None
            )
        )

    async def _withdraw_sign_up(self, command: Cancel, cause: Cause) -> None:
        """Withdraw a sign-up that never started; if it may have been paid, retry first: nobody may pay twice."""
        recorder = self._recorder
        if command.unless_begun and recorder.subscription.unheard_tries:
            await self._loop.retry_blocked()
        if recorder.subscription.is_over:
            return
        if not first_payment.waits_for_payment(recorder.subscription):
            raise Rejected(
                "the first payment was taken meanwhile: the customer has a subscription", code="already_subscribed"
            )
        await recorder.commit(first_payment.withdrawn(recorder.subscription, workflow.now(), cause))

    # Uncancel

    def check_uncancel(self, _command: Command) -> None:
        guards.check_uncancel(self._recorder.subscription)

    async def uncancel(self, command: Command) -> None:
        recorder = self._recorder
        if recorder.subscription.agreement_ref:
            await activity_calls.end_at_period_end(recorder.subscription, on=False)
        step = commands.cancel_withdrawn(recorder.subscription, workflow.now(), command.as_cause())
        await recorder.commit(step)

    # Trial

    def check_extension(self, command: ExtendTrial) -> None:
        trial.check_extension(self._recorder.subscription, command.days, command.reason)

    async def extend_trial(self, command: ExtendTrial) -> None:
        recorder, now = self._recorder, workflow.now()
        ends_at = trial.end_after_extension(recorder.subscription, command.days, now)
        customer, trials = recorder.subscription.customer, recorder.policy.trial
        reminders = await schedule_reminders(customer, ends_at, trials)
        cause = command.as_cause()
        step = trial.extended(recorder.subscription, ends_at, reminders, command.reason, now, cause)
        await recorder.commit(step)

    # Suspend and reactivate

    def check_suspend(self, command: Suspend) -> None:
        guards.check_suspend(self._recorder.subscription, command.reason)

    async def suspend(self, command: Suspend) -> None:
        recorder, cause = self._recorder, command.as_cause()
        await self._withdraw_confirmation_or_defer(cause)
        step = suspension.suspended(recorder.subscription, command.reason, workflow.now(), cause)
        await recorder.commit(step)

    async def _withdraw_confirmation_or_defer(self, cause: Cause) -> None:
        """Withdraw the pending payment; if that fails now, access still goes off, and it is retried until it works."""
        recorder = self._recorder
        try:
            await self._process.confirmations.withdraw(cause)
        except STEP_FAILED as error:
            if not may_be_reported_later(error):
                raise
            recorder.subscription = unreported_ends.confirmation_expired(recorder.subscription, workflow.now())

    def check_reactivate(self, command: Reactivate) -> None:
        guards.check_reactivate(self._recorder.subscription, command.reason)

    async def reactivate(self, command: Reactivate) -> None:
        """Restore access; billing continues, with a new period if the paid one has ended meanwhile."""
        recorder, now = self._recorder, workflow.now()
        subscription, trials = recorder.subscription, recorder.policy.trial
        back = suspension.way_back(subscription, timedelta(days=trials.reopen_days), now)
        reminders = subscription.reminders
        if back.trial_ends_at is not None:
            reminders = await schedule_reminders(subscription.customer, back.trial_ends_at, trials)
        step = suspension.returned(subscription, back, reminders, command.reason, now, command.as_cause())
        await recorder.commit(step)


def _end_of(command: Cancel) -> End:
    return End(command.by, command.reason, command.reason_code)
