"""Plan changes: now, planned, and at the end of a period."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from temporalio import workflow

from activities.failures import STEP_FAILED, may_have_been_done
from domain.catalog.plans import Selection
from domain.errors import GatewayUnavailable, Rejected
from domain.provider.payments import Charge, ChargeOutcome, Quote
from domain.provider.settlement import settled
from domain.subscription import (
    blocked_steps,
    commands,
    confirmation_steps,
    late_answers,
    plan_changes,
    recovery,
)
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import ChangeAt
from domain.subscription.state import PendingChange, Subscription
from domain.subscription.unanswered_attempts import UnansweredChange
from workflows.subscription import activity_calls
from workflows.subscription.blocked_steps import BlockedSteps
from workflows.subscription.messages import Preview
from workflows.subscription.payments import UNDECIDED_RETRY_DELAY, UNHEARD, Charges, Confirmations, declined, undecided
from workflows.subscription.provider_sync import ProviderSync
from workflows.subscription.recorder import StepRecorder

QUOTED_FIRST_PERIODS = "quoted-first-periods"
"""A change to the order of commands: before, a preview of leaving the free plan showed the price regardless of the
customer's balance."""


def _with_quote(preview: Preview, quote: Quote) -> Preview:
    """Add what the provider would bill at once, and how that is settled."""
    settlement = quote.settled or settled(quote.amount, 0, 0)
    return replace(
        preview,
        due_now=settlement.due_now,
        credit_applied=settlement.credit_applied,
        carried_to_next=settlement.carried_to_next,
        lines=quote.lines,
    )


