"""Due actions: what a subscription's agenda has for now is carried out."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.failures import STEP_FAILED, can_be_had_later, refusal
from domain.provider.payments import (
    NO_CARD,
    UNKNOWN_PAYMENT_METHOD,
    Charge,
    ChargeOutcome,
    Decline,
    UpcomingInvoice,
)
from domain.subscription import (
    blocked_steps,
    commands,
    confirmation_steps,
    first_payment,
    holds,
    late_answers,
    plan_changes,
    recovery,
    renewal_notices,
    trial,
)
from domain.subscription.agenda import Action, Due
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause
from domain.subscription.policy import TrialEnd
from domain.subscription.state import SuspensionKind
from workflows.subscription import activity_calls, pauses
from workflows.subscription.ends import Ends
from workflows.subscription.payments import (
    CARDS_OF_THE_PORTAL,
    UNDECIDED_RETRY_DELAY,
    Charges,
    Confirmations,
    FirstPayment,
    undecided,
)
from workflows.subscription.plan_changes import PlanChanges
from workflows.subscription.provider_sync import LATE_LIFTS, ProviderSync
from workflows.subscription.recorder import FINDS_UNHEARD, StepRecorder

QUOTED_RENEWALS = "quoted-renewals"
"""A change to the order of commands: before, a notice ahead of a renewal did not include what it will bill."""


@dataclass(frozen=True, eq=False)
class DueActions:
    """Carries out the action that is due."""

    _recorder: StepRecorder
    _charges: Charges
    _confirmations: Confirmations
    _ends: Ends
    _provider_sync: ProviderSync
    _plan_changes: PlanChanges
    _first_payment: FirstPayment

    async def act(self, due: Due) -> timedelta | None:
        """Take the due action; returns how long to wait before the next one if the provider has not decided."""
        cause = Cause.timer(due.action)
        if self._recorder.subscription.confirmation is not None and due.action in confirmation_steps.GIVES_WAY_TO:
            # Another due action comes next, if it is still due.
            with self._recorder.carrying_out(due) if due.action is Action.END_CONFIRMATION else nullcontext():
                await self._confirmations.withdraw(cause)
            return None
        with self._recorder.carrying_out(due):
            return await self._act(due, cause)

    async def _act(self, due: Due, cause: Cause) -> timedelta | None:
        match due.action:
            case Action.SEND_REMINDER:
                await self._send_reminder(cause)
            case Action.NOTIFY:
                await self._send_notice(cause)
            case Action.EXPIRE_TRIAL:
                await self._expire_trial(cause)
            case Action.FIRST_PAYMENT | Action.CONVERT | Action.BEGIN_PERIOD:
                return await self._charge_what_is_due(cause)
            case Action.ASK_PROVIDER:
                await self._provider_sync.sync(cause)
            case Action.CHANGE_PLAN:
                return await self._plan_changes.begin_planned_change(cause)
            case Action.RESUME:
                await pauses.resume(self._recorder, cause)
            case Action.RECOVER | Action.CANCEL if await self._found_settled_at_provider(due.action, cause):
                return None
            case Action.RECOVER:
                return await self._climb_ladder(cause)
            case _:
                await self._ends.end(commands.due_end(self._recorder.subscription), cause)
        return None

    # Reminders and notices

    async def _send_reminder(self, cause: Cause) -> None:
        recorder, now = self._recorder, workflow.now()
        await recorder.commit(trial.reminded(recorder.subscription, recorder.policy, now, cause))

    async def _send_notice(self, cause: Cause) -> None:
        recorder, now = self._recorder, workflow.now()
        upcoming = await self._upcoming_invoice()
        await recorder.commit(renewal_notices.notified(recorder.subscription, now, cause, upcoming))

    async def _upcoming_invoice(self) -> UpcomingInvoice | None:
        """Return what the renewal will bill; None: unknown now, and the notice omits it."""
        subscription = self._recorder.subscription
        if not renewal_notices.can_be_quoted(subscription, workflow.now()) or not workflow.patched(QUOTED_RENEWALS):
            return None
        try:
            return await activity_calls.upcoming_invoice(subscription)
        except STEP_FAILED:
            return None

    # The end of a trial, and the charges of periods

    async def _expire_trial(self, cause: Cause) -> None:
        if await self._found_card_at_provider(cause):
            return
        recorder, now = self._recorder, workflow.now()
        free = trial.falls_to(recorder.subscription, recorder.policy)
        if free is not None:
            await recorder.commit(plan_changes.moved_to_free(recorder.subscription, free, now, cause))
        elif recorder.policy.trial.without_card is TrialEnd.CANCEL:
            await self._ends.end(End(EndKind.TRIAL_EXPIRED, EndKind.TRIAL_EXPIRED), cause)
        else:
            await recorder.commit(trial.expired(recorder.subscription, recorder.policy, now, cause))

    async def _found_card_at_provider(self, cause: Cause) -> bool:
        """Before a trial expires, check for a card: the customer may have entered one at checkout unreported."""
        if self._recorder.subscription.customer_ref or workflow.patched(CARDS_OF_THE_PORTAL):
            await self._provider_sync.sync(cause)
        return self._recorder.subscription.has_chargeable_card

    async def _charge_what_is_due(self, cause: Cause) -> timedelta | None:
        subscription = self._recorder.subscription
        if first_payment.waits_for_payment(subscription):
            return await self._first_payment.retry(cause)
        if subscription.lost_agreement and not await self._found_card_at_provider(cause):
            charge = Charge(ChargeOutcome.DECLINED, decline=Decline(NO_CARD))
        else:
            try:
                charge = await self._charges.charge()
            except STEP_FAILED as error:
                if not await self._found_card_replaced(error, cause):
                    raise
                return None
        if charge.outcome is ChargeOutcome.PENDING:
            return UNDECIDED_RETRY_DELAY
        if charge.outcome is ChargeOutcome.PAID:
            await self._charges.record_paid(charge, cause)
        else:
            await self._charges.begin_recovery(charge, cause)
        return None

    async def _found_card_replaced(self, error: FailureError, cause: Cause) -> bool:
        """After a charge that the provider did not attempt: True if another card, or none, is on file there now."""
        refused, before = refusal(error), self._recorder.subscription.sequence
        if refused is None or refused.type != UNKNOWN_PAYMENT_METHOD or not workflow.patched(CARDS_OF_THE_PORTAL):
            return False
        await self._provider_sync.sync(cause)
        return self._recorder.subscription.sequence != before

    # The recovery ladder

    async def _found_settled_at_provider(self, action: Action, cause: Cause) -> bool:
        """Before a ladder step or an end, sync: a payment or another card may have come without us being notified."""
        before = self._recorder.subscription.sequence
        if action is Action.CANCEL and await self._found_unheard(cause):
            return True
        if not self._should_ask_provider() and not (self._waits_for_card() and workflow.patched(CARDS_OF_THE_PORTAL)):
            return False
        await self._provider_sync.sync(cause)
        return self._recorder.subscription.sequence != before

    async def _found_unheard(self, cause: Cause) -> bool:
        """Find out what became of a payment that got no answer: there may be a period to use up before the end."""
        before = self._recorder.subscription
        if not late_answers.is_unheard(before) or not workflow.patched(FINDS_UNHEARD):
            return False
        await self._provider_sync.sync(cause)
        is_found = self._recorder.subscription.sequence != before.sequence
        if not is_found and late_answers.may_have_begun(before):
            raise undecided()
        return is_found

    def _should_ask_provider(self) -> bool:
        """True if an invoice is owed and the next ladder step makes no charge itself."""
        subscription = self._recorder.subscription
        if subscription.recovery is None or not subscription.agreement_ref:
            return False
        return not recovery.retry_is_due(subscription, self._recorder.policy, workflow.now())

    def _waits_for_card(self) -> bool:
        """True if a card chosen at the provider could settle what is open."""
        subscription = self._recorder.subscription
        suspension = subscription.suspension
        has_expired = suspension is not None and suspension.kind is SuspensionKind.TRIAL_EXPIRED
        return subscription.recovery is not None or has_expired

    async def _climb_ladder(self, cause: Cause) -> timedelta | None:
        recorder, charge = self._recorder, None
        if recovery.retry_is_due(recorder.subscription, recorder.policy, workflow.now()):
            charge = await self._charges.charge()
            if charge.outcome is ChargeOutcome.PENDING:
                return UNDECIDED_RETRY_DELAY
            if charge.outcome in (ChargeOutcome.PAID, ChargeOutcome.GONE):
                await self._charges.settle(charge, cause)
                return None
        now = workflow.now()
        await recorder.commit(recovery.advanced(recorder.subscription, charge, recorder.policy, now, cause))
        return None

    # The hold of billing at the provider, while a payment is owed or access is off

    @property
    def hold_is_due(self) -> bool:
        """True if the provider must put billing on hold, or resume it."""
        subscription = self._recorder.subscription
        if subscription.is_over:
            return False
        return bool(subscription.agreement_ref) and subscription.wants_hold != subscription.is_held

    async def apply_hold(self) -> BaseException | None:
        """Put billing at the provider on hold or resume it; if it refuses, sync to find out why.

        The main loop repeats this until it is done, whichever step made it necessary.

        Returns:
            The refusal, if the sync has not resolved it.

        """
        recorder = self._recorder
        if self._may_miss_renewal and workflow.patched(LATE_LIFTS):
            await self._decide_renewal()
            if self._may_miss_renewal or not self.hold_is_due:
                return None
        wanted = recorder.subscription.wants_hold
        try:
            await activity_calls.set_hold(recorder.subscription, on=wanted)
        except STEP_FAILED as error:
            if can_be_had_later(error):
                raise
            await self._provider_sync.sync(Cause.timer(blocked_steps.HOLD))
            return error if self.hold_is_due else None
        recorder.subscription = replace(recorder.subscription, is_held=wanted)
        return None

    @property
    def _may_miss_renewal(self) -> bool:
        return holds.may_miss_renewal(self._recorder.subscription, workflow.now())

    async def _decide_renewal(self) -> None:
        """Before a hold is lifted close to the period's end, find out who begins the next one: the provider, or we.

        An earlier attempt to lift it may have succeeded without an answer: then the provider renews by itself.
        """
        recorder = self._recorder
        standing = await self._provider_sync.sync(Cause.timer(blocked_steps.HOLD))
        if not self._may_miss_renewal:
            return
        if standing.is_held is False:
            recorder.subscription = holds.found_lifted(recorder.subscription, standing.latest)
            if not recorder.subscription.owes_new_period:
                return
        elif standing.latest is not None and standing.latest.outcome is ChargeOutcome.PENDING:
            return  # a renewal from before the hold: the next attempt finds out
        await recorder.commit(holds.renewal_missed(recorder.subscription))
