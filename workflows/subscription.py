"""The life of one subscription, from sign-up to its end."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.failures import as_failure, refusal
    from domain import steering, trial
    from domain.agenda import agenda, next_due
    from domain.errors import Rejected, TenureError
    from domain.journal import Cause, CauseKind
    from domain.lifecycle import Status, Subscription
    from domain.news import Hint, is_worth_a_look
    from domain.payments import ChargeOutcome
    from domain.steering import CancelAt, When
    from workflows import hands
    from workflows.course import Course
    from workflows.messages import (
        Answer,
        Cancel,
        Command,
        Convert,
        ExtendTrial,
        Life,
        OpenCheckout,
        Outlook,
        PutPaymentMethod,
        Reactivate,
        Suspend,
    )

STEPS_PER_RUN = 8
"""After so many steps the workflow continues as new, long before its history grows unwieldy."""
KEYS_KEPT = 32
BLOCKED_WAIT = timedelta(hours=1)
"""How long to wait before trying again what the outside refused for good; an operator may mend it meanwhile."""


@workflow.defn
class SubscriptionWorkflow:
    """Runs one subscription. Starts at sign-up and ends when the subscription is canceled."""

    @workflow.init
    def __init__(self, life: Life) -> None:
        self._course = Course(life.subscription, life.policy)
        self._hints: deque[Hint] = deque(life.hints)
        self._done: deque[str] = deque(life.done, maxlen=KEYS_KEPT)
        self._is_born = life.is_born
        self._refusal: ApplicationError | None = None
        self._lock = asyncio.Lock()
        self._was_commanded = False
        self._not_before: datetime | None = None

    @workflow.run
    async def run(self, life: Life) -> str:
        if not self._is_born:
            async with self._lock:
                await self._be_born(life)
        self._course.show()
        while not self._is_over and not self._should_continue_as_new:
            await self._wait_for_something()
            async with self._lock:
                await self._do_what_is_next()
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not self._is_over:
            # In the same step as the decision: nothing may be accepted in between.
            workflow.continue_as_new(self._life_so_far(life))
        return "refused" if self._refusal else self._now.status_reason

    def _life_so_far(self, life: Life) -> Life:
        return replace(
            life,
            subscription=self._now,
            hints=tuple(self._hints),
            done=tuple(self._done),
            is_born=True,
            payment_method=None,
        )

    @property
    def _now(self) -> Subscription:
        return self._course.subscription

    @property
    def _is_over(self) -> bool:
        return self._refusal is not None or self._now.is_over

    @property
    def _should_continue_as_new(self) -> bool:
        return self._course.steps_taken >= STEPS_PER_RUN or workflow.info().is_continue_as_new_suggested()

    async def _be_born(self, life: Life) -> None:
        """Sign up: the card first, so that a refused one leaves nothing behind; then the first step is written."""
        cause = Cause(CauseKind.COMMAND, life.sign_up_key, life.signed_up_by)
        try:
            if life.payment_method is not None:
                wallet = await hands.put_card(self._now, life.payment_method, f"{self._now.id}/sign-up")
                self._course.subscription = replace(self._now, customer_ref=wallet.customer_ref, card=wallet.card)
            ends_at = self._now.trial_ends_at
            if ends_at is None:
                await self._start_paid(cause)
            else:
                reminders = await hands.anchor_reminders(self._now.customer, ends_at, life.policy.trial)
                self._course.subscription = replace(self._now, reminders=reminders)
                await self._course.commit(trial.started(self._now, workflow.now(), cause))
        except ActivityError as error:
            self._refusal = refusal(error) or ApplicationError(str(error), type="sign_up_failed", non_retryable=True)
            await hands.forget_sign_up(self._now.customer)
        self._is_born = True

    async def _start_paid(self, cause: Cause) -> None:
        """Begin without a trial: written down before money moves, so that no charge is ever without its record."""
        await self._course.commit(steering.signed_up(self._now, workflow.now(), cause))
        charge = await self._course.charge()
        if charge.outcome is ChargeOutcome.PAID:
            await self._course.settle(charge, cause)
            return
        code = charge.decline.code if charge.decline else charge.outcome.value
        declined = steering.canceled(self._now, f"the first payment was declined: {code}", workflow.now(), cause)
        await self._course.commit(replace(declined, mails=()))
        self._refusal = as_failure(Rejected(f"the card was declined: {code}", code="payment_declined"))

    async def _wait_for_something(self) -> None:
        """Return when a timer is due, news has come, or a command may have changed what is due."""
        self._was_commanded = False
        wakes_at = self._wakes_at()
        wait = None if wakes_at is None else max(wakes_at - workflow.now(), timedelta())
        if wait == timedelta():
            return
        due = next_due(self._now, self._course.policy)
        try:
            await workflow.wait_condition(
                lambda: bool(self._hints) or self._was_commanded or self._is_over,
                timeout=wait,
                timeout_summary=f"{due.action}: {due.why}" if due else None,
            )
        except TimeoutError:
            return

    def _wakes_at(self) -> datetime | None:
        due = next_due(self._now, self._course.policy)
        if due is None:
            return None
        return due.at if self._not_before is None else max(due.at, self._not_before)

    async def _do_what_is_next(self) -> None:
        """News first: it may settle what was about to be done."""
        try:
            if self._hints:
                hint = self._hints[0]
                if is_worth_a_look(self._now, hint):
                    await self._course.hear(hint)
                self._hints.popleft()
                return
            wakes_at, now = self._wakes_at(), workflow.now()
            due = next_due(self._now, self._course.policy)
            if due is None or wakes_at is None or wakes_at > now or self._is_over:
                return
            wait = await self._course.act(due)
            if wait is None and next_due(self._now, self._course.policy) == due:
                # Nothing came of it: never spin.
                wait = BLOCKED_WAIT
            self._not_before = now + wait if wait is not None else None
        except ActivityError as error:
            # Refused for good, a price unknown to the provider perhaps. Failing the workflow would lose the
            # subscription; it waits, tells the operator, and tries again.
            workflow.logger.error("step refused: %s", error.cause)
            workflow.set_current_details(f"**Blocked, tried again every hour:** {error.cause}")
            self._not_before = workflow.now() + BLOCKED_WAIT
            if self._hints:
                self._hints.popleft()

    # Commands

    @asynccontextmanager
    async def _turn(self, command: Command, check: Callable[[], None]) -> AsyncIterator[bool]:
        """Wait for our turn, check again what a validator checked, and run a command once by its key."""
        async with self._lock:
            if command.key in self._done:
                yield False
                return
            try:
                check()
                yield True
            except TenureError as error:
                raise as_failure(error) from error
            except ActivityError as error:
                raise refusal(error) or error from error
            finally:
                self._was_commanded = True
            self._done.append(command.key)

    def _validate(self, command: Command, check: Callable[[], None]) -> None:
        """Refuse before anything is written to history, unless it is the repeat of a command that was carried out."""
        if command.key in self._done:
            return
        try:
            if not self._is_born or self._refusal is not None:
                raise Rejected("the subscription has not started", code="not_started")
            check()
        except TenureError as error:
            raise as_failure(error) from error

    @staticmethod
    def _cause(command: Command) -> Cause:
        return Cause(CauseKind.COMMAND, command.key, command.actor)

    def _answer(self) -> Answer:
        return Answer(self._now.sequence)

    @workflow.update
    async def sign_up(self) -> Answer:
        """Answer once the subscription is written down.

        Raises:
            ApplicationError: the payment method was refused; nothing was kept.
        """
        await workflow.wait_condition(lambda: self._is_born)
        if self._refusal is not None:
            raise self._refusal
        return self._answer()

    @workflow.update
    async def convert(self, command: Convert) -> Answer:
        """Become a paid subscription, now or when the trial ends."""
        async with self._turn(command, lambda: self._check_convert(command)) as is_first:
            if is_first:
                await self._convert(command)
        return self._answer()

    @convert.validator
    def _validate_convert(self, command: Convert) -> None:
        self._validate(command, lambda: self._check_convert(command))

    def _check_convert(self, command: Convert) -> None:
        steering.check_convert(self._now, command.when, brings_card=command.payment_method is not None)

    async def _convert(self, command: Convert) -> None:
        cause = self._cause(command)
        if command.payment_method is not None:
            await self._course.put_card(command.payment_method, f"{self._now.id}/card/{command.key}", cause)
        if command.when is When.TRIAL_END and self._now.status is Status.TRIALING:
            await self._course.commit(steering.conversion_planned(self._now, workflow.now(), cause))
            return
        charge = await self._course.charge()
        await self._course.settle(charge, cause)
        if charge.outcome in (ChargeOutcome.DECLINED, ChargeOutcome.ACTION_REQUIRED):
            code = charge.decline.code if charge.decline else charge.outcome.value
            raise Rejected(f"the card was declined: {code}", code="payment_declined")

    @workflow.update
    async def put_payment_method(self, command: PutPaymentMethod) -> Answer:
        """Put a card on file; what is owed is tried with it at once."""
        async with self._turn(command, lambda: steering.check_payment_method(self._now)) as is_first:
            if is_first:
                cause = self._cause(command)
                await self._course.put_card(command.payment_method, f"{self._now.id}/card/{command.key}", cause)
                await self._course.try_card_now(cause)
        return self._answer()

    @put_payment_method.validator
    def _validate_put_payment_method(self, command: PutPaymentMethod) -> None:
        self._validate(command, lambda: steering.check_payment_method(self._now))

    @workflow.update
    async def retry_payment(self, command: Command) -> Answer:
        """Try now to take what is owed."""
        async with self._turn(command, lambda: steering.check_retry(self._now, workflow.now())) as is_first:
            if is_first:
                await self._course.settle(await self._course.charge(), self._cause(command))
        return self._answer()

    @retry_payment.validator
    def _validate_retry_payment(self, command: Command) -> None:
        self._validate(command, lambda: steering.check_retry(self._now, workflow.now()))

    @workflow.update
    async def cancel(self, command: Cancel) -> Answer:
        """End now, or when what is paid for (or the trial) is over."""
        async with self._turn(command, lambda: steering.check_cancel(self._now, command.at)) as is_first:
            if is_first:
                await self._cancel(command)
        return self._answer()

    @cancel.validator
    def _validate_cancel(self, command: Cancel) -> None:
        self._validate(command, lambda: steering.check_cancel(self._now, command.at))

    async def _cancel(self, command: Cancel) -> None:
        cause, until = self._cause(command), steering.paid_until(self._now)
        if command.at is CancelAt.NOW or until is None or until <= workflow.now():
            await self._course.end(command.reason, cause)
            return
        if self._now.agreement_ref:
            await hands.end_at_period_end(self._now, on=True)
        step = steering.cancel_scheduled(self._now, until, command.reason, workflow.now(), cause)
        await self._course.commit(step)

    @workflow.update
    async def uncancel(self, command: Command) -> Answer:
        """Go on after all."""
        async with self._turn(command, lambda: steering.check_uncancel(self._now)) as is_first:
            if is_first:
                if self._now.agreement_ref:
                    await hands.end_at_period_end(self._now, on=False)
                await self._course.commit(steering.cancel_withdrawn(self._now, workflow.now(), self._cause(command)))
        return self._answer()

    @uncancel.validator
    def _validate_uncancel(self, command: Command) -> None:
        self._validate(command, lambda: steering.check_uncancel(self._now))

    @workflow.update
    async def extend_trial(self, command: ExtendTrial) -> Answer:
        """Move the trial's end; its reminders move with it."""
        async with self._turn(command, lambda: self._check_extension(command)) as is_first:
            if is_first:
                now = workflow.now()
                ends_at = trial.end_after_extension(self._now, command.days, now)
                reminders = await hands.anchor_reminders(self._now.customer, ends_at, self._course.policy.trial)
                step = trial.extended(self._now, ends_at, reminders, command.reason, now, self._cause(command))
                await self._course.commit(step)
        return self._answer()

    @extend_trial.validator
    def _validate_extend_trial(self, command: ExtendTrial) -> None:
        self._validate(command, lambda: self._check_extension(command))

    def _check_extension(self, command: ExtendTrial) -> None:
        trial.check_extension(self._now, command.days, command.reason)

    @workflow.update
    async def suspend(self, command: Suspend) -> Answer:
        """Turn access off by an operator's word; the data is kept."""
        async with self._turn(command, lambda: steering.check_suspend(self._now, command.reason)) as is_first:
            if is_first:
                await self._course.suspend(command.reason, self._cause(command))
        return self._answer()

    @suspend.validator
    def _validate_suspend(self, command: Suspend) -> None:
        self._validate(command, lambda: steering.check_suspend(self._now, command.reason))

    @workflow.update
    async def reactivate(self, command: Reactivate) -> Answer:
        """Give access back by an operator's word."""
        async with self._turn(command, lambda: steering.check_reactivate(self._now, command.reason)) as is_first:
            if is_first:
                await self._course.reactivate(command.reason, self._cause(command))
        return self._answer()

    @reactivate.validator
    def _validate_reactivate(self, command: Reactivate) -> None:
        self._validate(command, lambda: steering.check_reactivate(self._now, command.reason))

    @workflow.update
    async def open_checkout(self, command: OpenCheckout) -> Answer:
        """Open a page on which the customer puts a card on file; the answer carries its address."""
        async with self._lock:
            try:
                steering.check_checkout(self._now)
            except TenureError as error:
                raise as_failure(error) from error
            urls = {"success": command.success_url, "cancel": command.cancel_url}
            customer_ref, url = await hands.open_checkout(self._now, urls, f"{self._now.id}/checkout/{command.key}")
            self._course.subscription = replace(self._now, customer_ref=customer_ref)
        return Answer(self._now.sequence, url)

    @open_checkout.validator
    def _validate_open_checkout(self, command: OpenCheckout) -> None:
        self._validate(command, lambda: steering.check_checkout(self._now))

    # News and looks

    @workflow.signal
    def hear(self, hint: Hint) -> None:
        """Take note of a message of the provider; what it is worth is seen when it is looked into."""
        if self._is_born and not is_worth_a_look(self._now, hint):
            return
        if all(known.event != hint.event for known in self._hints):
            self._hints.append(hint)

    @workflow.query
    def current(self) -> Subscription:
        """The subscription as it stands."""
        return self._now

    @workflow.query
    def next_actions(self) -> list[str]:
        """What happens next, soonest first, in words."""
        return [f"{due.at.isoformat()} {due.action}: {due.why}" for due in agenda(self._now, self._course.policy)]

    @workflow.query
    def outlook(self) -> Outlook:
        """Whether anything is going on, and when something is due next."""
        busy = self._lock.locked() or bool(self._hints) or self._was_commanded or not self._is_born
        return Outlook(busy, self._wakes_at(), self._is_over)
