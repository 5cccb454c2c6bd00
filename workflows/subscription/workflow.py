"""The workflow of one subscription, from sign-up to its end."""

from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.failures import STEP_FAILED, as_failure, can_be_had_later, refusal
    from domain.provider.hints import EventHint
    from domain.provider.payments import Charge
    from domain.subscription import blocked_steps, commands, confirmation_steps, first_payment, trial
    from domain.subscription.agenda import agenda, next_due
    from domain.subscription.confirmation import ConfirmedAction
    from domain.subscription.ends import REFUSED, End, EndKind
    from domain.subscription.hints import is_worth_a_look
    from domain.subscription.journal import Cause, CauseKind
    from domain.subscription.state import Subscription
    from workflows.priorities import interactive
    from workflows.subscription import activity_calls, adoption, database_calls, visibility
    from workflows.subscription.charges import declined
    from workflows.subscription.contact_commands import ContactCommands
    from workflows.subscription.handlers import update
    from workflows.subscription.lifecycle_commands import LifecycleCommands
    from workflows.subscription.messages import CommandResult, NextWork, SubscriptionInput
    from workflows.subscription.plan_commands import PlanCommands
    from workflows.subscription.process import SubscriptionProcess
    from workflows.subscription.reconcile_command import ReconcileCommand

WAITS_TO_BEGIN = "waits-to-begin"
"""A change to the order of commands: before, a first payment that the provider did not take blocked everything else."""
STEPS_PER_RUN = 8
"""After this many steps the workflow continues as new, long before its history gets too long."""
CLOCK_SKEW = timedelta(seconds=1)
"""By how much the clocks of two servers that run a workflow in succession may differ."""


class ReadAheadError(RuntimeError):
    """A timer has fired, but the time at which it fired is not known yet.

    To answer a query, a worker that has not cached the run reads its whole history, including events after the last
    workflow task that are meant for the next one (server 1.32, SDK 1.35). A decision made then is made at the time of
    the last task, is sent with the next, and matches no replay. So the worker must evict the run, as it does for any
    error that is not a workflow failure, and start over with the next task. The query fails.
    """

    def __init__(self, due: datetime) -> None:
        super().__init__(f"the timer for {due} fired before the workflow task that carries the time")


