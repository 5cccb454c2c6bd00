"""Payments: attempts and their outcomes, those that wait for the customer's bank, the card on file, the first one."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn

from temporalio import workflow

from activities.failures import STEP_FAILED, can_be_had_later, may_have_been_done
from domain.catalog.plans import Selection
from domain.errors import GatewayUnavailable, Rejected
from domain.provider.payments import Card, Charge, ChargeOutcome, Decline, ProviderState
from domain.subscription import (
    blocked_steps,
    commands,
    confirmation_steps,
    first_payment,
    late_answers,
    payments_received,
    plan_changes,
    recovery,
)
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.journal import Cause
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription, SuspensionKind
from workflows.subscription import activity_calls
from workflows.subscription.blocked_steps import BlockedSteps
from workflows.subscription.paying_cards import PayingCards
from workflows.subscription.recorder import StepRecorder

UNHEARD = "unheard"
"""A change to the order of commands: before, an unanswered payment or change was forgotten unless the same step was
taken again."""
DECLINED = "payment_declined"
UNDECIDED_RETRY_DELAY = timedelta(hours=1)
"""The delay before an undecided charge is attempted again."""
CARDS_OF_THE_PORTAL = "cards-of-the-portal"
"""A change to the order of commands: before, a card chosen at the provider did not reach the agreement, and one removed
there stayed on file here."""
WAITS_WITHIN_PERIOD = "waits-within-period"
"""A change to the order of commands: before, a change of plan could be confirmed after its period had ended."""
NOT_ENDED_BY_A_CARD = frozenset(
    {SuspensionKind.OPERATOR, SuspensionKind.AWAITING_CONFIRMATION, SuspensionKind.AWAITING_PAYMENT}
)


def declined(charge: Charge) -> Rejected:
    """Return the rejection for a command whose charge was not paid."""
    decline = charge.decline or Decline(charge.outcome.value)
    return Rejected(decline.words, code=DECLINED)


def undecided() -> GatewayUnavailable:
    """Return what answers a command, or blocks a due action, that needs the bank's decision on a payment."""
    return GatewayUnavailable("the bank has not decided on the payment yet", code="payment_pending")


def within_period(subscription: Subscription, charge: Charge, action: ConfirmedAction) -> Charge:
    """Return the charge that waits for a confirmation, for no longer than the period of a change runs."""
    sooner = confirmation_steps.within_period(subscription, charge, action, workflow.now())
    return sooner if sooner is not charge and workflow.patched(WAITS_WITHIN_PERIOD) else charge


@dataclass(frozen=True, eq=False)
class Charges:
    """Charges what is owed, each attempt under a number and an idempotency key of its own."""

    _recorder: StepRecorder
    _paying_cards: PayingCards

    async def charge(self, *, present: bool = False) -> Charge:
        """Make one charge attempt for what is owed; the bank may want a *present* customer to confirm it."""
        recorder = self._recorder
        before = late_answers.next_try(recorder.subscription)
        key = before.next_attempt_key
        recorder.subscription = before.with_attempt(workflow.now())
        try:
            charge = await self.count_attempt(
                before, activity_calls.charge(recorder.subscription, key, present=present), key
            )
        except STEP_FAILED as error:
            if may_have_been_done(error) and workflow.patched(UNHEARD):
                recorder.subscription = late_answers.unanswered(recorder.subscription, key, workflow.now())
            raise
        if charge.outcome is not ChargeOutcome.PENDING:
            recorder.subscription = late_answers.answered(recorder.subscription, charge, workflow.now())
        return charge

    async def count_attempt(self, before: Subscription, asking: Awaitable[Charge], key: str) -> Charge:
        """Await a charge whose attempt is already counted, and correct the count by its outcome.

        While the provider has not decided, the attempt does not count, and is repeated later under the same key. One
        that was refused before it reached a card counts as an attempt here, with its own key, but not towards the
        card networks' limits.
        """
        try:
            charge = await asking
        except STEP_FAILED as error:
            refused = replace(self._recorder.subscription, recent_tries=before.recent_tries)
            # Without an answer it may have been done: the same attempt is repeated.
            self._recorder.subscription = before if can_be_had_later(error) else refused
            raise
        if charge.outcome is ChargeOutcome.PENDING:
            self._recorder.subscription = before
        # The provider may have found an earlier attempt.
        return replace(charge, key=charge.key or key)

    async def record_paid(self, charge: Charge, cause: Cause, *, keeps_card: bool = False) -> None:
        """Record a charge that was paid, and what it pays for; that card comes on file unless *keeps_card*."""
        recorder, now = self._recorder, workflow.now()
        if not keeps_card:
            self._paying_cards.note(charge)
        await recorder.commit(payments_received.paid(recorder.subscription, charge, recorder.policy, now, cause))
        await self._paying_cards.put_on_file(cause)

    async def record_paid_after_waiver(self, charge: Charge, cause: Cause) -> None:
        """Record the payment of an invoice that was written off; the card that has paid comes on file."""
        recorder, now = self._recorder, workflow.now()
        if not recorder.subscription.is_over:
            self._paying_cards.note(charge)
        await recorder.commit(payments_received.paid_after_waiver(recorder.subscription, charge, now, cause))
        await self._paying_cards.put_on_file(cause)

    async def begin_recovery(self, charge: Charge, cause: Cause) -> None:
        """Record that a period's charge was declined, and begin to recover it."""
        recorder, now = self._recorder, workflow.now()
        rungs = await recorder.rungs(recorder.subscription, now)
        await recorder.commit(recovery.failed(recorder.subscription, charge, recorder.policy, now, cause, rungs))

    async def settle(self, charge: Charge, cause: Cause, *, keeps_card: bool = False) -> None:
        """Record the outcome of a charge that is not a ladder retry: after a new card or a command, for example.

        With *keeps_card* the card that has paid does not come on file: the customer has chosen another.
        """
        recorder, now = self._recorder, workflow.now()
        subscription = recorder.subscription
        match charge.outcome:
            case ChargeOutcome.PAID:
                await self.record_paid(charge, cause, keeps_card=keeps_card)
            case ChargeOutcome.GONE:
                await recorder.commit(payments_received.not_owed(subscription, charge, recorder.policy, now, cause))
            case ChargeOutcome.PENDING:
                return
            case _ if subscription.recovery is not None:
                await recorder.commit(recovery.failed_again(subscription, charge, now, cause))
            case _:
                decline = charge.decline or recovery.UNKNOWN_DECLINE
                await recorder.commit(commands.declined_at_hand(subscription, decline, now, cause))


