"""The workflow of one subscription, from sign-up to its end."""

import asyncio
from dataclasses import replace

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.provider.hints import EventHint
    from domain.subscription.agenda import agenda
    from domain.subscription.cancellation import CancelPreview
    from domain.subscription.state import Subscription
    from tracing import steps
    from workflows.subscription import visibility
    from workflows.subscription.activation import Activation
    from workflows.subscription.command_handler import CommandHandler, update
    from workflows.subscription.contact_commands import ContactCommands
    from workflows.subscription.lifecycle_commands import LifecycleCommands
    from workflows.subscription.main_loop import MainLoop
    from workflows.subscription.messages import (
        RUN_REVISION,
        AdoptPolicy,
        Cancel,
        ChangePlan,
        Command,
        CommandResult,
        ContactChanged,
        Convert,
        ExtendTrial,
        NextWork,
        OpenCheckout,
        PauseUntil,
        Preview,
        PreviewCancel,
        PutPaymentMethod,
        Reactivate,
        Reconcile,
        Refund,
        SubscriptionInput,
        Suspend,
    )
    from workflows.subscription.payment_commands import PaymentCommands
    from workflows.subscription.plan_commands import PlanCommands
    from workflows.subscription.process import SubscriptionProcess
    from workflows.subscription.reconcile_command import ReconcileCommand
    from workflows.subscription.refund_commands import RefundCommands

STEPS_PER_RUN = 6
"""After this many steps the workflow continues as new, long before its history gets too long."""
CARRIED_ENTRIES = 3
"""How many of the latest journal entries the next run begins with, for its details."""
STEPS_OF_EARLIER_REVISIONS = (8, 5)
"""The same, of runs of revisions 0 and 1."""


