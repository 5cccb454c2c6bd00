"""Syncs with the provider: reads its state, or what an event points to, and applies what is new."""

from dataclasses import dataclass, replace

from temporalio import workflow

from activities.failures import STEP_FAILED, as_tenure_error, can_be_had_later
from domain.provider.hints import MONEY_WENT_BACK, EventHint, EventKind
from domain.provider.payments import (
    NO_SUCH_THING,
    AgreementStatus,
    Charge,
    ChargeOutcome,
    Invoice,
    ProviderState,
    Reversal,
    ReversalKind,
)
from domain.subscription import (
    commands,
    confirmation_steps,
    deleted_customers,
    late_answers,
    payments_received,
    plan_changes,
    reversals,
)
from domain.subscription.confirmation import Confirmation, ConfirmedAction
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.lifecycle import Event, Status
from domain.subscription.unanswered_attempts import UnansweredChange
from workflows.priorities import interactive
from workflows.subscription import activity_calls
from workflows.subscription.ends import Ends
from workflows.subscription.paying_cards import PayingCards
from workflows.subscription.payments import WAITS_WITHIN_PERIOD, Cards, Charges, Confirmations, within_period
from workflows.subscription.recorder import StepRecorder
from workflows.subscription.renewals import Renewals

UNPAID_STATUSES = frozenset({"draft", "open"})
ASK_AT_PERIOD_END = "ask-at-period-end"
"""A change to the order of commands: before, a subscription that was restored mid-period asked every few hours."""
BILLS_OF_CHANGES = "bills-of-changes"
"""A change to the order of commands: before, the invoice of a change whose answer was lost counted as a renewal, or
started a recovery."""
ENDED_FOR_THE_FREE_PLAN = "ended-for-the-free-plan"
"""A change to the order of commands: before, an agreement that we had ended for the free plan, but got no answer for,
counted as ended by others."""
SETTLES_OF_DELETED = "settles-of-deleted"
"""A change to the order of commands: before, the last invoice of a deleted customer's agreement was not checked, and
stayed open if it was."""
FINDS_DELETED = "finds-deleted"
"""A change to the order of commands: before, deleted customers were not detected."""
PAYMENTS_OF_WAIVED = "payments-of-waived"
"""A change to the order of commands: before, the payment of an invoice that was written off was taken for known."""
SEVERAL_DISPUTES = "several-disputes"
"""A change to the order of commands: before, billing went on once the first of several disputes was decided."""
LATE_LIFTS = "late-lifts"
"""A change to the order of commands: before, a hold that was lifted too late for a renewal gave that period away."""