@workflow.defn(name="SubscriptionWorkflow")
class SubscriptionWorkflow(LifecycleCommands, PlanCommands, ContactCommands, ReconcileCommand):
    """Runs one subscription. Starts at sign-up and ends when the subscription is canceled."""

    @workflow.init
    def __init__(self, start: SubscriptionInput) -> None:
        process = SubscriptionProcess(start.subscription, start.policy, start.recent)
        # If the workflow was lost before the provider's own trial had ended, it still has to be activated.
        is_activated = start.is_born and not start.subscription.trial_is_elsewhere
        super().__init__(process, start.done, start.declined, start.hints, is_activated=is_activated)

    @workflow.run
    async def run(self, start: SubscriptionInput) -> str:
        if not self._is_activated:
            async with self._lock:
                with interactive():
                    await self._activate(start)
        self._recorder.show()
        while not self._is_done and not self._should_continue_as_new:
            await self._wait_for_work()
            async with self._lock:
                await self._take_next_step()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._is_done:
            await self._process_late_events()
        else:
            # In the same activation as the decision: nothing may be accepted in between.
            # The next run's memo names today's plan; without an argument it would keep the plan of the sign-up.
            workflow.continue_as_new(self._next_run_input(start), memo={"summary": visibility.summary(self._now)})
        return "refused" if self._refusal else self._now.status_reason

    def _next_run_input(self, start: SubscriptionInput) -> SubscriptionInput:
        return replace(
            start,
            subscription=self._now,
            policy=self._recorder.policy,
            recent=tuple(self._recorder.recent),
            hints=tuple(self._hints),
            done=tuple(self._done),
            declined=tuple(self._declined),
            is_born=True,
            payment_method=None,
        )

    @property
    def _should_continue_as_new(self) -> bool:
        return self._recorder.steps_taken >= STEPS_PER_RUN or workflow.info().is_continue_as_new_suggested()

    async def _activate(self, start: SubscriptionInput) -> None:
        """Take the first step, or roll the sign-up back."""
        cause = Cause(CauseKind.COMMAND, start.sign_up_key, start.signed_up_by)
        try:
            if start.subscription.trial_is_elsewhere and start.is_born:
                await adoption.take_trial_over(self._process, cause)
            elif start.adopted:
                await adoption.adopt(self._process, cause)
            else:
                await self._sign_up(start, cause)
        except STEP_FAILED as error:
            await self._roll_back_sign_up(cause)
            self._refusal = refusal(error) or ApplicationError(str(error), type="sign_up_failed", non_retryable=True)
        self._is_activated = True

    async def _sign_up(self, start: SubscriptionInput, cause: Cause) -> None:
        """Put the card on file first, so that a declined card leaves nothing behind; then record the first step."""
        wallet = None
        if start.payment_method is not None:
            wallet = await activity_calls.put_card(self._now, start.payment_method, f"{self._now.id}/sign-up")
            self._recorder.subscription = replace(self._now, customer_ref=wallet.customer_ref, card=wallet.card)
        await self._begin_trial_or_charge(start, cause)
        if wallet is None or wallet.card is None or wallet.is_default or self._refusal is not None:
            return
        if not first_payment.waits_for_payment(self._now):  # else once the first payment is taken
            await self._process.cards.make_default(wallet.card.ref, until_answered=True)

    async def _begin_trial_or_charge(self, start: SubscriptionInput, cause: Cause) -> None:
        ends_at = self._now.trial_ends_at
        if ends_at is None:
            await self._start_paid(cause)
            return
        reminders = await database_calls.schedule_reminders(
            self._now.customer, ends_at, start.policy.trial, signing_up=self._now.id
        )
        self._recorder.subscription = replace(self._now, reminders=reminders)
        another = start.allow_another_trial
        step = trial.started(self._now, start.policy, workflow.now(), cause, another_allowed=another)
        await self._recorder.commit(step)

    async def _roll_back_sign_up(self, cause: Cause) -> None:
        """Undo a refused sign-up: end the subscription if it was recorded, otherwise delete the customer."""
        if self._now.sequence == 0:
            await database_calls.forget_sign_up(self._now)
            return
        ended = commands.canceled(self._now, End(EndKind.NEVER_BEGAN, REFUSED), workflow.now(), cause)
        await self._recorder.commit(replace(ended, mails=()))

    async def _start_paid(self, cause: Cause) -> None:
        """Start without a trial; recorded before money moves, so that there is never a charge without a record."""
        await self._recorder.commit(commands.signed_up(self._now, workflow.now(), cause))
        charge = await self._first_charge()
        if charge is None or await self._process.first_payment.begin_with(charge, cause):
            return
        if charge.agreement_ref:
            # Undecided: a sign-up does not wait for that, and nothing may be billed later.
            self._recorder.subscription = replace(self._now, agreement_ref=charge.agreement_ref)
            await self._process.blocked.retry_until_answered(
                blocked_steps.FIRST_PAYMENT, lambda: activity_calls.end_agreement(self._now)
            )
        await self._recorder.commit(first_payment.declined(self._now, charge, workflow.now(), cause))
        self._refusal = as_failure(declined(charge))

    async def _first_charge(self) -> Charge | None:
        """Return the first payment's outcome; None: the provider does not take it now, and it is retried later."""
        began = workflow.now()
        try:
            return await self._process.charges.charge(present=True)
        except STEP_FAILED as error:
            if not can_be_had_later(error):
                raise
            if not workflow.patched(WAITS_TO_BEGIN):
                await self._process.blocked.block_and_rest(blocked_steps.FIRST_PAYMENT, error, began)
                return await self._process.blocked.retry_until_answered(
                    blocked_steps.FIRST_PAYMENT, lambda: self._process.charges.charge(present=True)
                )
            # Without an answer it may have been paid, so the sign-up must not be rolled back.
            await self._recorder.commit(first_payment.put_off(self._now, workflow.now()))
            self._current_action = blocked_steps.FIRST_PAYMENT
            await self._schedule_retry(error, began)
            return None

    async def _wait_for_work(self) -> None:
        """Return when a timer is due, an event has arrived, or a command may have changed what is due."""
        self._was_commanded = False
        wakes_at = self._next_wake_up()
        wait = None if wakes_at is None else max(wakes_at - workflow.now(), timedelta())
        if wait == timedelta():
            return
        due = next_due(self._now, self._recorder.policy)
        try:
            await workflow.wait_condition(
                lambda: self._has_event or self._was_commanded or self._is_done,
                timeout=wait,
                timeout_summary=f"{due.action}: {due.why}" if due else None,
            )
        except TimeoutError:
            if wakes_at is not None and workflow.now() < wakes_at - CLOCK_SKEW:
                raise ReadAheadError(wakes_at) from None

    async def _process_late_events(self) -> None:
        """After the end, process the refunds and disputes that arrived meanwhile; no other event repeats them."""
        while self._now.is_over and self._hints:
            if not self._has_event and self._hints_not_before is not None:
                await workflow.sleep(self._hints_not_before - workflow.now(), summary="Retry a refund or dispute")
            async with self._lock:
                await self._take_next_step()

    @update(name="sign_up")
    async def sign_up(self) -> CommandResult:
        """Return once the subscription is recorded.

        Raises:
            ApplicationError: the payment method was refused; nothing was kept. Code `authentication_required` or
                `first_payment_blocked`: the subscription is recorded, but has not started.
        """
        await workflow.wait_condition(lambda: self._is_activated)
        if self._refusal is not None:
            raise self._refusal
        waits = self._now.confirmation
        if waits is not None and waits.action is ConfirmedAction.SIGN_UP:
            raise as_failure(confirmation_steps.needed(self._now))
        if first_payment.waits_for_payment(self._now):
            raise as_failure(first_payment.not_taken(self._now))
        return self._answer()

    # Provider events and queries

    @workflow.signal(name="hear", description="The payment provider has news of this subscription.")
    def provider_event(self, hint: EventHint) -> None:
        """Queue a hint of a provider event; whether it matters is decided when it is processed."""
        if self._is_activated and not is_worth_a_look(self._now, hint):
            return
        if all(known.event != hint.event for known in self._hints):
            self._hints.append(hint)

    @workflow.query(name="current", description="The subscription's current state.")
    def current(self) -> Subscription:
        """The subscription's current state."""
        return self._now

    @workflow.query(name="next_actions", description="What happens next, soonest first.")
    def next_actions(self) -> list[str]:
        """What happens next, soonest first, as text."""
        return [f"{due.at.isoformat()} {due.action}: {due.why}" for due in agenda(self._now, self._recorder.policy)]

    @workflow.query(name="outlook", description="Whether it is busy, and when something is due next.")
    def outlook(self) -> NextWork:
        """Whether the workflow is busy, and when something is due next."""
        busy = self._lock.locked() or self._has_event or self._was_commanded or not self._is_activated
        retry_at = self._process.blocked.retry_at
        if retry_at is not None:
            return NextWork(busy=False, due_at=retry_at, over=False)
        return NextWork(busy, self._next_wake_up(), self._is_done)