@dataclass(frozen=True, eq=False)
class PlanChanges:
    """Changes what a subscription is for: plan, interval, quantity and add-ons."""

    _recorder: StepRecorder
    _charges: Charges
    _confirmations: Confirmations
    _blocked: BlockedSteps
    _provider_sync: ProviderSync

    async def change_plan(
        self, to: Selection, at: ChangeAt, key: str, cause: Cause, counted_from: datetime | None = None
    ) -> None:
        """Change the selection, now or at the end of the paid period.

        It is prorated from *counted_from*; None: from now.

        Raises:
            Rejected: code `payment_declined`; nothing has changed. Code `authentication_required`: nothing has changed
                yet, the customer has to confirm the payment.
            GatewayUnavailable: the provider has not decided; repeat the command to learn the outcome.
        """
        subscription = self._recorder.subscription
        if subscription.is_free and to.items:
            await self._leave_free_plan(to, cause)
        elif not subscription.is_free and not to.items and at is ChangeAt.NOW:
            await self._move_to_free_now(to, key, cause)
        elif not subscription.agreement_ref and not subscription.lost_agreement:
            await self._recorder.commit(plan_changes.changed(subscription, to, workflow.now(), cause))
        elif at is ChangeAt.PERIOD_END:
            await self._recorder.commit(plan_changes.change_scheduled(subscription, to, workflow.now(), cause))
        else:
            await self._change_at_cost(to, f"{subscription.id}/change/{key}", cause, at=counted_from, present=True)

    async def _change_at_cost(
        self, to: Selection, key: str, cause: Cause, *, at: datetime | None = None, present: bool = False
    ) -> None:
        recorder, now = self._recorder, workflow.now()
        before = recorder.subscription
        recorder.subscription = before.with_attempt(now)
        at = at or plan_changes.counted_from(before, now)
        command = cause.ref if cause.kind is CauseKind.COMMAND else ""
        asked = UnansweredChange(key, to, at, now, command, present)
        try:
            charge = await self._charges.count_attempt(
                before, activity_calls.change(before, to, at, key, present=present), key
            )
        except STEP_FAILED as error:
            if may_have_been_done(error):
                await self._record_unanswered_change(before, asked, cause)
            raise
        if charge.outcome is not ChargeOutcome.PENDING:
            recorder.subscription = replace(recorder.subscription, unheard_change=None)
        if confirmation_steps.waits(charge):
            await self._confirmations.require(charge, ConfirmedAction.CHANGE_PLAN, to, cause)
        if charge.outcome is ChargeOutcome.PENDING:
            await self._record_unanswered_change(before, asked, cause)
            raise undecided()
        await self._refuse_if_declined(charge, cause)
        step = plan_changes.changed_at_cost(recorder.subscription, to, charge, recorder.policy, workflow.now(), cause)
        await recorder.commit(step)

    async def _record_unanswered_change(self, before: Subscription, asked: UnansweredChange, cause: Cause) -> None:
        """Record the request, so that its outcome is found even if nobody repeats it."""
        recorder, known = self._recorder, before.unheard_change
        if workflow.patched(UNHEARD) and (known is None or known.key != asked.key):
            await recorder.commit(late_answers.change_noted(recorder.subscription, asked, workflow.now(), cause))

    async def _refuse_if_declined(self, charge: Charge, cause: Cause) -> None:
        if charge.outcome is ChargeOutcome.PAID:
            return
        decline, now = charge.decline or recovery.UNKNOWN_DECLINE, workflow.now()
        await self._recorder.commit(commands.declined_at_hand(self._recorder.subscription, decline, now, cause))
        raise declined(charge)

    async def _leave_free_plan(self, to: Selection, cause: Cause) -> None:
        """Charge for the first time: the agreement is created with the charge, or not at all."""
        recorder = self._recorder
        had, known = recorder.subscription.selection, recorder.subscription.unheard_tries
        recorder.subscription = recorder.subscription.choosing(to)
        try:
            charge = await self._charges.charge(present=True)
        except STEP_FAILED:
            recorder.subscription = recorder.subscription.choosing(had)
            if recorder.subscription.unheard_tries != known:
                # The caller may never repeat the command.
                what = f"the payment for {to.plan_name}"
                await recorder.commit(late_answers.noted(recorder.subscription, what, workflow.now(), cause))
            raise
        if confirmation_steps.waits(charge):
            recorder.subscription = recorder.subscription.choosing(had)
            await self._confirmations.require(charge, ConfirmedAction.CONVERT, to, cause)
        if charge.outcome is not ChargeOutcome.PAID:
            recorder.subscription = recorder.subscription.choosing(had)
            await self._abandon_undecided_charge(charge)
            await self._refuse_if_declined(charge, cause)
        await self._charges.record_paid(charge, cause)

    async def _abandon_undecided_charge(self, charge: Charge) -> None:
        """End the agreement of an undecided charge: nothing may be billed later, and the next attempt is a new one."""
        if charge.outcome is not ChargeOutcome.PENDING or not charge.agreement_ref:
            return
        recorder = self._recorder
        recorder.subscription = recorder.subscription.with_attempt(workflow.now())
        ended = replace(recorder.subscription, agreement_ref=charge.agreement_ref)
        await self._blocked.retry_until_answered(
            blocked_steps.FIRST_PAYMENT, lambda: activity_calls.end_agreement(ended)
        )

    async def _move_to_free_now(self, to: Selection, key: str, cause: Cause) -> None:
        before, now = self._recorder.subscription, workflow.now()
        try:
            await self._move_to_free(to, cause)
        except STEP_FAILED as error:
            if may_have_been_done(error):
                asked = UnansweredChange(f"{before.id}/change/{key}", to, now, now, cause.ref)
                await self._record_unanswered_change(before, asked, cause)
            raise

    async def _move_to_free(self, to: Selection, cause: Cause) -> None:
        recorder = self._recorder
        if recorder.subscription.agreement_ref:
            await activity_calls.end_agreement(recorder.subscription)
        await recorder.commit(plan_changes.moved_to_free(recorder.subscription, to, workflow.now(), cause))

    async def begin_planned_change(self, cause: Cause) -> timedelta | None:
        """Apply the planned change at the end of the paid period; returns how long to wait if a renewal is undecided.

        Billing has been on hold since the change was planned. If the provider has renewed all the same, the difference
        is credited.
        """
        standing = await self._provider_sync.sync(cause)
        subscription, now = self._recorder.subscription, workflow.now()
        pending = subscription.pending_change
        if pending is None or subscription.status is not Status.ACTIVE:
            return None
        if standing.latest is not None and standing.latest.outcome is ChargeOutcome.PENDING:
            return UNDECIDED_RETRY_DELAY
        is_renewed = subscription.period_end is not None and subscription.period_end > now
        if not pending.to.items and is_renewed:
            # The paid period is used up first; nothing of it could be credited.
            await self._recorder.commit(plan_changes.change_scheduled(subscription, pending.to, now, cause))
        elif not pending.to.items:
            await self._move_to_free(pending.to, cause)
        elif is_renewed:
            return await self._change_renewed_period(pending, cause)
        else:
            await self._recorder.commit(plan_changes.change_begins(subscription, pending.to, now, cause))
        return None

    async def _change_renewed_period(self, pending: PendingChange, cause: Cause) -> timedelta | None:
        """Change within a renewed period; if the difference cannot be charged, the renewed plan continues."""
        subscription = self._recorder.subscription
        key = f"{subscription.id}/change/{pending.asked_at.isoformat()}"
        try:
            # Prorated from the day on which it was to start, however late it runs.
            await self._change_at_cost(pending.to, key, cause, at=subscription.period_start)
        except GatewayUnavailable:
            return UNDECIDED_RETRY_DELAY
        except Rejected:
            step = plan_changes.change_withdrawn(self._recorder.subscription, workflow.now(), cause)
            await self._recorder.commit(step)
        return None

    async def preview(self, to: Selection, at: ChangeAt, moment: datetime | None = None) -> Preview:
        """Return what a change at a *moment* would bill, and when; None: now."""
        subscription, now = self._recorder.subscription, moment or workflow.now()
        has_period = bool(subscription.agreement_ref) and bool(to.items)
        known_until = subscription.period_end or subscription.trial_ends_at
        # After an expired trial nothing is billed by itself.
        next_at = known_until if known_until is not None and known_until > now else None
        preview = Preview(
            to,
            at,
            to.total.currency,
            next_amount=to.total.amount,
            next_at=next_at,
            replaces=plan_changes.replaced(subscription, to),
            preview_at=now,
        )
        if subscription.is_free:
            preview = replace(preview, due_now=to.total.amount, next_at=None)
            if not subscription.customer_ref or not workflow.patched(QUOTED_FIRST_PERIODS):
                return preview
            return _with_quote(preview, await activity_calls.first_quote(subscription, to))
        if at is ChangeAt.PERIOD_END or not has_period:
            return preview
        quote = await activity_calls.quote(subscription, to, plan_changes.counted_from(subscription, now))
        same_period = to.interval is subscription.interval
        until = plan_changes.quote_holds_until(now)
        return _with_quote(replace(preview, next_at=next_at if same_period else None, exact_until=until), quote)