@dataclass(frozen=True, eq=False)
class ProviderSync:
    """Applies what has happened at the provider, including the end of the subscription."""

    _recorder: StepRecorder
    _charges: Charges
    _confirmations: Confirmations
    _ends: Ends
    _cards: Cards
    _paying_cards: PayingCards

    async def sync(self, cause: Cause, read: ProviderState | None = None) -> ProviderState:
        """Read the provider's state, unless it was just *read*, apply what is new, and return it."""
        await self._confirmations.check(cause)
        if self._recorder.subscription.is_over:
            return ProviderState(None, None)
        in_short = self._recorder.revision > 0
        standing = read or await activity_calls.provider_state(self._recorder.subscription, in_short=in_short)
        if standing.customer_is_deleted:
            return await self._sync_deleted_customer(standing, cause)
        if standing.agreement is AgreementStatus.ENDED:
            await self._apply_end(cause)
            return standing
        await self._adopt_found_agreement(standing, cause)
        await self._resolve_unanswered_change(standing, cause)
        known = self._recorder.subscription.card
        await self._apply_latest_invoice(standing, cause)
        await self._paying_cards.put_on_file(cause)
        if self._recorder.subscription.card == known:
            # Otherwise the card that has paid has come on file since the state was read.
            await self._cards.adopt(standing, cause)
        await self._apply_pause(standing, cause)
        return standing

    async def found_deleted(self, error: BaseException, cause: Cause) -> bool:
        """After the provider refused a step as about an unknown object: True if the customer was deleted there."""
        refused, before = as_tenure_error(error), self._recorder.subscription
        if refused is None or refused.code != NO_SUCH_THING or not before.customer_ref:
            return False
        if not workflow.patched(FINDS_DELETED):
            return False
        await self.sync(cause)
        return self._recorder.subscription.sequence != before.sequence

    async def _apply_end(self, cause: Cause) -> None:
        recorder, now = self._recorder, workflow.now()
        free = plan_changes.free_plan_due(recorder.subscription, now)
        if free is not None and workflow.patched(ENDED_FOR_THE_FREE_PLAN):
            await recorder.commit(late_answers.free_plan_found(recorder.subscription, free, now, cause))
        else:
            await self._ends.end(commands.found_ended(recorder.subscription, recorder.policy, now), cause)

    async def _apply_pause(self, standing: ProviderState, cause: Cause) -> None:
        subscription = self._recorder.subscription
        if standing.agreement is not None and standing.paused_for != subscription.paused_at_provider:
            step = commands.provider_pause_noted(subscription, standing.paused_for, workflow.now(), cause)
            await self._recorder.commit(step)

    # Deleted customers

    async def _sync_deleted_customer(self, standing: ProviderState, cause: Cause) -> ProviderState:
        """Recreate a deleted customer, after making sure that nothing old can still be paid; then sync again."""
        voided = ""
        if workflow.patched(SETTLES_OF_DELETED):
            if self._recorder.subscription.confirmation is not None:
                await self._confirmations.withdraw(cause)
                if self._recorder.subscription.confirmation is None:
                    return await self.sync(cause)  # with the new state
            voided = await self._settle_deleted_customer(standing, cause)
        subscription = self._recorder.subscription
        customer_ref = await activity_calls.recreate_customer(subscription)
        step = deleted_customers.recreated(subscription, customer_ref, workflow.now(), cause, voided=voided)
        await self._recorder.commit(step)
        return await self.sync(cause)

    async def _settle_deleted_customer(self, standing: ProviderState, cause: Cause) -> str:
        """Apply the agreement's last invoice if it was paid; void it if it is open. Returns the one voided."""
        recorder = self._recorder
        invoice = deleted_customers.last_invoice(recorder.subscription, standing)
        if invoice is None:
            return ""
        charge = standing.latest
        if charge is not None and charge.outcome is not ChargeOutcome.PAID:
            charge = await activity_calls.void_invoice(recorder.subscription, invoice.ref)
        if charge is None or charge.outcome is not ChargeOutcome.PAID:
            return invoice.ref
        recorder.subscription, charge = late_answers.settled(recorder.subscription, charge, workflow.now())
        await self._charges.settle(charge, cause)
        return ""

    # Requests that got no answer

    async def _adopt_found_agreement(self, standing: ProviderState, cause: Cause) -> None:
        """Adopt the agreement that an unanswered attempt has created, or record that it created none."""
        recorder, charge, now = self._recorder, standing.begun, workflow.now()
        if charge is None or not recorder.subscription.unheard_tries or recorder.subscription.agreement_ref:
            return
        if charge.outcome is ChargeOutcome.PAID:
            recorder.subscription = late_answers.begun(recorder.subscription, charge, now)
            await self._charges.record_paid(charge, cause)
        elif charge.outcome is ChargeOutcome.GONE:
            await recorder.commit(late_answers.not_begun(recorder.subscription, now, cause))

    async def _resolve_unanswered_change(self, standing: ProviderState, cause: Cause) -> None:
        """Resolve an unanswered change: applied if it is paid, left to be confirmed, or given up."""
        recorder, charge = self._recorder, standing.change
        asked = recorder.subscription.unheard_change
        if asked is None or charge is None:
            return
        if charge.outcome is ChargeOutcome.PENDING:
            charge = await self._repeat_change(asked, charge)
        if charge.outcome is ChargeOutcome.PENDING:
            return
        subscription, policy = recorder.subscription, recorder.policy
        if charge.outcome is ChargeOutcome.PAID:
            if subscription.allows(Event.PLAN_CHANGED):
                step = late_answers.change_found(subscription, charge, policy, workflow.now(), cause)
                await recorder.commit(step)
            return
        can_wait = subscription.status is Status.ACTIVE and subscription.confirmation is None
        if confirmation_steps.waits(charge) and can_wait and not self._is_of_past_period(asked):
            charge = within_period(subscription, charge, ConfirmedAction.CHANGE_PLAN)
            await recorder.commit(late_answers.change_waits(subscription, charge, policy, workflow.now(), cause))
        elif not await self._is_paid_before_void(charge):
            await recorder.commit(late_answers.change_not_made(recorder.subscription, workflow.now(), cause))

    def _is_of_past_period(self, asked: UnansweredChange) -> bool:
        """True if the period is over that a change was counted for: it must not be had for the next one."""
        subscription, now = self._recorder.subscription, workflow.now()
        begins = subscription.period_start
        is_past = subscription.is_due_for_renewal(now) or (begins is not None and asked.at < begins)
        return is_past and workflow.patched(WAITS_WITHIN_PERIOD)

    async def _repeat_change(self, asked: UnansweredChange, charge: Charge) -> Charge:
        """Repeat the change under its key: applied if it is paid, still pending if the bank has not decided."""
        subscription = self._recorder.subscription
        try:
            return await activity_calls.change(subscription, asked.to, asked.at, asked.key, present=asked.present)
        except STEP_FAILED as error:
            if can_be_had_later(error):
                raise
            return charge  # left to an operator; everything else continues

    async def _is_paid_before_void(self, charge: Charge) -> bool:
        """Void the open invoice of a change that is given up; True if the customer paid it first."""
        invoice, subscription = charge.invoice, self._recorder.subscription
        if invoice is None or invoice.status not in UNPAID_STATUSES:
            return False
        pending = Confirmation(
            ConfirmedAction.CHANGE_PLAN,
            invoice.url,
            workflow.now(),
            invoice.ref,
            subscription.agreement_ref,
        )
        withdrawn = await activity_calls.withdraw_confirmation(subscription, pending)
        return withdrawn.outcome is ChargeOutcome.PAID

    # Invoices

    async def _apply_latest_invoice(self, standing: ProviderState, cause: Cause) -> None:
        recorder, latest, now = self._recorder, standing.latest, workflow.now()
        subscription = recorder.subscription
        if confirmation_steps.is_waiting_for(subscription, latest):
            return  # not a renewal, and checked on its own
        if latest is not None and self._pays_waived(latest):
            await self._charges.record_paid_after_waiver(latest, cause)
            return
        invoice = latest.invoice if latest is not None else None
        is_new = invoice is not None and invoice.ref != subscription.settled_invoice
        if is_new and latest is not None and invoice is not None and not self._is_invoice_of_change(latest):
            is_gone = latest.outcome is ChargeOutcome.GONE and self._is_waiver(invoice)
            if latest.outcome is ChargeOutcome.PAID or is_gone:
                keeps_card = self._has_chosen_another_card(standing)
                recorder.subscription, latest = late_answers.settled(subscription, latest, now)
                await self._charges.settle(latest, cause, keeps_card=keeps_card)
                return
            if latest.decline is not None and subscription.status is Status.ACTIVE:
                await self._charges.begin_recovery(latest, cause)
                return
        if subscription.status is Status.ACTIVE and subscription.ask_at is not None and subscription.ask_at <= now:
            await self._ask_again_later(cause)

    def _is_waiver(self, invoice: Invoice) -> bool:
        """True if somebody has waived an invoice that is owed or for the next period; our own hold waives nothing."""
        subscription = self._recorder.subscription
        if subscription.is_held and not workflow.patched(LATE_LIFTS):
            subscription = replace(subscription, is_held=False)  # as earlier releases took it
        return payments_received.is_waiver(subscription, invoice)

    async def check_waived(self, invoice_ref: str, cause: Cause) -> None:
        """Read an invoice that was written off, which need not be the latest one, and record its payment."""
        summary = "Read an invoice that was written off"
        read = await activity_calls.invoice_state(self._recorder.subscription, invoice_ref, summary=summary)
        if read.latest is not None and self._pays_waived(read.latest):
            await self._charges.record_paid_after_waiver(read.latest, cause)

    def _pays_waived(self, latest: Charge) -> bool:
        is_paid = payments_received.pays_waived(self._recorder.subscription, latest)
        return is_paid and workflow.patched(PAYMENTS_OF_WAIVED)

    def _has_chosen_another_card(self, standing: ProviderState) -> bool:
        """True if the customer has a card at the provider that is not known here: a choice counts, not a payment."""
        known = self._recorder.subscription.card
        return standing.card is not None and known is not None and standing.card.ref != known.ref

    def _is_invoice_of_change(self, latest: Charge) -> bool:
        """True if it is a plan change's invoice: neither a renewal nor owed, unless a recovery is for it."""
        recovery, invoice = self._recorder.subscription.recovery, latest.invoice
        is_owed = recovery is not None and invoice is not None and recovery.invoice_ref == invoice.ref
        return latest.is_of_change and not is_owed and workflow.patched(BILLS_OF_CHANGES)

    async def _ask_again_later(self, cause: Cause) -> None:
        """Schedule the next sync, after one without news: the date depends on whether the paid period is over."""
        subscription, policy, now = self._recorder.subscription, self._recorder.policy, workflow.now()
        is_paid_for = subscription.period_end is not None and subscription.period_end > now
        if is_paid_for and workflow.patched(ASK_AT_PERIOD_END):
            await self._recorder.commit(payments_received.up_to_date(subscription, policy, now, cause))
        else:
            await self._recorder.commit(payments_received.undecided(subscription, policy, now, cause))


