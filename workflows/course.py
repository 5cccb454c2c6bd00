"""The course of one subscription: how each due action, command and piece of news is carried out, step by step."""

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from activities.failures import STEP_FAILED
from domain import billing, steering, trial
from domain.agenda import Action, Due, agenda
from domain.journal import Cause, CauseKind, Step
from domain.lifecycle import Status, Subscription, SuspensionKind
from domain.news import Hint, News
from domain.payments import AgreementStatus, Card, Charge, ChargeOutcome, Standing
from domain.policy import Policy, TrialEnd
from workflows import hands, visible

UNDECIDED_WAIT = timedelta(hours=1)
"""How long to wait before asking for money again when the provider has not decided on it."""


class Course:
    """One subscription on its way. Only one caller at a time may use it: the workflow's lock sees to that."""

    def __init__(self, subscription: Subscription, policy: Policy) -> None:
        self.subscription = subscription
        self.policy = policy
        self.steps_taken = 0

    async def commit(self, step: Step) -> None:
        """Write a step down, then live by it."""
        ahead = agenda(step.subscription, self.policy)
        await hands.record(replace(step, ahead=ahead))
        self.subscription = step.subscription
        self.steps_taken += 1
        changes = visible.changed_attributes(workflow.info().typed_search_attributes, self.subscription, ahead)
        if changes:
            workflow.upsert_search_attributes(changes)
        self.show()

    def show(self) -> None:
        workflow.set_current_details(visible.details(self.subscription, self.policy))

    # What falls due

    async def act(self, due: Due) -> timedelta | None:
        """Do what is due; how long to wait before anything else if the outside could not decide."""
        cause = Cause.timer(due.action)
        now = workflow.now()
        match due.action:
            case Action.SEND_REMINDER:
                await self.commit(trial.reminded(self.subscription, now, cause))
            case Action.EXPIRE_TRIAL if await self._has_card_unheard_of(cause):
                return None
            case Action.EXPIRE_TRIAL if self.policy.trial.without_card is TrialEnd.CANCEL:
                await self.end("trial_expired", cause)
            case Action.EXPIRE_TRIAL:
                await self.commit(trial.expired(self.subscription, self.policy, now, cause))
            case Action.CONVERT | Action.BEGIN_PERIOD:
                return await self._take_what_is_due(cause)
            case Action.ASK_PROVIDER:
                await self.look(cause)
            case Action.RECOVER | Action.CANCEL if await self._was_settled_unheard_of(cause):
                return None
            case Action.RECOVER:
                return await self._climb(cause)
            case _:
                await self.end(self.subscription.cancel_reason or self._reason_to_end(), cause)
        return None

    async def _has_card_unheard_of(self, cause: Cause) -> bool:
        """Before a trial expires: a customer who was at the checkout may have a card there that we were not told of."""
        if self.subscription.customer_ref:
            await self.look(cause)
        return self.subscription.card is not None and not self.subscription.card_is_barred

    async def _was_settled_unheard_of(self, cause: Cause) -> bool:
        """Before a rung that asks for no money: what is owed may have been paid by a link, and nobody told us."""
        subscription = self.subscription
        if subscription.recovery is None or not subscription.agreement_ref:
            return False
        if billing.retry_is_due(subscription, self.policy, workflow.now()):
            return False
        await self.look(cause)
        return self.subscription.sequence != subscription.sequence

    def _reason_to_end(self) -> str:
        if self.subscription.recovery is not None:
            return "nonpayment"
        return self.subscription.suspension.kind if self.subscription.suspension else ""

    async def _take_what_is_due(self, cause: Cause) -> timedelta | None:
        charge = await self.charge()
        if charge.outcome is ChargeOutcome.PENDING:
            return UNDECIDED_WAIT
        if charge.outcome is ChargeOutcome.PAID:
            await self.commit(self._paid(charge, cause))
        else:
            await self.commit(billing.failed(self.subscription, charge, self.policy, workflow.now(), cause))
        return None

    async def _climb(self, cause: Cause) -> timedelta | None:
        now = workflow.now()
        charge: Charge | None = None
        if billing.retry_is_due(self.subscription, self.policy, now):
            charge = await self.charge()
            if charge.outcome is ChargeOutcome.PENDING:
                return UNDECIDED_WAIT
            if charge.outcome in (ChargeOutcome.PAID, ChargeOutcome.GONE):
                await self.settle(charge, cause)
                return None
        await self.commit(billing.climbed(self.subscription, charge, self.policy, workflow.now(), cause))
        return None

    # Money

    async def charge(self) -> Charge:
        """Make one business try of taking what is owed.

        It is counted before it is made. While the provider has not decided on it, it counts for nothing, and the same
        try is made again later under the same key. One that was refused before it reached a card is a try of ours,
        with a key of its own, but none that the card networks count.
        """
        before = self.subscription
        self.subscription = before.with_try(workflow.now())
        try:
            charge = await hands.charge(self.subscription, before.next_try_key)
        except STEP_FAILED:
            self.subscription = replace(self.subscription, recent_tries=before.recent_tries)
            raise
        if charge.outcome is ChargeOutcome.PENDING:
            self.subscription = before
        return charge

    def _paid(self, charge: Charge, cause: Cause) -> Step:
        return billing.paid(self.subscription, charge, self.policy, workflow.now(), cause)

    async def settle(self, charge: Charge, cause: Cause) -> None:
        """Draw the conclusion from a try that was not the ladder's own: a new card, a command."""
        now = workflow.now()
        match charge.outcome:
            case ChargeOutcome.PAID:
                await self.commit(self._paid(charge, cause))
            case ChargeOutcome.GONE:
                await self.commit(billing.not_owed(self.subscription, charge, self.policy, now, cause))
            case ChargeOutcome.PENDING:
                return
            case _ if self.subscription.recovery is not None:
                await self.commit(billing.failed_again(self.subscription, charge, now, cause))
            case _:
                decline = charge.decline or billing.UNKNOWN_DECLINE
                await self.commit(steering.declined_at_hand(self.subscription, decline, now, cause))

    async def try_card_now(self, cause: Cause) -> None:
        """Use a new card at once for what is owed, or to bring an expired trial back; otherwise do nothing."""
        subscription = self.subscription
        suspension = subscription.suspension
        if suspension is not None and suspension.kind is SuspensionKind.OPERATOR:
            return
        owes = subscription.recovery is not None or subscription.status is Status.SUSPENDED
        if owes and not subscription.card_is_barred and subscription.may_try(workflow.now()):
            await self.settle(await self.charge(), cause)

    # News

    async def hear(self, hint: Hint) -> None:
        """Look where a hint points to."""
        cause = Cause(CauseKind.WEBHOOK, hint.event)
        if hint.news is not News.CARD_GIVEN:
            await self.look(cause)
            return
        wallet = await hands.adopt_checkout(self.subscription, hint.object_id)
        if wallet is not None and wallet.card is not None:
            await self._new_card(wallet.customer_ref, wallet.card, cause)

    async def look(self, cause: Cause) -> None:
        """Ask the provider how things stand and take over what is new."""
        standing = await hands.look(self.subscription)
        if standing.agreement is AgreementStatus.ENDED:
            ends_as_wished = self.subscription.cancel_at is not None
            await self.end(self.subscription.cancel_reason if ends_as_wished else "ended_at_provider", cause)
            return
        await self._take_over(standing, cause)
        if standing.card is not None:
            await self._new_card(self.subscription.customer_ref, standing.card, cause)

    async def _new_card(self, customer_ref: str, card: Card, cause: Cause) -> None:
        if card == self.subscription.card:
            return
        step = steering.card_replaced(self.subscription, customer_ref, card, workflow.now(), cause)
        await self.commit(step)
        await self.try_card_now(cause)

    async def _take_over(self, standing: Standing, cause: Cause) -> None:
        subscription, latest, now = self.subscription, standing.latest, workflow.now()
        bill = latest.invoice if latest is not None else None
        if latest is not None and bill is not None and bill.ref != subscription.settled_invoice:
            is_gone = latest.outcome is ChargeOutcome.GONE and billing.is_waiver(subscription, bill)
            if latest.outcome is ChargeOutcome.PAID or is_gone:
                await self.settle(latest, cause)
                return
            if latest.decline is not None and subscription.status is Status.ACTIVE:
                await self.commit(billing.failed(subscription, latest, self.policy, now, cause))
                return
        if subscription.status is Status.ACTIVE and subscription.ask_at is not None and subscription.ask_at <= now:
            await self.commit(billing.undecided(subscription, self.policy, now, cause))

    # Ends and holds

    async def end(self, reason: str, cause: Cause) -> None:
        """Collect no more, then be over."""
        if self.subscription.agreement_ref:
            await hands.end_agreement(self.subscription)
        await self.commit(steering.canceled(self.subscription, reason, workflow.now(), cause))

    @property
    def hold_is_due(self) -> bool:
        """Whether the provider must be told to bill no further, or to bill again."""
        return bool(self.subscription.agreement_ref) and self.subscription.wants_hold != self.subscription.is_held

    async def tell_hold_or_look(self) -> None:
        """Tell the provider whether to bill on; look what is wrong there if it refuses.

        The loop comes back to it until it is done, whichever step made it necessary.
        """
        wanted = self.subscription.wants_hold
        try:
            await hands.hold(self.subscription, on=wanted)
        except STEP_FAILED:
            await self.look(Cause.timer("hold"))
            return
        self.subscription = replace(self.subscription, is_held=wanted)

    async def reactivate(self, reason: str, cause: Cause) -> None:
        """Give access back; billing goes on, with a new period when the paid one ended meanwhile."""
        now = workflow.now()
        back = steering.way_back(self.subscription, timedelta(days=self.policy.trial.reopen_days), now)
        reminders = self.subscription.reminders
        if back.trial_ends_at is not None:
            reminders = await hands.anchor_reminders(self.subscription.customer, back.trial_ends_at, self.policy.trial)
        await self.commit(steering.returned(self.subscription, back, reminders, reason, now, cause))

    async def put_card(self, payment_method: str | None, key: str, cause: Cause) -> None:
        """Make a payment method the card on file."""
        wallet = await hands.put_card(self.subscription, payment_method, key)
        if wallet.card is None:
            raise ApplicationError("the payment provider kept no card", type="no_card", non_retryable=True)
        step = steering.card_replaced(self.subscription, wallet.customer_ref, wallet.card, workflow.now(), cause)
        await self.commit(step)
