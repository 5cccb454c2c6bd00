"""The activation of a subscription: its sign-up, or its adoption from elsewhere."""

from dataclasses import replace
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.failures import STEP_FAILED, as_failure, can_be_had_later, refusal
from domain.provider.payments import Charge
from domain.subscription import blocked_steps, commands, confirmation_steps, first_payment, trial
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.ends import REFUSED, End, EndKind
from domain.subscription.journal import Cause, CauseKind
from workflows.priorities import interactive
from workflows.subscription import activity_calls, adoption
from workflows.subscription.main_loop import MainLoop
from workflows.subscription.messages import SubscriptionInput
from workflows.subscription.payments import declined
from workflows.subscription.process import SubscriptionProcess
from workflows.subscription.recorder import forget_sign_up, schedule_reminders

WAITS_TO_BEGIN = "waits-to-begin"
"""A change to the order of commands: before, a first payment that the provider did not take blocked everything else."""


class Activation:
    """Takes a subscription's first steps, or rolls a refused sign-up back."""

    def __init__(self, process: SubscriptionProcess, loop: MainLoop, *, is_done: bool) -> None:
        self._process = process
        self._recorder = process.recorder
        self._loop = loop
        self.is_done = is_done
        self.refusal: ApplicationError | None = None
        """Why the sign-up was refused."""

    async def activate(self, start: SubscriptionInput) -> None:
        """Take the first step, or roll the sign-up back."""
        cause = Cause(CauseKind.COMMAND, start.sign_up_key, start.signed_up_by)
        with interactive():
            try:
                await self._take_first_step(start, cause)
            except STEP_FAILED as error:
                await self._roll_back(cause)
                self.refusal = refusal(error) or ApplicationError(str(error), type="sign_up_failed", non_retryable=True)
        self.is_done = True

    def check_begun(self) -> None:
        """Raise why a sign-up has not started the subscription.

        Raises:
            ApplicationError: the payment method was refused; nothing was kept. Code `authentication_required` or
                `first_payment_blocked`: the subscription is recorded, but has not started.
        """
        if self.refusal is not None:
            raise self.refusal
        subscription = self._recorder.subscription
        waits = subscription.confirmation
        if waits is not None and waits.action is ConfirmedAction.SIGN_UP:
            raise as_failure(confirmation_steps.needed(subscription))
        if first_payment.waits_for_payment(subscription):
            raise as_failure(first_payment.not_taken(subscription))

    async def _take_first_step(self, start: SubscriptionInput, cause: Cause) -> None:
        if start.subscription.trial_is_elsewhere and start.is_born:
            await adoption.take_trial_over(self._process, cause)
        elif start.adopted:
            await adoption.adopt(self._process, cause)
        else:
            await self._sign_up(start, cause)

    async def _sign_up(self, start: SubscriptionInput, cause: Cause) -> None:
        """Put the card on file first, so that a declined card leaves nothing behind; then record the first step."""
        recorder, wallet = self._recorder, None
        if start.payment_method is not None:
            key = f"{recorder.subscription.id}/sign-up"
            wallet = await activity_calls.put_card(recorder.subscription, start.payment_method, key)
            recorder.subscription = replace(recorder.subscription, customer_ref=wallet.customer_ref, card=wallet.card)
        if recorder.subscription.trial_ends_at is not None:
            await self._begin_trial(recorder.subscription.trial_ends_at, start, cause)
        else:
            await self._start_paid(cause)
        if wallet is None or wallet.card is None or wallet.is_default or self.refusal is not None:
            return
        if not first_payment.waits_for_payment(recorder.subscription):  # else once the first payment is taken
            await self._process.cards.make_default(wallet.card.ref, until_answered=True)

    async def _begin_trial(self, ends_at: datetime, start: SubscriptionInput, cause: Cause) -> None:
        recorder = self._recorder
        subscription, policy = recorder.subscription, start.policy
        reminders = await schedule_reminders(subscription.customer, ends_at, policy.trial, signing_up=subscription.id)
        recorder.subscription = replace(recorder.subscription, reminders=reminders)
        another, now = start.allow_another_trial, workflow.now()
        step = trial.started(recorder.subscription, policy, now, cause, another_allowed=another)
        await recorder.commit(step)

    async def _start_paid(self, cause: Cause) -> None:
        """Start without a trial; recorded before money moves, so that there is never a charge without a record."""
        recorder = self._recorder
        await recorder.commit(commands.signed_up(recorder.subscription, workflow.now(), cause))
        charge = await self._first_charge()
        if charge is None or await self._process.first_payment.begin_with(charge, cause):
            return
        if charge.agreement_ref:
            # Undecided: a sign-up does not wait for that, and nothing may be billed later.
            recorder.subscription = replace(recorder.subscription, agreement_ref=charge.agreement_ref)
            await self._process.blocked.retry_until_answered(
                blocked_steps.FIRST_PAYMENT, lambda: activity_calls.end_agreement(recorder.subscription)
            )
        await recorder.commit(first_payment.declined(recorder.subscription, charge, workflow.now(), cause))
        self.refusal = as_failure(declined(charge))

    async def _first_charge(self) -> Charge | None:
        """Return the first payment's outcome; None: the provider does not take it now, and it is retried later."""
        recorder, charges, blocked = self._recorder, self._process.charges, self._process.blocked
        began = workflow.now()
        try:
            return await charges.charge(present=True)
        except STEP_FAILED as error:
            if not can_be_had_later(error):
                raise
            if not workflow.patched(WAITS_TO_BEGIN):
                await blocked.block_and_rest(blocked_steps.FIRST_PAYMENT, error, began)
                return await blocked.retry_until_answered(
                    blocked_steps.FIRST_PAYMENT, lambda: charges.charge(present=True)
                )
            # Without an answer it may have been paid, so the sign-up must not be rolled back.
            await recorder.commit(first_payment.deferred(recorder.subscription, workflow.now()))
            await self._loop.schedule_retry(blocked_steps.FIRST_PAYMENT, error, began)
            return None

    async def _roll_back(self, cause: Cause) -> None:
        """Undo a refused sign-up: end the subscription if it was recorded, otherwise delete the customer."""
        recorder = self._recorder
        if recorder.subscription.sequence == 0:
            await forget_sign_up(recorder.subscription)
            return
        end = End(EndKind.NEVER_BEGAN, REFUSED)
        ended = commands.canceled(recorder.subscription, end, workflow.now(), cause)
        await recorder.commit(replace(ended, mails=()))
