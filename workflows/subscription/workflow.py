"""The life of one subscription, from sign-up to its end."""

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
    from workflows.subscription import activity_calls, adoption
    from workflows.subscription.contact_commands import ContactCommands
    from workflows.subscription.handlers import update
    from workflows.subscription.lifecycle_commands import LifecycleCommands
    from workflows.subscription.messages import CommandResult, NextWork, SubscriptionInput
    from workflows.subscription.plan_changes import declined
    from workflows.subscription.plan_commands import PlanCommands
    from workflows.subscription.process import SubscriptionProcess
    from workflows.subscription.reconcile_command import ReconcileCommand

WAITS_TO_BEGIN = "waits-to-begin"
"""A change to the order of commands: until then a first payment that was not taken held everything else up."""
STEPS_PER_RUN = 8
"""After so many steps the workflow continues as new, long before its history grows unwieldy."""
CLOCK_SKEW = timedelta(seconds=1)
"""By which the clocks of two servers may differ that have a workflow one after the other."""


class ReadAheadError(RuntimeError):
    """A timer has fired, and the time at which it did is not known yet.

    A worker that does not have the run reads all of its history to answer a query, also what has happened since the
    last workflow task and waits for the next one (server 1.32, SDK 1.35). What is decided then is decided at the time
    of the last task, is sent with the next, and fits no replay. So the worker is to let go of the run, as it does for
    any error that is none of a workflow's own, and to begin anew with the next task. The query fails.
    """

    def __init__(self, due: datetime) -> None:
        super().__init__(f"the timer of {due} has fired ahead of the task that tells the time")


