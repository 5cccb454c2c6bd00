"""Records a subscription's steps: schedules their dates, stores and shows them, and counts every charge attempt."""

from collections import deque
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.failures import STEP_FAILED, can_be_had_later, may_have_been_done
from domain.formatting import moment
from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription import blocked_steps, commands, late_answers, payments_received, renewal_notices
from domain.subscription.agenda import Due, agenda, ladder_of
from domain.subscription.contact_hours import Hours
from domain.subscription.journal import Cause, Step
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription
from workflows.subscription import activity_calls, database_calls, visibility

UNHEARD = "unheard"
"""A change to the order of commands: before, an unanswered payment or change was forgotten unless the same step was
taken again."""
RECENT_ENTRIES = 6
"""How many of the latest journal entries the workflow's details show."""


class StepRecorder:
    """Holds a subscription's state and records its steps. Only one caller at a time: the workflow's lock ensures it."""

    def __init__(self, subscription: Subscription, policy: Policy, recent: Iterable[str] = ()) -> None:
        self.subscription = subscription
        self.policy = policy
        self.recent: deque[str] = deque(recent, maxlen=RECENT_ENTRIES)
        self.steps_taken = 0
        self.retried_action = ""
        """The blocked action that is being retried; the next recorded step clears its block."""

    async def commit(self, step: Step) -> None:
        """Record a step, then make it the current state."""
        step = replace(step, subscription=await self._with_due_dates(step.subscription))
        ahead = agenda(step.subscription, self.policy)
        step = self._without_cleared_blocks(step, ahead)
        await database_calls.record(replace(step, ahead=ahead))
        self.subscription = step.subscription
        self.steps_taken += 1
        self.recent.extend(f"{moment(entry.at)} {entry.summary}" for entry in step.entries)
        changes = visibility.changed_attributes(workflow.info().typed_search_attributes, self.subscription, ahead)
        if changes:
            workflow.upsert_search_attributes(changes)
        self.show()

    def _without_cleared_blocks(self, step: Step, ahead: Sequence[Due]) -> Step:
        waiting, now = blocked_steps.troubles(step.subscription), workflow.now()
        if waiting != blocked_steps.troubles(self.subscription):
            return step  # this step says what is blocked
        gone = [
            each
            for each in waiting
            if each.action == self.retried_action or blocked_steps.is_moot(step.subscription, each, ahead, now)
        ]
        return blocked_steps.unblocked(step, gone, now) if gone else step

    def show(self) -> None:
        workflow.set_current_details(visibility.details(self.subscription, self.policy, self.recent))

    # Dates in the customer's time zone

    async def _with_due_dates(self, subscription: Subscription) -> Subscription:
        """Schedule what a step made necessary: the days of a recovery, the notices before a renewal."""
        recovery = subscription.recovery
        if recovery is not None and not recovery.rungs:
            rungs = await self.rungs(subscription, recovery.since)
            subscription = replace(subscription, recovery=replace(recovery, rungs=rungs))
        key = renewal_notices.key_of(subscription, self.policy)
        if key == subscription.noticed_for:
            return subscription
        wanted = renewal_notices.wanted(subscription, self.policy)
        hours = Hours(self.policy.trial.earliest, self.policy.trial.latest)
        notices = await database_calls.schedule_notices(subscription.customer, wanted, hours) if wanted else ()
        return replace(subscription, notices=notices, noticed_for=key)

    async def rungs(self, subscription: Subscription, since: datetime) -> tuple[datetime, ...]:
        """Return when the steps of a recovery that began at *since* are due; empty: the policy has no contact hours."""
        if not self.policy.retry_earliest:
            return ()
        hours = Hours(self.policy.retry_earliest, self.policy.retry_latest)
        return await database_calls.schedule_ladder(
            subscription.customer, since, ladder_of(subscription, self.policy), hours
        )

    # Charges

    async def charge(self, *, present: bool = False) -> Charge:
        """Make one charge attempt for what is owed; the bank may want a *present* customer to confirm it."""
        before = late_answers.next_try(self.subscription)
        key = before.next_try_key
        self.subscription = before.with_try(workflow.now())
        try:
            charge = await self._count_attempt(
                before, activity_calls.charge(self.subscription, key, present=present), key
            )
        except STEP_FAILED as error:
            if may_have_been_done(error) and workflow.patched(UNHEARD):
                self.subscription = late_answers.unanswered(self.subscription, key, workflow.now())
            raise
        if charge.outcome is not ChargeOutcome.PENDING:
            self.subscription = late_answers.answered(self.subscription, charge, workflow.now())
        return charge

    async def _count_attempt(self, before: Subscription, asking: Awaitable[Charge], key: str) -> Charge:
        """Await a charge whose attempt is already counted, and correct the count by its outcome.

        While the provider has not decided, the attempt does not count, and is repeated later under the same key. One
        that was refused before it reached a card counts as an attempt of ours, with its own key, but not towards the
        card networks' limits.
        """
        try:
            charge = await asking
        except STEP_FAILED as error:
            refused = replace(self.subscription, recent_tries=before.recent_tries)
            # Without an answer it may have been done: the same attempt is repeated.
            self.subscription = before if can_be_had_later(error) else refused
            raise
        if charge.outcome is ChargeOutcome.PENDING:
            self.subscription = before
        # The provider may have found an earlier attempt.
        return replace(charge, key=charge.key or key)

    def paid(self, charge: Charge, cause: Cause) -> Step:
        return payments_received.paid(self.subscription, charge, self.policy, workflow.now(), cause)

    async def put_card(self, payment_method: str | None, key: str, cause: Cause) -> None:
        """Make a payment method the card on file."""
        wallet = await activity_calls.put_card(self.subscription, payment_method, key)
        if wallet.card is None:
            raise ApplicationError("the payment provider kept no card", type="no_card", non_retryable=True)
        step = commands.card_replaced(self.subscription, wallet.customer_ref, wallet.card, workflow.now(), cause)
        await self.commit(step)
