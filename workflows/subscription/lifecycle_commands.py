"""Lifecycle commands: convert, payment method, cancel, suspend and others. `plan_commands` has those about the plan."""

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.failures import STEP_FAILED, as_failure, can_be_had_later
    from domain.errors import Rejected, TenureError
    from domain.provider.payments import Charge, ChargeOutcome
    from domain.subscription import (
        cancellation,
        commands,
        confirmation_steps,
        first_payment,
        guards,
        pause,
        suspension,
        trial,
        untold_ends,
    )
    from domain.subscription.cancellation import CancelPreview
    from domain.subscription.commands import ConvertAt
    from domain.subscription.confirmation import ConfirmedAction
    from domain.subscription.ends import End
    from domain.subscription.journal import Cause
    from domain.subscription.lifecycle import Event, Status
    from workflows.subscription import activity_calls, database_calls
    from workflows.subscription.charges import declined
    from workflows.subscription.ends import may_be_reported_later
    from workflows.subscription.handlers import update
    from workflows.subscription.messages import (
        Cancel,
        Command,
        CommandResult,
        Convert,
        ExtendTrial,
        OpenCheckout,
        PreviewCancel,
        PutPaymentMethod,
        Reactivate,
        Suspend,
    )
    from workflows.subscription.progress import Progress


SETTLES_BEFORE_CARD = "settles-before-card"
"""A change to the order of commands: before, a conversion with a card put the card on file before checking whether the
customer had confirmed an earlier payment."""
LOOKS_BEFORE_CANCEL = "look-before-cancel"
"""A change to the order of commands: before, a cancellation did not ask the provider first."""
USES_UP_PAUSED_DAYS = "cancel-uses-up-paused-days"
"""A change to the order of commands: before, canceling a paused subscription ended it at once."""


