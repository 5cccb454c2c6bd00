"""The course of one subscription: how each due action, command and piece of news is carried out, step by step."""

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from domain import billing, steering, trial
from domain.agenda import Action, Due, agenda
from domain.journal import Cause, CauseKind, Step
from domain.lifecycle import Event, Status, Subscription, SuspensionKind
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
        await hands.record(
            Step(step.subscription, step.entries, step.mails, step.withdraws, step.invoice, ahead),
        )
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
            case Action.CONVERT:
                return await self._take_what_is_due(cause)
            case Action.ASK_PROVIDER:
                await self.look(cause)
            case Action.RECOVER:
                return await self._climb(cause)
            case _:
                await self.end(self.subscription.cancel_reason or self._reason_to_end(), cause)
        return None

    async def _has_card_unheard_of(self, cause: Cause) -> bool:
        """Before a trial expires: a customer who was at the checkout may have a card there that we were not told of."""
        if self.subscription.customer_ref:
            await self.look(cause)
        return self.subscription.card is not None

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
        was = self.subscription.status
        await self.commit(billing.climbed(self.subscription, charge, self.policy, workflow.now(), cause))
        if self.subscription.status is Status.SUSPENDED and was is not Status.SUSPENDED:
            await self._hold(on=True)
        return None

    # Money

    async def charge(self) -> Charge:
        """Make one business try of taking what is owed.

        It is counted before it is made, and counts for nothing while the provider has not decided on it: the same try
        under the same key is then made again later.
        """
        before = self.subscription
        self.subscription = before.with_try(workflow.now())
        charge = await hands.charge(self.subscription, before.next_try_key)
        if charge.outcome is ChargeOutcome.PENDING:
            self.subscription = before
        return charge

    def _paid(self, charge: Charge, cause: Cause) -> Step:
        return billing.paid(self.subscription, charge, self.policy, workflow.now(), cause)

    async def settle(self, charge: Charge, cause: Cause) -> None:
        """Draw the conclusion from a try that was not the ladder's own: a new card, a command."""
        now = workflow.now()
        held = self.subscription.status is Status.SUSPENDED and bool(self.subscription.agreement_ref)
        match charge.outcome:
            case ChargeOutcome.PAID:
                await self.commit(self._paid(charge, cause))
            case ChargeOutcome.GONE:
                await self.commit(billing.not_owed(self.subscription, charge, self.policy, now, cause))
            case ChargeOutcome.PENDING:
                return
            case _ if self.subscription.recovery is not None:
                await self.commit(billing.failed_again(self.subscription, charge, now, cause))
                return
            case _:
                await self.commit(steering.declined_at_hand(self.subscription, _code(charge), now, cause))
                return
        if held:
            await self._hold(on=False)

    async def try_card_now(self, cause: Cause) -> None:
        """Use a new card at once for what is owed, or to bring an expired trial back; otherwise do nothing."""
        subscription = self.subscription
        suspension = subscription.suspension
        if suspension is not None and suspension.kind is SuspensionKind.OPERATOR:
            return
        owes = subscription.recovery is not None or subscription.status is Status.SUSPENDED
        if owes and subscription.may_try(workflow.now()):
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
            await self.end("ended_at_provider", cause)
            return
        await self._take_over(standing, cause)
        if standing.card is not None:
            await self._new_card(self.subscription.customer_ref, standing.card, cause)

    async def _new_card(self, customer_ref: str, card: Card, cause: Cause) -> None:
        known = self.subscription.card
        if known is not None and known.ref == card.ref:
            return
        step = steering.card_replaced(self.subscription, customer_ref, card, workflow.now(), cause)
        await self.commit(step)
        await self.try_card_now(cause)

    async def _take_over(self, standing: Standing, cause: Cause) -> None:
        subscription, latest, now = self.subscription, standing.latest, workflow.now()
        bill = latest.invoice if latest is not None else None
        if latest is not None and bill is not None and bill.ref != subscription.settled_invoice:
            is_owed = subscription.recovery is not None and subscription.recovery.invoice_ref == bill.ref
            is_gone = latest.outcome is ChargeOutcome.GONE and (is_owed or subscription.status is Status.ACTIVE)
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

    async def _hold(self, *, on: bool) -> None:
        if self.subscription.agreement_ref:
            await hands.hold(self.subscription, on=on)

    async def suspend(self, reason: str, cause: Cause) -> None:
        await self.commit(steering.suspended(self.subscription, reason, workflow.now(), cause))
        await self._hold(on=True)

    async def reactivate(self, reason: str, cause: Cause) -> None:
        """Give access back; billing goes on, with a new period when the paid one ended meanwhile."""
        now = workflow.now()
        back = steering.way_back(self.subscription, timedelta(days=self.policy.trial.reopen_days), now)
        reminders = self.subscription.reminders
        if back.trial_ends_at is not None:
            reminders = await hands.anchor_reminders(self.subscription.customer, back.trial_ends_at, self.policy.trial)
        await self._hold(on=False)
        await self.commit(steering.returned(self.subscription, back, reminders, reason, now, cause))
        period_end = self.subscription.period_end
        if back.event is Event.RETURNED_PAID_UP and period_end is not None and period_end <= now:
            await self._take_what_is_due(cause)

    async def put_card(self, payment_method: str | None, key: str, cause: Cause) -> None:
        """Make a payment method the card on file."""
        wallet = await hands.put_card(self.subscription, payment_method, key)
        if wallet.card is None:
            raise ApplicationError("the payment provider kept no card", type="no_card", non_retryable=True)
        step = steering.card_replaced(self.subscription, wallet.customer_ref, wallet.card, workflow.now(), cause)
        await self.commit(step)


def _code(charge: Charge) -> str:
    return charge.decline.code if charge.decline else charge.outcome.value