@dataclass(frozen=True, eq=False)
class Confirmations:
    """Handles the one payment that may be waiting for a confirmation."""

    _recorder: StepRecorder
    _paying_cards: PayingCards

    async def begin(self, charge: Charge, action: ConfirmedAction, to: Selection | None, cause: Cause) -> None:
        """Record that a payment waits for a confirmation, and which action it will complete."""
        recorder, now = self._recorder, workflow.now()
        charge = within_period(recorder.subscription, charge, action)
        await recorder.commit(
            confirmation_steps.waiting(recorder.subscription, charge, action, to, recorder.policy, now, cause)
        )

    async def require(self, charge: Charge, action: ConfirmedAction, to: Selection | None, cause: Cause) -> NoReturn:
        """Record that a payment waits for a confirmation, and send the caller to it.

        Raises:
            Rejected: always, code `authentication_required`; carries the page where the customer confirms.
        """
        await self.begin(charge, action, to, cause)
        raise confirmation_steps.needed(self._recorder.subscription)

    async def check(self, cause: Cause) -> None:
        """Complete the pending action if it is paid, drop it if it is gone; otherwise it keeps waiting."""
        subscription = self._recorder.subscription
        if subscription.confirmation is None:
            return
        await self._conclude(await activity_calls.confirmation(subscription, subscription.confirmation), cause)

    async def withdraw(self, cause: Cause) -> None:
        """Withdraw the pending action: it is dropped, or completed if the customer has confirmed meanwhile."""
        subscription = self._recorder.subscription
        if subscription.confirmation is None:
            return
        await self._conclude(await activity_calls.withdraw_confirmation(subscription, subscription.confirmation), cause)

    async def withdraw_and_recheck(self, cause: Cause, check: Callable[[], None]) -> None:
        """Withdraw what is pending before another action, then check that action again.

        Raises:
            GatewayUnavailable: the payment is made, but not yet what it was for.
        """
        if self._recorder.subscription.confirmation is not None:
            await self.withdraw(cause)
            if self._recorder.subscription.confirmation is not None:
                # Paid, but the provider has not yet applied what it was for.
                raise undecided()
            check()

    async def _with_change_applied(self, charge: Charge) -> Charge:
        """Apply a change that was billed on a separate invoice, once that is paid."""
        subscription = self._recorder.subscription
        waiting = subscription.confirmation
        if charge.outcome is not ChargeOutcome.PAID or waiting is None or not waiting.is_apart or waiting.to is None:
            return charge
        at = plan_changes.counted_from(subscription, workflow.now())
        return await activity_calls.change(subscription, waiting.to, at, waiting.key, present=True)

    async def _conclude(self, charge: Charge, cause: Cause) -> None:
        charge = await self._with_change_applied(charge)
        recorder, now = self._recorder, workflow.now()
        if charge.outcome is ChargeOutcome.PAID:
            self._paying_cards.note(charge)
            await recorder.commit(
                confirmation_steps.confirmed(recorder.subscription, charge, recorder.policy, now, cause)
            )
            await self._paying_cards.put_on_file(cause)
        elif charge.outcome is ChargeOutcome.GONE:
            await recorder.commit(confirmation_steps.undone(recorder.subscription, now, cause))


