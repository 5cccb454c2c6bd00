"""Syncs with the provider: processes its events, reads its state, and applies what is new."""

from datetime import datetime

from temporalio import workflow

from activities.failures import STEP_FAILED
from domain.provider.hints import MONEY_WENT_BACK, EventHint, EventKind
from domain.provider.payments import (
    AgreementStatus,
    Card,
    Charge,
    ChargeOutcome,
    ProviderState,
    ReversalKind,
)
from domain.subscription import (
    blocked_steps,
    commands,
    confirmation_steps,
    deleted_customers,
    late_answers,
    payments_received,
    plan_changes,
    recovery,
    reversals,
    untold_ends,
)
from domain.subscription.ends import End
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.lifecycle import Status
from domain.subscription.state import SuspensionKind
from workflows.priorities import interactive
from workflows.subscription import activity_calls
from workflows.subscription.blocked_steps import BlockedSteps, is_refused_or_unavailable
from workflows.subscription.confirmations import Confirmations
from workflows.subscription.late_answers import LateAnswers

ASK_AT_PERIOD_END = "ask-at-period-end"
"""A change to the order of commands: before, a subscription that was restored mid-period asked every few hours."""
CARDS_OF_THE_PORTAL = "cards-of-the-portal"
"""A change to the order of commands: before, a card chosen at the provider did not reach the agreement, and one removed
there stayed on file here."""

ENDS_UNTOLD = "ends-untold"
"""A change to the order of commands: before, nothing ended while the provider did not take it, and only planned
cancellations were accepted."""
BILLS_OF_CHANGES = "bills-of-changes"
"""A change to the order of commands: before, the invoice of a change whose answer was lost counted as a renewal, or
started a recovery."""
ENDED_FOR_THE_FREE_PLAN = "ended-for-the-free-plan"
"""A change to the order of commands: before, an agreement that we had ended for the free plan, but got no answer for,
counted as ended by others."""

SETTLES_OF_DELETED = "settles-of-deleted"
"""A change to the order of commands: before, the last invoice of a deleted customer's agreement was not checked, and
stayed open if it was."""


