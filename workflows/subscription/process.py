"""The process of one subscription: carries out each due action, command and provider event step by step."""

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.failures import STEP_FAILED, as_tenure_error, can_be_had_later, refusal
from domain.provider.payments import (
    NO_CARD,
    NO_SUCH_THING,
    UNKNOWN_PAYMENT_METHOD,
    Charge,
    ChargeOutcome,
    Decline,
    UpcomingBill,
)
from domain.subscription import (
    blocked_steps,
    commands,
    confirmation_steps,
    first_payment,
    plan_changes,
    recovery,
    renewal_notices,
    trial,
)
from domain.subscription import suspension as subscription_suspension
from domain.subscription.agenda import Action, Due
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause
from domain.subscription.lifecycle import Status
from domain.subscription.policy import Policy, TrialEnd
from domain.subscription.state import SuspensionKind
from workflows.subscription import activity_calls, database_calls
from workflows.subscription.first_payment import FirstPayment
from workflows.subscription.plan_changes import UNDECIDED_RETRY_DELAY, PlanChanges
from workflows.subscription.provider_sync import CARDS_OF_THE_PORTAL
from workflows.subscription.reconcile import ReconcileSteps
from workflows.subscription.untold_ends import UntoldEnds

QUOTED_RENEWALS = "quoted-renewals"
"""A change to the order of commands: before, a notice ahead of a renewal did not include what it will bill."""
FINDS_DELETED = "finds-deleted"
"""A change to the order of commands: before, deleted customers were not detected."""