@dataclass(frozen=True, eq=False)
class Cards:
    """Keeps the card on file the same here and at the provider, and charges a new one for what is owed."""

    _recorder: StepRecorder
    _charges: Charges
    _confirmations: Confirmations
    _blocked: BlockedSteps

    async def adopt(self, standing: ProviderState, cause: Cause) -> None:
        """Adopt the card that the customer chose at the provider, on its portal for example, or its removal."""
        subscription = self._recorder.subscription
        card, known = standing.card, subscription.card
        customer_ref = subscription.customer_ref or standing.customer_ref
        if card is None:
            if known is not None and customer_ref and workflow.patched(CARDS_OF_THE_PORTAL):
                await self._recorder.commit(commands.card_removed(subscription, workflow.now(), cause))
            return
        is_another = known is None or known.ref != card.ref
        if is_another and subscription.agreement_ref and workflow.patched(CARDS_OF_THE_PORTAL):
            # The provider prefers an agreement's own card to the customer's, so it must be this one too. The key has
            # the sequence, since a customer may go back to an earlier card.
            key = f"{subscription.id}/card/{card.ref}/{subscription.sequence}"
            await activity_calls.put_card(subscription, card.ref, key)
        await self.replace(customer_ref, card, cause)

    async def replace(self, customer_ref: str, card: Card, cause: Cause, *, given_at: datetime | None = None) -> None:
        """Record a card that the provider has on file, and charge it for what is owed."""
        subscription = self._recorder.subscription
        if card == subscription.card:
            return
        step = commands.card_replaced(subscription, customer_ref, card, workflow.now(), cause, given_at=given_at)
        await self._recorder.commit(step)
        await self.charge_new(cause)

    async def charge_new(self, cause: Cause) -> None:
        """Charge a new card at once for what is owed, or to revive an expired trial; otherwise do nothing."""
        subscription = self._recorder.subscription
        suspension = subscription.suspension
        if suspension is not None and suspension.kind in NOT_ENDED_BY_A_CARD:
            return
        if subscription.dispute is not None:
            return
        owes = subscription.recovery is not None or subscription.status is Status.SUSPENDED
        if owes and subscription.confirmation is not None:
            await self._confirmations.withdraw(cause)
            await self.charge_new(cause)  # with the new state
            return
        if owes and not subscription.card_is_barred and subscription.may_attempt(workflow.now()):
            await self._charges.settle(await self._charges.charge(), cause)

    async def make_default(self, card_ref: str, *, until_answered: bool = False) -> None:
        """Make a card the customer's default; if that is refused, the old card stays.

        With *until_answered* an outage is waited for.
        """

        async def ask() -> None:
            await activity_calls.make_default_card(self._recorder.subscription, card_ref)

        try:
            await (self._blocked.retry_until_answered(blocked_steps.CARD, ask) if until_answered else ask())
        except STEP_FAILED as error:
            # It may have been removed since. The next sync finds the current card.
            workflow.logger.warning("card not made the default: %s", error.__cause__ or error)


@dataclass(frozen=True, eq=False)
class FirstPayment:
    """The first payment after a sign-up without a trial."""

    _recorder: StepRecorder
    _charges: Charges
    _confirmations: Confirmations
    _cards: Cards

    async def retry(self, cause: Cause) -> timedelta | None:
        """Repeat the same attempt; returns how long to wait if the bank has not decided.

        No caller is waiting: customers who signed up ask again.
        """
        charge = await self._charges.charge(present=True)
        if charge.outcome is ChargeOutcome.PENDING:
            return UNDECIDED_RETRY_DELAY
        if not await self.begin_with(charge, cause):
            step = first_payment.declined(self._recorder.subscription, charge, workflow.now(), cause)
            await self._recorder.commit(step)
        elif self._recorder.subscription.card is not None:
            await self._cards.make_default(self._recorder.subscription.card.ref)
        return None

    async def begin_with(self, charge: Charge, cause: Cause) -> bool:
        """Start the subscription if it is paid, or wait for the customer's bank; returns False if neither."""
        if confirmation_steps.waits(charge):
            await self._confirmations.begin(charge, ConfirmedAction.SIGN_UP, None, cause)
            return True
        if charge.outcome is not ChargeOutcome.PAID:
            return False
        await self._charges.settle(charge, cause)
        return True