class LifecycleCommands(Progress):
    """The part of the subscription workflow that customers, products and operators call."""

    @update(name="convert")
    async def convert(self, command: Convert) -> CommandResult:
        """Become a paid subscription, now or when the trial ends."""
        async with self._turn(command, lambda: self._check_convert(command)) as is_first:
            if is_first:
                await self._convert(command)
        return self._answer()

    @convert.validator
    def _validate_convert(self, command: Convert) -> None:
        self._validate(command, lambda: self._check_convert(command))

    def _check_convert(self, command: Convert) -> None:
        brings_card = command.payment_method is not None
        guards.check_convert(self._now, command.when, workflow.now(), brings_card=brings_card)

    async def _convert(self, command: Convert) -> None:
        cause = self._cause(command)
        if self._settles_first(command):
            await self._process.confirmations.withdraw_and_recheck(cause, lambda: self._check_convert(command))
        if command.payment_method is not None:
            await self._put_card(command.payment_method, f"{self._now.id}/card/{command.key}", cause)
        if command.when is ConvertAt.TRIAL_END and self._now.status is Status.TRIALING:
            await self._recorder.commit(commands.conversion_planned(self._now, workflow.now(), cause))
            return
        await self._process.confirmations.withdraw_and_recheck(cause, lambda: self._check_convert(command))
        charge = await self._charge_conversion(command, cause)
        if confirmation_steps.waits(charge):
            await self._process.confirmations.require(charge, ConfirmedAction.CONVERT, None, cause)
        await self._process.charges.settle(charge, cause)
        if charge.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.ACTION_REQUIRED):
            raise declined(charge)

    def _settles_first(self, command: Convert) -> bool:
        """True if a pending payment must be settled before the card is stored: the customer may have confirmed it."""
        is_at_once = command.when is ConvertAt.NOW or self._now.status is not Status.TRIALING
        settles = is_at_once and command.payment_method is not None and self._now.confirmation is not None
        return settles and workflow.patched(SETTLES_BEFORE_CARD)

    async def _charge_conversion(self, command: Convert, cause: Cause) -> Charge:
        """Take the first payment; if the customer turns out to be deleted at the provider, ask for a card."""
        try:
            return await self._process.charges.charge(present=True)
        except STEP_FAILED as error:
            if await self._process.provider_sync.found_deleted(error, cause):
                guards.check_convert(self._now, command.when, workflow.now(), brings_card=False)
            raise

    @update(name="put_payment_method")
    async def put_payment_method(self, command: PutPaymentMethod) -> CommandResult:
        """Put a card on file and charge it at once for what is owed."""
        async with self._turn(command, lambda: guards.check_payment_method(self._now)) as is_first:
            if is_first:
                cause = self._cause(command)
                await self._put_card(command.payment_method, f"{self._now.id}/card/{command.key}", cause)
                await self._process.cards.charge_new(cause)
        return self._answer()

    async def _put_card(self, payment_method: str, key: str, cause: Cause) -> None:
        """Make a payment method the card on file; if the customer had been deleted, sync what else that has ended."""
        known = self._now.customer_ref
        wallet = await activity_calls.put_card(self._now, payment_method, key)
        if wallet.card is None:
            raise ApplicationError("the payment provider kept no card", type="no_card", non_retryable=True)
        step = commands.card_replaced(self._now, wallet.customer_ref, wallet.card, workflow.now(), cause)
        await self._recorder.commit(step)
        if known and self._now.customer_ref != known:
            await self._process.provider_sync.sync(cause)

    @put_payment_method.validator
    def _validate_put_payment_method(self, command: PutPaymentMethod) -> None:
        self._validate(command, lambda: guards.check_payment_method(self._now))

    @update(name="retry_payment")
    async def retry_payment(self, command: Command) -> CommandResult:
        """Retry the payment that is owed, or the step that is blocked, now."""
        async with self._turn(command, self._check_retry) as is_first:
            if is_first:
                await self._retry(command)
        return self._answer()

    @retry_payment.validator
    def _validate_retry_payment(self, command: Command) -> None:
        self._validate(command, self._check_retry)

    def _check_retry(self) -> None:
        guards.check_retry(self._now, workflow.now())

    async def _retry(self, command: Command) -> None:
        if self._now.blocked is not None:
            tries = self._now.charge_tries
            await self._retry_blocked()
            if self._now.recovery is None or self._now.charge_tries != tries:
                return
            guards.check_retry(self._now, workflow.now())
        cause = self._cause(command)
        await self._process.confirmations.withdraw_and_recheck(
            cause, lambda: guards.check_retry(self._now, workflow.now())
        )
        await self._retry_owed(cause)

    async def _retry_owed(self, cause: Cause) -> None:
        """Charge what is owed; if the bank requires a confirmation, raise with the page for it."""
        charge = await self._process.charges.charge(present=True)
        if confirmation_steps.waits(charge):
            await self._process.confirmations.require(charge, ConfirmedAction.CONVERT, None, cause)
        await self._process.charges.settle(charge, cause)
        if charge.outcome is ChargeOutcome.ACTION_REQUIRED:
            needed = confirmation_steps.needed_for_open_bill(self._now, self._recorder.policy)
            if needed is not None:
                raise needed

    @update(name="cancel")
    async def cancel(self, command: Cancel) -> CommandResult:
        """End now, or at the end of the paid period (or trial)."""
        async with self._turn(command, lambda: guards.check_cancel(self._now, command.at)) as is_first:
            if is_first:
                await self._cancel_or_defer(command)
        return self._answer()

    @cancel.validator
    def _validate_cancel(self, command: Cancel) -> None:
        self._validate(command, lambda: guards.check_cancel(self._now, command.at))

    async def _cancel_or_defer(self, command: Cancel) -> None:
        """Cancel; if the provider does not take it now, the decision stands and is reported to it later."""
        try:
            await self._cancel(command)
        except STEP_FAILED as error:
            now = workflow.now()
            # Only the provider knows whether a sign-up that waits for the bank has started.
            if not command.unless_begun and may_be_reported_later(error):
                await self._cancel_unreported(command, now)
                return
            if not can_be_had_later(error) or not self._now.allows(Event.CANCEL_SCHEDULED):
                raise
            at = cancellation.ends_at(self._now, command.at, now) or now
            end = End(command.by, command.reason, command.reason_code)
            step = commands.cancel_scheduled(self._now, at, end, now, self._cause(command))
            await self._recorder.commit(step)

    async def _cancel_unreported(self, command: Cancel, now: datetime) -> None:
        cause, end = self._cause(command), End(command.by, command.reason, command.reason_code)
        until = cancellation.ends_at(self._now, command.at, now)
        if until is None:
            await self._recorder.commit(untold_ends.ended_untold(self._now, end, now, cause))
            return
        if self._now.status is Status.PAUSED:
            await self._recorder.commit(replace(pause.resumed(self._now, now, cause), mails=()))
        await self._recorder.commit(untold_ends.scheduled_untold(self._now, until, end, now, cause))

    async def _cancel(self, command: Cancel) -> None:
        cause = self._cause(command)
        if first_payment.waits_for_payment(self._now):
            await self._withdraw_sign_up(command, cause)
            return
        await self._process.confirmations.withdraw(cause)
        if self._now.is_over:
            return  # it had not started
        if command.unless_begun:
            raise Rejected(
                "the customer has confirmed the payment meanwhile and has a subscription", code="already_subscribed"
            )
        is_unsettled = self._now.recovery is not None or self._now.is_due_for_renewal(workflow.now())
        if is_unsettled and self._now.agreement_ref and workflow.patched(LOOKS_BEFORE_CANCEL):
            # It may have been paid without us knowing: then there is a paid period left and a receipt to send.
            await self._process.provider_sync.sync(cause)
            if self._now.is_over:
                return
        end = End(command.by, command.reason, command.reason_code)
        until = cancellation.ends_at(self._now, command.at, workflow.now())
        is_paused = self._now.status is Status.PAUSED
        if until is None or (is_paused and not workflow.patched(USES_UP_PAUSED_DAYS)):
            await self._process.ends.end(end, cause)
            return
        back = pause.resumed(self._now, workflow.now(), cause) if is_paused else None
        goes_on = back.subscription if back is not None else self._now
        if goes_on.agreement_ref and not goes_on.begins_own_period:
            await activity_calls.end_at_period_end(goes_on, on=True)
        if back is not None:
            # The days that the pause kept are used up first; the cancellation mail says until when.
            await self._recorder.commit(replace(back, mails=()))
        step = commands.cancel_scheduled(self._now, until, end, workflow.now(), cause)
        await self._recorder.commit(step)

    async def _withdraw_sign_up(self, command: Cancel, cause: Cause) -> None:
        """Withdraw a sign-up that never started; if it may have been paid, retry first: nobody may pay twice."""
        if command.unless_begun and self._now.unheard_tries:
            await self._retry_blocked()
        if self._now.is_over:
            return
        if not first_payment.waits_for_payment(self._now):
            raise Rejected(
                "the first payment was taken meanwhile: the customer has a subscription", code="already_subscribed"
            )
        await self._recorder.commit(first_payment.withdrawn(self._now, workflow.now(), cause))

    @update(name="preview_cancel")
    async def preview_cancel(self, command: PreviewCancel) -> CancelPreview:
        """Return what a cancellation would do; changes nothing."""
        async with self._lock:
            try:
                guards.check_cancel(self._now, command.at)
            except TenureError as error:
                raise as_failure(error) from error
            self._was_commanded = True
            return cancellation.previewed(self._now, command.at, workflow.now())

    @preview_cancel.validator
    def _validate_preview_cancel(self, command: PreviewCancel) -> None:
        self._validate(command, lambda: guards.check_cancel(self._now, command.at))

    @update(name="uncancel")
    async def uncancel(self, command: Command) -> CommandResult:
        """Undo a scheduled cancellation."""
        async with self._turn(command, lambda: guards.check_uncancel(self._now)) as is_first:
            if is_first:
                if self._now.agreement_ref:
                    await activity_calls.end_at_period_end(self._now, on=False)
                await self._recorder.commit(commands.cancel_withdrawn(self._now, workflow.now(), self._cause(command)))
        return self._answer()

    @uncancel.validator
    def _validate_uncancel(self, command: Command) -> None:
        self._validate(command, lambda: guards.check_uncancel(self._now))

    @update(name="extend_trial")
    async def extend_trial(self, command: ExtendTrial) -> CommandResult:
        """Move the end of the trial, and its reminders with it."""
        async with self._turn(command, lambda: self._check_extension(command)) as is_first:
            if is_first:
                now = workflow.now()
                ends_at = trial.end_after_extension(self._now, command.days, now)
                reminders = await database_calls.schedule_reminders(
                    self._now.customer, ends_at, self._recorder.policy.trial
                )
                step = trial.extended(self._now, ends_at, reminders, command.reason, now, self._cause(command))
                await self._recorder.commit(step)
        return self._answer()

    @extend_trial.validator
    def _validate_extend_trial(self, command: ExtendTrial) -> None:
        self._validate(command, lambda: self._check_extension(command))

    def _check_extension(self, command: ExtendTrial) -> None:
        trial.check_extension(self._now, command.days, command.reason)

    @update(name="suspend")
    async def suspend(self, command: Suspend) -> CommandResult:
        """Turn access off on an operator's order; data is kept."""
        async with self._turn(command, lambda: guards.check_suspend(self._now, command.reason)) as is_first:
            if is_first:
                cause = self._cause(command)
                await self._withdraw_confirmation_or_defer(cause)
                step = suspension.suspended(self._now, command.reason, workflow.now(), cause)
                await self._recorder.commit(step)
        return self._answer()

    async def _withdraw_confirmation_or_defer(self, cause: Cause) -> None:
        """Withdraw the pending payment; if that fails now, access still goes off, and it is retried until it works."""
        try:
            await self._process.confirmations.withdraw(cause)
        except STEP_FAILED as error:
            if not may_be_reported_later(error):
                raise
            self._recorder.subscription = untold_ends.withdrawn_soon(self._now, workflow.now())

    @suspend.validator
    def _validate_suspend(self, command: Suspend) -> None:
        self._validate(command, lambda: guards.check_suspend(self._now, command.reason))

    @update(name="reactivate")
    async def reactivate(self, command: Reactivate) -> CommandResult:
        """Restore access on an operator's order."""
        async with self._turn(command, lambda: guards.check_reactivate(self._now, command.reason)) as is_first:
            if is_first:
                await self._reactivate(command)
        return self._answer()

    @reactivate.validator
    def _validate_reactivate(self, command: Reactivate) -> None:
        self._validate(command, lambda: guards.check_reactivate(self._now, command.reason))

    async def _reactivate(self, command: Reactivate) -> None:
        """Billing continues, with a new period if the paid one has ended meanwhile."""
        now, trials = workflow.now(), self._recorder.policy.trial
        back = suspension.way_back(self._now, timedelta(days=trials.reopen_days), now)
        reminders = self._now.reminders
        if back.trial_ends_at is not None:
            reminders = await database_calls.schedule_reminders(self._now.customer, back.trial_ends_at, trials)
        step = suspension.returned(self._now, back, reminders, command.reason, now, self._cause(command))
        await self._recorder.commit(step)

    @update(name="open_checkout")
    async def open_checkout(self, command: OpenCheckout) -> CommandResult:
        """Open a page where the customer enters a card; the result carries its URL."""
        async with self._lock:
            try:
                guards.check_checkout(self._now)
            except TenureError as error:
                raise as_failure(error) from error
            urls = {"success": command.success_url, "cancel": command.cancel_url}
            customer_ref, url = await activity_calls.open_checkout(
                self._now, urls, f"{self._now.id}/checkout/{command.key}"
            )
            self._recorder.subscription = replace(self._now, customer_ref=customer_ref)
        return CommandResult(self._now.sequence, url)

    @open_checkout.validator
    def _validate_open_checkout(self, command: OpenCheckout) -> None:
        self._validate(command, lambda: guards.check_checkout(self._now))