@dataclass(frozen=True, eq=False)
class ProviderEvents:
    """Processes a hint of a provider event. What it says is never taken as fact: the provider is asked."""

    _recorder: StepRecorder
    _cards: Cards
    _ends: Ends
    _provider_sync: ProviderSync
    _renewals: Renewals

    async def process(self, hint: EventHint) -> None:
        """Read what a hint points to, and apply it."""
        cause = Cause(CauseKind.WEBHOOK, hint.event)
        if hint.news in MONEY_WENT_BACK:
            await self._apply_reversal(hint, cause)
        elif hint.news is EventKind.CARD_GIVEN:
            await self._adopt_checkout(hint, cause)
        else:
            is_recorded, state = False, None
            if self._renewals.may_be_plain(hint):
                is_recorded, state = await self._renewals.read(hint)
            if not is_recorded:
                await self._provider_sync.sync(cause, state)

    async def _adopt_checkout(self, hint: EventHint, cause: Cause) -> None:
        """Adopt the card entered on a checkout page, where the customer is looking at the result."""
        with interactive():
            wallet = await activity_calls.adopt_checkout(self._recorder.subscription, hint.object_id)
            if wallet is not None and wallet.card is not None:
                await self._cards.replace(wallet.customer_ref, wallet.card, cause, given_at=wallet.given_at)

    async def _apply_reversal(self, hint: EventHint, cause: Cause) -> None:
        """Read a refund or dispute, and record it."""
        recorder = self._recorder
        kind = ReversalKind.REFUND if hint.news is EventKind.REFUNDED else ReversalKind.DISPUTE
        await self.record(await activity_calls.reversal(recorder.subscription, kind, hint.object_id), cause)

    async def record(self, reversal: Reversal, cause: Cause, reason: str = "") -> None:
        """Record the state of a refund or dispute once, and apply the policy."""
        recorder, now = self._recorder, workflow.now()
        if reversals.is_known(recorder.subscription, reversal):
            return
        cause = reversals.cause_of(recorder.subscription, reversal, cause)
        if recorder.subscription.is_over:
            # Arrived while the subscription was ending; later ones are recorded without a workflow.
            await recorder.commit(reversals.after_the_end(recorder.subscription, reversal, now, cause, reason))
            return
        before, policy = recorder.subscription, recorder.policy
        keeps_others = reversals.is_another(before, reversal) and workflow.patched(SEVERAL_DISPUTES)
        step = reversals.recorded(before, reversal, policy, now, cause, reason, keeps_others=keeps_others)
        await recorder.commit(step)
        end = reversals.end_by(recorder.subscription, reversal, recorder.policy)
        if end is not None:
            await self._ends.end(end, cause)