class ProviderSync(BlockedSteps, Confirmations, LateAnswers):
    """Applies what happens at the provider, including the end of the subscription."""

    async def process_event(self, hint: EventHint) -> None:
        """Read what a hint points to, and apply it."""
        cause = Cause(CauseKind.WEBHOOK, hint.event)
        if hint.news in MONEY_WENT_BACK:
            await self._handle_reversal(hint, cause)
            return
        if hint.news is not EventKind.CARD_GIVEN:
            await self.sync(cause)
            return
        # The customer entered the card, and is looking at the page that shows the result.
        with interactive():
            wallet = await activity_calls.adopt_checkout(self.subscription, hint.object_id)
            if wallet is not None and wallet.card is not None:
                await self._new_card(wallet.customer_ref, wallet.card, cause, given_at=wallet.given_at)

    async def sync(self, cause: Cause) -> ProviderState:
        """Read the provider's state, apply what is new, and return it."""
        await self.check_confirmation(cause)
        if self.subscription.is_over:
            return ProviderState(None, None)
        standing = await activity_calls.provider_state(self.subscription)
        if standing.customer_is_deleted:
            if not workflow.patched(SETTLES_OF_DELETED):
                customer_ref = await activity_calls.recreate_customer(self.subscription)
                await self.commit(deleted_customers.known_again(self.subscription, customer_ref, workflow.now(), cause))
                return await self.sync(cause)
            return await self._recreate_customer(standing, cause)
        if standing.agreement is AgreementStatus.ENDED:
            free = plan_changes.free_plan_due(self.subscription, workflow.now())
            if free is not None and workflow.patched(ENDED_FOR_THE_FREE_PLAN):
                await self.commit(late_answers.free_plan_found(self.subscription, free, workflow.now(), cause))
                return standing
            await self.end(commands.found_ended(self.subscription, self.policy, workflow.now()), cause)
            return standing
        await self.adopt_found_agreement(standing, cause)
        await self.resolve_unanswered_change(standing, cause)
        await self._apply_latest_invoice(standing, cause)
        await self._adopt_card(standing, cause)
        if standing.agreement is not None and standing.paused_for != self.subscription.paused_at_provider:
            now = workflow.now()
            await self.commit(commands.provider_pause_noted(self.subscription, standing.paused_for, now, cause))
        return standing

    async def _recreate_customer(self, standing: ProviderState, cause: Cause) -> ProviderState:
        """Recreate a deleted customer, after making sure that nothing old can still be paid."""
        if self.subscription.confirmation is not None:
            await self.withdraw_confirmation(cause)
            if self.subscription.confirmation is None:
                return await self.sync(cause)  # with the new state
        voided = await self._settle_deleted_customer(standing, cause)
        customer_ref = await activity_calls.recreate_customer(self.subscription)
        step = deleted_customers.known_again(self.subscription, customer_ref, workflow.now(), cause, voided=voided)
        await self.commit(step)
        return await self.sync(cause)

    async def _settle_deleted_customer(self, standing: ProviderState, cause: Cause) -> str:
        """Apply the agreement's last invoice if it was paid; void it if it is open. Returns the one voided."""
        invoice = deleted_customers.last_bill(self.subscription, standing)
        if invoice is None:
            return ""
        charge = standing.latest
        if charge is not None and charge.outcome is not ChargeOutcome.PAID:
            charge = await activity_calls.void_invoice(self.subscription, invoice.ref)
        if charge is None or charge.outcome is not ChargeOutcome.PAID:
            return invoice.ref
        self.subscription, charge = late_answers.settled(self.subscription, charge, workflow.now())
        await self.settle(charge, cause)
        return ""

    async def _adopt_card(self, standing: ProviderState, cause: Cause) -> None:
        """Adopt the card that the customer chose at the provider, on its portal for example, or its removal."""
        card, known = standing.card, self.subscription.card
        customer_ref = self.subscription.customer_ref or standing.customer_ref
        if card is None:
            if known is not None and customer_ref and workflow.patched(CARDS_OF_THE_PORTAL):
                await self.commit(commands.card_removed(self.subscription, workflow.now(), cause))
            return
        is_another = known is None or known.ref != card.ref
        if is_another and self.subscription.agreement_ref and workflow.patched(CARDS_OF_THE_PORTAL):
            # The provider prefers an agreement's own card to the customer's, so it must be this one too. The key has
            # the sequence, since a customer may go back to an earlier card.
            key = f"{self.subscription.id}/card/{card.ref}/{self.subscription.sequence}"
            await activity_calls.put_card(self.subscription, card.ref, key)
        await self._new_card(customer_ref, card, cause)

    async def make_default(self, card_ref: str, *, until_answered: bool = False) -> None:
        """Make a card the customer's default; if that is refused, the old card stays.

        With *until_answered* an outage is waited for.
        """

        async def ask() -> None:
            await activity_calls.make_default_card(self.subscription, card_ref)

        try:
            await (self.retry_until_answered(blocked_steps.CARD, ask) if until_answered else ask())
        except STEP_FAILED as error:
            # It may have been removed since. The next sync finds the current card.
            workflow.logger.warning("card not made the default: %s", error.__cause__ or error)

    async def _new_card(self, customer_ref: str, card: Card, cause: Cause, *, given_at: datetime | None = None) -> None:
        if card == self.subscription.card:
            return
        now = workflow.now()
        step = commands.card_replaced(self.subscription, customer_ref, card, now, cause, given_at=given_at)
        await self.commit(step)
        await self.charge_new_card(cause)

    async def _apply_latest_invoice(self, standing: ProviderState, cause: Cause) -> None:
        subscription, latest, now = self.subscription, standing.latest, workflow.now()
        if confirmation_steps.is_waiting_for(subscription, latest):
            return  # not a renewal, and checked on its own
        invoice = latest.invoice if latest is not None else None
        is_new = invoice is not None and invoice.ref != subscription.settled_invoice
        if is_new and latest is not None and invoice is not None and not self._is_invoice_of_change(latest):
            is_gone = latest.outcome is ChargeOutcome.GONE and payments_received.is_waiver(subscription, invoice)
            if latest.outcome is ChargeOutcome.PAID or is_gone:
                self.subscription, latest = late_answers.settled(subscription, latest, now)
                await self.settle(latest, cause)
                return
            if latest.decline is not None and subscription.status is Status.ACTIVE:
                await self.commit(
                    recovery.failed(subscription, latest, self.policy, now, cause, await self.rungs(subscription, now))
                )
                return
        if subscription.status is Status.ACTIVE and subscription.ask_at is not None and subscription.ask_at <= now:
            await self._ask_again_later(cause)

    def _is_invoice_of_change(self, latest: Charge) -> bool:
        """True if it is a plan change's invoice: neither a renewal nor owed, unless a recovery is for it."""
        recovery, invoice = self.subscription.recovery, latest.invoice
        is_owed = recovery is not None and invoice is not None and recovery.invoice_ref == invoice.ref
        return latest.is_of_change and not is_owed and workflow.patched(BILLS_OF_CHANGES)

    async def _ask_again_later(self, cause: Cause) -> None:
        """Schedule the next sync, after one without news: the date depends on whether the paid period is over."""
        subscription, now = self.subscription, workflow.now()
        is_paid_for = subscription.period_end is not None and subscription.period_end > now
        if is_paid_for and workflow.patched(ASK_AT_PERIOD_END):
            await self.commit(payments_received.up_to_date(subscription, self.policy, now, cause))
        else:
            await self.commit(payments_received.undecided(subscription, self.policy, now, cause))

    # Payments and reversals

    async def settle(self, charge: Charge, cause: Cause) -> None:
        """Apply the outcome of a charge that is not a ladder retry: after a new card or a command, for example."""
        now = workflow.now()
        match charge.outcome:
            case ChargeOutcome.PAID:
                await self.commit(self.paid(charge, cause))
            case ChargeOutcome.GONE:
                await self.commit(payments_received.not_owed(self.subscription, charge, self.policy, now, cause))
            case ChargeOutcome.PENDING:
                return
            case _ if self.subscription.recovery is not None:
                await self.commit(recovery.failed_again(self.subscription, charge, now, cause))
            case _:
                decline = charge.decline or recovery.UNKNOWN_DECLINE
                await self.commit(commands.declined_at_hand(self.subscription, decline, now, cause))

    async def charge_new_card(self, cause: Cause) -> None:
        """Charge a new card at once for what is owed, or to revive an expired trial; otherwise do nothing."""
        subscription = self.subscription
        suspension = subscription.suspension
        if suspension is not None and suspension.kind in (
            SuspensionKind.OPERATOR,
            SuspensionKind.AWAITING_CONFIRMATION,
            SuspensionKind.AWAITING_PAYMENT,
        ):
            return
        if subscription.dispute is not None:
            return
        owes = subscription.recovery is not None or subscription.status is Status.SUSPENDED
        if owes and subscription.confirmation is not None:
            await self.withdraw_confirmation(cause)
            await self.charge_new_card(cause)  # with the new state
            return
        if owes and not subscription.card_is_barred and subscription.may_try(workflow.now()):
            await self.settle(await self.charge(), cause)

    async def _handle_reversal(self, hint: EventHint, cause: Cause) -> None:
        """Read a refund or dispute, and apply the policy."""
        kind = ReversalKind.REFUND if hint.news is EventKind.REFUNDED else ReversalKind.DISPUTE
        reversal = await activity_calls.reversal(self.subscription, kind, hint.object_id)
        if reversals.is_known(self.subscription, reversal):
            return
        if self.subscription.is_over:
            # Arrived while the subscription was ending; later ones are recorded without a workflow.
            await self.commit(reversals.after_the_end(self.subscription, reversal, workflow.now(), cause))
            return
        step = reversals.taken_note_of(self.subscription, reversal, self.policy, workflow.now(), cause)
        await self.commit(step)
        end = reversals.end_by(self.subscription, reversal, self.policy)
        if end is not None:
            await self.end(end, cause)

    async def end(self, end: End, cause: Cause) -> None:
        """Stop collecting, then end the subscription; if the provider does not take that now, report it later."""
        try:
            await self.withdraw_confirmation(cause)
            if self.subscription.is_over:
                return  # it had not started
            if self.subscription.agreement_ref:
                await activity_calls.end_agreement(self.subscription)
        except STEP_FAILED as error:
            if not is_refused_or_unavailable(error) or not workflow.patched(ENDS_UNTOLD):
                raise
            await self.commit(untold_ends.ended_untold(self.subscription, end, workflow.now(), cause))
            return
        await self.commit(commands.canceled(self.subscription, end, workflow.now(), cause))