@workflow.defn(name="SubscriptionWorkflow")
class SubscriptionWorkflow(LifecycleCommands, PlanCommands, ContactCommands, ReconcileCommand):
    """Runs one subscription. Starts at sign-up and ends when the subscription is canceled."""

    @workflow.init
    def __init__(self, start: SubscriptionInput) -> None:
        process = SubscriptionProcess(start.subscription, start.policy, start.recent)
        # One whose workflow was lost before the provider's own trial had ended is not born yet.
        is_activated = start.is_born and not start.subscription.trial_is_elsewhere
        super().__init__(process, start.done, start.declined, start.hints, is_activated=is_activated)

    @workflow.run
    async def run(self, start: SubscriptionInput) -> str:
        if not self._is_activated:
            async with self._lock:
                with interactive():
                    await self._activate(start)
        self._process.show()
        while not self._is_done and not self._should_continue_as_new:
            await self._wait_for_work()
            async with self._lock:
                await self._take_next_step()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if self._is_done:
            await self._process_late_events()
        else:
            # In the same step as the decision: nothing may be accepted in between.
            workflow.continue_as_new(self._next_run_input(start))
        return "refused" if self._refusal else self._now.status_reason

    def _next_run_input(self, start: SubscriptionInput) -> SubscriptionInput:
        return replace(
            start,
            subscription=self._now,
            policy=self._process.policy,
            recent=tuple(self._process.recent),
            hints=tuple(self._hints),
            done=tuple(self._done),
            declined=tuple(self._declined),
            is_born=True,
            payment_method=None,
        )

    @property
    def _should_continue_as_new(self) -> bool:
        return self._process.steps_taken >= STEPS_PER_RUN or workflow.info().is_continue_as_new_suggested()

    async def _activate(self, start: SubscriptionInput) -> None:
        """Take the first step, or leave nothing behind."""
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
        """The card first, so that a refused one leaves nothing behind; then the first step is written."""
        wallet = None
        if start.payment_method is not None:
            wallet = await activity_calls.put_card(self._now, start.payment_method, f"{self._now.id}/sign-up")
            self._process.subscription = replace(self._now, customer_ref=wallet.customer_ref, card=wallet.card)
        await self._begin_trial_or_charge(start, cause)
        if wallet is None or wallet.card is None or wallet.is_default or self._refusal is not None:
            return
        if not first_payment.waits_for_payment(self._now):  # else once it has begun
            await self._make_default(wallet.card.ref)

    async def _make_default(self, card_ref: str) -> None:
        """Have a customer who was here before be charged on the new card; what is refused leaves them the old one."""
        try:
            await self._process.retry_until_answered(
                blocked_steps.CARD, lambda: activity_calls.make_default_card(self._now, card_ref)
            )
        except STEP_FAILED as error:
            # Taken away since, perhaps. The next look finds what there is now.
            workflow.logger.warning("card not made the default: %s", error.__cause__ or error)

    async def _begin_trial_or_charge(self, start: SubscriptionInput, cause: Cause) -> None:
        ends_at = self._now.trial_ends_at
        if ends_at is None:
            await self._start_paid(cause)
            return
        reminders = await activity_calls.schedule_reminders(
            self._now.customer, ends_at, start.policy.trial, signing_up=self._now.id
        )
        self._process.subscription = replace(self._now, reminders=reminders)
        another = start.allow_another_trial
        step = trial.started(self._now, start.policy, workflow.now(), cause, another_allowed=another)
        await self._process.commit(step)

    async def _roll_back_sign_up(self, cause: Cause) -> None:
        """Undo a sign-up that was refused: what is written down already ends, else the customer is forgotten."""
        if self._now.sequence == 0:
            await activity_calls.forget_sign_up(self._now)
            return
        ended = commands.canceled(self._now, End(EndKind.NEVER_BEGAN, REFUSED), workflow.now(), cause)
        await self._process.commit(replace(ended, mails=()))

    async def _start_paid(self, cause: Cause) -> None:
        """Begin without a trial: written down before money moves, so that no charge is ever without its record."""
        await self._process.commit(commands.signed_up(self._now, workflow.now(), cause))
        charge = await self._first_charge()
        if charge is None or await self._process.begin_with(charge, cause):
            return
        if charge.agreement_ref:
            # Not decided on: nobody waits for that at a sign-up, and nothing may be billed later.
            self._process.subscription = replace(self._now, agreement_ref=charge.agreement_ref)
            await self._process.retry_until_answered(
                blocked_steps.FIRST_PAYMENT, lambda: activity_calls.end_agreement(self._now)
            )
        await self._process.commit(first_payment.declined(self._now, charge, workflow.now(), cause))
        self._refusal = as_failure(declined(charge))

    async def _first_charge(self) -> Charge | None:
        """What came of the first payment; None: the provider does not take it for now, and it is tried again."""
        began = workflow.now()
        try:
            return await self._process.charge(present=True)
        except STEP_FAILED as error:
            if not can_be_had_later(error):
                raise
            if not workflow.patched(WAITS_TO_BEGIN):
                await self._process.block_and_rest(blocked_steps.FIRST_PAYMENT, error, began)
                return await self._process.retry_until_answered(
                    blocked_steps.FIRST_PAYMENT, lambda: self._process.charge(present=True)
                )
            # What was not answered may have been paid, and must not be left behind.
            await self._process.commit(first_payment.put_off(self._now, workflow.now()))
            self._current_action = blocked_steps.FIRST_PAYMENT
            await self._schedule_retry(error, began)
            return None

    async def _wait_for_work(self) -> None:
        """Return when a timer is due, news has come, or a command may have changed what is due."""
        self._was_commanded = False
        wakes_at = self._next_wake_up()
        wait = None if wakes_at is None else max(wakes_at - workflow.now(), timedelta())
        if wait == timedelta():
            return
        due = next_due(self._now, self._process.policy)
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
        """Once it is over: money that went back in the meantime; nobody would tell of it again."""
        while self._now.is_over and self._hints:
            if not self._has_event and self._hints_not_before is not None:
                await workflow.sleep(self._hints_not_before - workflow.now(), summary="Ask again what went back")
            async with self._lock:
                await self._take_next_step()

    @update(name="sign_up")
    async def sign_up(self) -> CommandResult:
        """Answer once the subscription is written down.

        Raises:
            ApplicationError: the payment method was refused; nothing was kept. Code `authentication_required` or
                `first_payment_blocked`: it is written down, and has not begun.
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

    # News and looks

    @workflow.signal(name="hear")
    def provider_event(self, hint: EventHint) -> None:
        """Take note of a message of the provider; what it is worth is seen when it is looked into."""
        if self._is_activated and not is_worth_a_look(self._now, hint):
            return
        if all(known.event != hint.event for known in self._hints):
            self._hints.append(hint)

    @workflow.query(name="current")
    def current(self) -> Subscription:
        """The subscription as it stands."""
        return self._now

    @workflow.query(name="next_actions")
    def next_actions(self) -> list[str]:
        """What happens next, soonest first, in words."""
        return [f"{due.at.isoformat()} {due.action}: {due.why}" for due in agenda(self._now, self._process.policy)]

    @workflow.query(name="outlook")
    def outlook(self) -> NextWork:
        """Whether anything is going on, and when something is due next."""
        busy = self._lock.locked() or self._has_event or self._was_commanded or not self._is_activated
        retry_at = self._process.retry_at
        if retry_at is not None:
            return NextWork(busy=False, due_at=retry_at, over=False)
        return NextWork(busy, self._next_wake_up(), self._is_done)