@workflow.defn(name="SubscriptionWorkflow")
class SubscriptionWorkflow:
    """Runs one subscription. Starts at sign-up and ends when the subscription is canceled."""

    @workflow.init
    def __init__(self, start: SubscriptionInput) -> None:
        self._lock = asyncio.Lock()
        """Held while a step is taken, so that commands and timers never interleave."""
        self._steps_per_run = (*STEPS_OF_EARLIER_REVISIONS, STEPS_PER_RUN)[start.revision]
        self._process = SubscriptionProcess(start.subscription, start.policy, start.recent, start.revision)
        self._recorder = self._process.recorder
        self._loop = MainLoop(self._process, start.hints)
        # If the workflow was lost before the provider's own trial had ended, it still has to be activated.
        is_activated = start.is_born and not start.subscription.trial_is_elsewhere
        self._activation = Activation(self._process, self._loop, is_done=is_activated)
        self._commands = CommandHandler(
            self._recorder, self._activation, self._loop, self._lock, start.done, start.declined
        )
        self._payments = PaymentCommands(self._recorder, self._process, self._loop)
        self._refunds = RefundCommands(self._recorder, self._process)
        self._lifecycle = LifecycleCommands(self._recorder, self._process, self._loop)
        self._plan = PlanCommands(self._recorder, self._process, self._loop)
        self._contact = ContactCommands(self._recorder)
        self._reconciliation = ReconcileCommand(self._recorder, self._process, self._loop)

    @workflow.run
    async def run(self, start: SubscriptionInput) -> str:
        if not self._activation.is_done:
            async with self._lock:
                with steps.activation():
                    await self._activation.activate(start)
        self._recorder.show()
        while not self._is_done and not self._should_continue_as_new:
            await self._loop.wait_for_work()
            async with self._lock:
                await self._loop.take_next_step()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not self._is_done:
            # In the same activation as the decision: nothing may be accepted in between.
            # The next run's memo names today's plan; without an argument it would keep the plan of the sign-up.
            memo = {"summary": visibility.summary(self._recorder.subscription)}
            workflow.continue_as_new(self._next_run_input(start), memo=memo)
        await self._process_late_events()
        return "refused" if self._is_refused else self._recorder.subscription.status_reason

    @property
    def _is_refused(self) -> bool:
        return self._activation.refusal is not None

    @property
    def _is_done(self) -> bool:
        return self._is_refused or self._loop.is_done

    @property
    def _should_continue_as_new(self) -> bool:
        return self._recorder.steps_taken >= self._steps_per_run or workflow.info().is_continue_as_new_suggested()

    def _next_run_input(self, start: SubscriptionInput) -> SubscriptionInput:
        return replace(
            start,
            subscription=self._recorder.subscription,
            policy=self._recorder.policy,
            recent=tuple(self._recorder.recent)[-CARRIED_ENTRIES:],
            hints=tuple(self._loop.hints),
            done=tuple(self._commands.done),
            declined=tuple(self._commands.declined),
            is_born=True,
            payment_method=None,
            signed_up_by="",
            sign_up_key="",
            revision=RUN_REVISION,
        )

    async def _process_late_events(self) -> None:
        """After the end, process refunds and payments that arrived meanwhile; no other event repeats them."""
        while self._recorder.subscription.is_over and self._loop.hints:
            await self._loop.wait_for_late_event()
            async with self._lock:
                await self._loop.take_next_step()

    # Sign-up and provider events

    @update(name="sign_up")
    async def sign_up(self) -> CommandResult:
        """Return once the subscription is recorded.

        Raises:
            ApplicationError: the payment method was refused; nothing was kept. Code `authentication_required` or
                `first_payment_blocked`: the subscription is recorded, but has not started.
        """
        await workflow.wait_condition(lambda: self._activation.is_done)
        self._activation.check_begun()
        return self._commands.result()

    @workflow.signal(name="hear", description="The payment provider has news of this subscription.")
    def provider_event(self, hint: EventHint) -> None:
        """Queue a hint of a provider event, unless the subscription knows already what it is about."""
        if not self._activation.is_done or self._loop.concerns(hint):
            self._loop.add(hint)

    # Payments

    @update(name="convert")
    async def convert(self, command: Convert) -> CommandResult:
        """Become a paid subscription, now or when the trial ends."""
        return await self._commands.execute(command, self._payments.check_convert, self._payments.convert)

    @convert.validator
    def _validate_convert(self, command: Convert) -> None:
        self._commands.validate(command, self._payments.check_convert)

    @update(name="put_payment_method")
    async def put_payment_method(self, command: PutPaymentMethod) -> CommandResult:
        """Put a card on file and charge it at once for what is owed."""
        return await self._commands.execute(
            command, self._payments.check_payment_method, self._payments.put_payment_method
        )

    @put_payment_method.validator
    def _validate_put_payment_method(self, command: PutPaymentMethod) -> None:
        self._commands.validate(command, self._payments.check_payment_method)

    @update(name="retry_payment")
    async def retry_payment(self, command: Command) -> CommandResult:
        """Retry the payment that is owed, or the step that is blocked, now."""
        return await self._commands.execute(command, self._payments.check_retry, self._payments.retry_payment)

    @retry_payment.validator
    def _validate_retry_payment(self, command: Command) -> None:
        self._commands.validate(command, self._payments.check_retry)

    @update(name="refund")
    async def refund(self, command: Refund) -> CommandResult:
        """Give back what was paid with an invoice, wholly or in part."""
        return await self._commands.execute(command, self._refunds.check_refund, self._refunds.refund)

    @refund.validator
    def _validate_refund(self, command: Refund) -> None:
        self._commands.validate(command, self._refunds.check_refund)

    @update(name="open_checkout")
    async def open_checkout(self, command: OpenCheckout) -> CommandResult:
        """Open a page where the customer enters a card; the result carries its URL."""
        return await self._commands.answer(command, self._payments.open_checkout)

    @open_checkout.validator
    def _validate_open_checkout(self, command: OpenCheckout) -> None:
        self._commands.validate(command, self._payments.check_checkout)

    # Lifecycle

    @update(name="cancel")
    async def cancel(self, command: Cancel) -> CommandResult:
        """End now, or at the end of the paid period (or trial)."""
        return await self._commands.execute(command, self._lifecycle.check_cancel, self._lifecycle.cancel)

    @cancel.validator
    def _validate_cancel(self, command: Cancel) -> None:
        self._commands.validate(command, self._lifecycle.check_cancel)

    @update(name="preview_cancel")
    async def preview_cancel(self, command: PreviewCancel) -> CancelPreview:
        """Return what a cancellation would do; changes nothing."""
        return await self._commands.answer(command, self._lifecycle.preview_cancel)

    @preview_cancel.validator
    def _validate_preview_cancel(self, command: PreviewCancel) -> None:
        self._commands.validate(command, self._lifecycle.check_cancel)

    @update(name="uncancel")
    async def uncancel(self, command: Command) -> CommandResult:
        """Undo a scheduled cancellation."""
        return await self._commands.execute(command, self._lifecycle.check_uncancel, self._lifecycle.uncancel)

    @uncancel.validator
    def _validate_uncancel(self, command: Command) -> None:
        self._commands.validate(command, self._lifecycle.check_uncancel)

    @update(name="extend_trial")
    async def extend_trial(self, command: ExtendTrial) -> CommandResult:
        """Move the end of the trial, and its reminders with it."""
        return await self._commands.execute(command, self._lifecycle.check_extension, self._lifecycle.extend_trial)

    @extend_trial.validator
    def _validate_extend_trial(self, command: ExtendTrial) -> None:
        self._commands.validate(command, self._lifecycle.check_extension)

    @update(name="suspend")
    async def suspend(self, command: Suspend) -> CommandResult:
        """Turn access off on an operator's order; data is kept."""
        return await self._commands.execute(command, self._lifecycle.check_suspend, self._lifecycle.suspend)

    @suspend.validator
    def _validate_suspend(self, command: Suspend) -> None:
        self._commands.validate(command, self._lifecycle.check_suspend)

    @update(name="reactivate")
    async def reactivate(self, command: Reactivate) -> CommandResult:
        """Restore access on an operator's order."""
        return await self._commands.execute(command, self._lifecycle.check_reactivate, self._lifecycle.reactivate)

    @reactivate.validator
    def _validate_reactivate(self, command: Reactivate) -> None:
        self._commands.validate(command, self._lifecycle.check_reactivate)

    # Plan, pause and policy

    @update(name="change_plan")
    async def change_plan(self, command: ChangePlan) -> CommandResult:
        """Change the plan, interval, quantity or add-ons, now or at the end of the paid period."""
        return await self._commands.execute(command, self._plan.check_change_in_turn, self._plan.change_plan)

    @change_plan.validator
    def _validate_change_plan(self, command: ChangePlan) -> None:
        self._commands.validate(command, self._plan.check_change)

    @update(name="preview_change")
    async def preview_change(self, command: ChangePlan) -> Preview:
        """Return what the same change would bill, and when; changes nothing."""
        return await self._commands.answer(command, self._plan.preview_change)

    @preview_change.validator
    def _validate_preview_change(self, command: ChangePlan) -> None:
        self._commands.validate(command, self._plan.check_change)

    @update(name="withdraw_change")
    async def withdraw_change(self, command: Command) -> CommandResult:
        """Withdraw a planned change or one that waits for the bank."""
        return await self._commands.execute(command, self._plan.check_withdraw_change, self._plan.withdraw_change)

    @withdraw_change.validator
    def _validate_withdraw_change(self, command: Command) -> None:
        self._commands.validate(command, self._plan.check_withdraw_change)

    @update(name="pause")
    async def pause(self, command: PauseUntil) -> CommandResult:
        """Stop billing and access until a date or until resumed; if already paused, move the end."""
        return await self._commands.execute(command, self._plan.check_pause, self._plan.pause)

    @pause.validator
    def _validate_pause(self, command: PauseUntil) -> None:
        self._commands.validate(command, self._plan.check_pause)

    @update(name="resume")
    async def resume(self, command: Command) -> CommandResult:
        """End the pause early."""
        return await self._commands.execute(command, self._plan.check_resume, self._plan.resume)

    @resume.validator
    def _validate_resume(self, command: Command) -> None:
        self._commands.validate(command, self._plan.check_resume)

    @update(name="adopt_policy")
    async def adopt_policy(self, command: AdoptPolicy) -> CommandResult:
        """Switch to another policy; a running recovery stays on its ladder."""
        return await self._commands.execute(command, self._plan.check_adopt_policy, self._plan.adopt_policy)

    @adopt_policy.validator
    def _validate_adopt_policy(self, command: AdoptPolicy) -> None:
        self._commands.validate(command, self._plan.check_adopt_policy)

    # Contact data and reconciliation

    @update(name="contact_changed")
    async def contact_changed(self, command: ContactChanged) -> CommandResult:
        """Record that the customer was changed; with another time zone, dates in the customer's own day move."""
        return await self._commands.execute(command, self._contact.check_contact_changed, self._contact.contact_changed)

    @contact_changed.validator
    def _validate_contact_changed(self, command: ContactChanged) -> None:
        if self._activation.is_done:
            self._commands.validate(command, self._contact.check_contact_changed)

    @update(name="reconcile")
    async def reconcile(self, command: Reconcile) -> CommandResult:
        """Sync with the provider: apply what is new there, and send it again what it is missing."""
        await workflow.wait_condition(lambda: self._activation.is_done)
        if self._is_refused:
            return self._commands.result()
        return await self._commands.execute(command, self._reconciliation.check, self._reconciliation.reconcile)

    @reconcile.validator
    def _validate_reconcile(self, command: Reconcile) -> None:
        if self._recorder.subscription.trial_is_elsewhere and not self._activation.is_done:
            return  # activation ends the provider's trial first, and that fixes what differs
        self._commands.validate(command, self._reconciliation.check)

    # Queries

    @workflow.query(name="current", description="The subscription's current state.")
    def current(self) -> Subscription:
        """The subscription's current state."""
        return self._recorder.subscription

    @workflow.query(name="policy_version", description="The version of the subscription's policy.")
    def policy_version(self) -> str:
        """The version of the subscription's policy."""
        return self._recorder.policy.version

    @workflow.query(name="next_actions", description="What happens next, soonest first.")
    def next_actions(self) -> list[str]:
        """What happens next, soonest first, as text."""
        ahead = agenda(self._recorder.subscription, self._recorder.policy)
        return [f"{due.at.isoformat()} {due.action}: {due.why}" for due in ahead]

    @workflow.query(name="outlook", description="Whether it is busy, and when something is due next.")
    def outlook(self) -> NextWork:
        """Whether the workflow is busy, and when something is due next."""
        retry_at = self._process.blocked.retry_at
        if retry_at is not None:
            return NextWork(busy=False, due_at=retry_at, over=False)
        is_activated = self._activation.is_done
        busy = self._lock.locked() or self._loop.has_event or self._loop.is_woken or not is_activated
        return NextWork(busy, self._loop.next_wake_up(), self._is_done)