class SubscriptionProcess(PlanChanges, ReconcileSteps, FirstPayment, UntoldEnds):
    """Runs one subscription. Only one caller at a time may use it; the workflow's lock ensures that."""

    # Due actions

    async def act(self, due: Due) -> timedelta | None:
        """Take the due action; returns how long to wait before the next one if the provider has not decided."""
        cause = Cause.timer(due.action)
        if self.subscription.confirmation is not None and due.action in confirmation_steps.GIVES_WAY_TO:
            # The due action comes next, if it is still due.
            await self.withdraw_confirmation(cause)
            return None
        return await self._act(due, cause)

    async def _act(self, due: Due, cause: Cause) -> timedelta | None:
        now = workflow.now()
        match due.action:
            case Action.SEND_REMINDER:
                await self.commit(trial.reminded(self.subscription, self.policy, now, cause))
            case Action.EXPIRE_TRIAL:
                await self._expire_trial(cause)
            case Action.CONVERT | Action.BEGIN_PERIOD | Action.FIRST_PAYMENT:
                return await self._charge_what_is_due(cause)
            case Action.ASK_PROVIDER:
                await self.sync(cause)
            case Action.NOTIFY:
                upcoming = await self._upcoming_invoice()
                await self.commit(renewal_notices.notified(self.subscription, now, cause, upcoming))
            case Action.CHANGE_PLAN:
                return await self.begin_planned_change(cause)
            case Action.RESUME:
                await self.resume(cause)
            case Action.RECOVER | Action.CANCEL if await self._found_settled_at_provider(cause):
                return None
            case Action.RECOVER:
                return await self._climb_ladder(cause)
            case _:
                await self.end(commands.due_end(self.subscription), cause)
        return None

    async def _upcoming_invoice(self) -> UpcomingBill | None:
        """Return what the renewal will bill; None: unknown now, and the notice omits it."""
        if not renewal_notices.can_be_quoted(self.subscription, workflow.now()) or not workflow.patched(
            QUOTED_RENEWALS
        ):
            return None
        try:
            return await activity_calls.upcoming_invoice(self.subscription)
        except STEP_FAILED:
            return None

    async def _expire_trial(self, cause: Cause) -> None:
        if await self._found_card_at_provider(cause):
            return
        now, free = workflow.now(), trial.falls_to(self.subscription, self.policy)
        if free is not None:
            await self.commit(plan_changes.moved_to_free(self.subscription, free, now, cause))
        elif self.policy.trial.without_card is TrialEnd.CANCEL:
            await self.end(End(EndKind.TRIAL_EXPIRED, EndKind.TRIAL_EXPIRED), cause)
        else:
            await self.commit(trial.expired(self.subscription, self.policy, now, cause))

    async def _found_card_at_provider(self, cause: Cause) -> bool:
        """Before a trial expires, check for a card: the customer may have entered one at checkout unreported."""
        if self.subscription.customer_ref or workflow.patched(CARDS_OF_THE_PORTAL):
            await self.sync(cause)
        return self.subscription.card is not None and not self.subscription.card_is_barred

    async def _found_settled_at_provider(self, cause: Cause) -> bool:
        """Before a ladder step, sync: the customer may have paid or chosen another card without us being notified."""
        subscription = self.subscription
        if not self._should_ask_provider() and not (self._waits_for_card() and workflow.patched(CARDS_OF_THE_PORTAL)):
            return False
        await self.sync(cause)
        return self.subscription.sequence != subscription.sequence

    def _should_ask_provider(self) -> bool:
        """True if an invoice is owed and the next ladder step makes no charge itself."""
        subscription = self.subscription
        if subscription.recovery is None or not subscription.agreement_ref:
            return False
        return not recovery.retry_is_due(subscription, self.policy, workflow.now())

    def _waits_for_card(self) -> bool:
        """True if a card chosen at the provider could settle what is open."""
        suspension = self.subscription.suspension
        has_expired = suspension is not None and suspension.kind is SuspensionKind.TRIAL_EXPIRED
        return self.subscription.recovery is not None or has_expired

    async def _charge_what_is_due(self, cause: Cause) -> timedelta | None:
        if first_payment.waits_for_payment(self.subscription):
            return await self.take_first_payment(cause)
        if self.subscription.lost_agreement and not await self._found_card_at_provider(cause):
            charge = Charge(ChargeOutcome.DECLINED, decline=Decline(NO_CARD))
        else:
            try:
                charge = await self.charge()
            except STEP_FAILED as error:
                if not await self._found_card_replaced(error, cause):
                    raise
                return None
        if charge.outcome is ChargeOutcome.PENDING:
            return UNDECIDED_RETRY_DELAY
        if charge.outcome is ChargeOutcome.PAID:
            await self.commit(self.paid(charge, cause))
        else:
            now = workflow.now()
            rungs = await self.rungs(self.subscription, now)
            await self.commit(recovery.failed(self.subscription, charge, self.policy, now, cause, rungs))
        return None

    async def _found_card_replaced(self, error: FailureError, cause: Cause) -> bool:
        """After a charge that the provider did not attempt: True if another card, or none, is on file there now."""
        refused, before = refusal(error), self.subscription.sequence
        if refused is None or refused.type != UNKNOWN_PAYMENT_METHOD or not workflow.patched(CARDS_OF_THE_PORTAL):
            return False
        await self.sync(cause)
        return self.subscription.sequence != before

    async def _climb_ladder(self, cause: Cause) -> timedelta | None:
        now = workflow.now()
        charge: Charge | None = None
        if recovery.retry_is_due(self.subscription, self.policy, now):
            charge = await self.charge()
            if charge.outcome is ChargeOutcome.PENDING:
                return UNDECIDED_RETRY_DELAY
            if charge.outcome in (ChargeOutcome.PAID, ChargeOutcome.GONE):
                await self.settle(charge, cause)
                return None
        await self.commit(recovery.climbed(self.subscription, charge, self.policy, workflow.now(), cause))
        return None

    async def put_card(self, payment_method: str | None, key: str, cause: Cause) -> None:
        """Make a payment method the card on file; if the customer had been deleted, sync what else that has ended."""
        known = self.subscription.customer_ref
        await super().put_card(payment_method, key, cause)
        if known and self.subscription.customer_ref != known:
            await self.sync(cause)

    async def found_deleted(self, error: BaseException, cause: Cause) -> bool:
        """After the provider refused a step as about an unknown object: True if the customer was deleted there."""
        refused, before = as_tenure_error(error), self.subscription.sequence
        if refused is None or refused.code != NO_SUCH_THING or not self.subscription.customer_ref:
            return False
        if not workflow.patched(FINDS_DELETED):
            return False
        await self.sync(cause)
        return self.subscription.sequence != before

    # Holds and reactivation

    @property
    def hold_is_due(self) -> bool:
        """True if the provider must put billing on hold, or resume it."""
        if self.subscription.is_over:
            return False
        return bool(self.subscription.agreement_ref) and self.subscription.wants_hold != self.subscription.is_held

    async def sync_hold(self) -> BaseException | None:
        """Put billing at the provider on hold or resume it; if it refuses, sync to find out why.

        The main loop repeats this until it is done, whichever step made it necessary.

        Returns:
            The refusal, if the sync has not resolved it.

        """
        wanted = self.subscription.wants_hold
        try:
            await activity_calls.set_hold(self.subscription, on=wanted)
        except STEP_FAILED as error:
            if can_be_had_later(error):
                raise
            await self.sync(Cause.timer(blocked_steps.HOLD))
            return error if self.hold_is_due and not self.subscription.is_over else None
        self.subscription = replace(self.subscription, is_held=wanted)
        return None

    async def reactivate(self, reason: str, cause: Cause) -> None:
        """Restore access; billing continues, with a new period if the paid one has ended meanwhile."""
        now = workflow.now()
        back = subscription_suspension.way_back(self.subscription, timedelta(days=self.policy.trial.reopen_days), now)
        reminders = self.subscription.reminders
        if back.trial_ends_at is not None:
            reminders = await database_calls.schedule_reminders(
                self.subscription.customer, back.trial_ends_at, self.policy.trial
            )
        await self.commit(subscription_suspension.returned(self.subscription, back, reminders, reason, now, cause))

    async def adopt_policy(self, policy: Policy, cause: Cause) -> None:
        """Switch to another policy: pending reminders move, a running recovery keeps its ladder."""
        now, was = workflow.now(), self.policy
        ends_at, reminders = self.subscription.trial_ends_at, self.subscription.reminders
        if self.subscription.status is Status.TRIALING and ends_at is not None:
            reminders = await database_calls.schedule_reminders(self.subscription.customer, ends_at, policy.trial)
        self.policy = policy
        try:
            await self.commit(commands.policy_adopted(self.subscription, was, policy, reminders, now, cause))
        except STEP_FAILED:
            self.policy = was
            raise
