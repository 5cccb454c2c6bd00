"""Charges and changes whose answer was lost, once a check or the next attempt shows their outcome."""

from dataclasses import replace
from datetime import datetime

from domain.catalog.plans import Selection
from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription import confirmation_steps, plan_changes
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event
from domain.subscription.policy import Policy
from domain.subscription.state import PendingChange, Subscription
from domain.subscription.unanswered_attempts import UnansweredAttempt, UnansweredChange


def is_unheard(subscription: Subscription) -> bool:
    """True if the outcome of a payment or a change is unknown: it may have been made."""
    return bool(subscription.unheard_tries) or subscription.unheard_change is not None


def may_have_begun(subscription: Subscription) -> bool:
    """True if an unanswered first payment may have created an agreement, which nobody could end yet."""
    return bool(subscription.unheard_tries) and not subscription.agreement_ref


def next_try(subscription: Subscription) -> Subscription:
    """Prepares the next charge attempt: an unanswered attempt for something else keeps its own key."""
    if subscription.agreement_ref or not subscription.unheard_tries:
        return subscription
    latest = subscription.unheard_tries[-1]
    if latest.key != subscription.next_attempt_key or latest.to.items == subscription.items:
        return subscription
    return replace(subscription, charge_tries=subscription.charge_tries + 1)


def earlier_attempts(subscription: Subscription, key: str) -> tuple[str, ...]:
    """Returns the keys of attempts other than *key* that may have created an agreement."""
    return tuple(each.key for each in subscription.unheard_tries if each.key != key)


def unanswered(subscription: Subscription, key: str, now: datetime) -> Subscription:
    """Adds an unanswered attempt; a repeat of the same attempt is not added again."""
    if any(each.key == key for each in subscription.unheard_tries):
        return subscription
    tries = (*subscription.unheard_tries, UnansweredAttempt(key, subscription.selection, now))
    return replace(subscription, unheard_tries=tries)


def noted(subscription: Subscription, what: str, now: datetime, cause: Cause) -> Step:
    """The outcome is unknown; it is checked later, whatever the current caller does."""
    summary = f"No answer from the payment provider: the outcome of {what} will be checked later"
    return Step(subscription.after(Event.NOTED), (Entry("answer_missing", now, summary, cause),))


def answered(subscription: Subscription, charge: Charge, now: datetime) -> Subscription:
    """Clears the unanswered attempts.

    If an earlier one has paid, the subscription has what it paid for, and the later choice follows immediately.
    """
    paid_for = next((each.to for each in subscription.unheard_tries if each.key == charge.key), None)
    after = replace(subscription, unheard_tries=())
    begins = charge.outcome is ChargeOutcome.PAID and not subscription.agreement_ref
    if not begins or paid_for is None or paid_for.items == subscription.items:
        return after
    wanted = None if subscription.is_free else PendingChange(subscription.selection, now, now)
    return replace(after.choosing(paid_for), pending_change=wanted)


def settled(subscription: Subscription, charge: Charge, now: datetime) -> tuple[Subscription, Charge]:
    """A check found an invoice settled: it was the unanswered attempt's, and the next attempt gets another key.

    The provider's anchor differs from the known one only if our attempt has begun the period there.
    """
    tries = subscription.unheard_tries
    if not tries:
        return subscription, charge
    has_begun = charge.anchor is not None and charge.anchor != subscription.agreement_anchor
    counted = subscription.with_attempt(now) if tries[-1].key == subscription.next_attempt_key else subscription
    return replace(counted, unheard_tries=()), replace(charge, key=tries[-1].key) if has_begun else charge


def begun(subscription: Subscription, charge: Charge, now: datetime) -> Subscription:
    """A check found the agreement that an unanswered attempt has paid for."""
    is_last = subscription.unheard_tries[-1].key == subscription.next_attempt_key
    return answered(subscription.with_attempt(now) if is_last else subscription, charge, now)


def not_begun(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """A check found that no unanswered attempt succeeded; the next one gets another key."""
    is_last = subscription.unheard_tries[-1].key == subscription.next_attempt_key
    tries = subscription.charge_tries + is_last
    after = subscription.after(Event.NOTED, charge_tries=tries, unheard_tries=())
    summary = "The unanswered payment was not made: nothing was charged"
    return Step(after, (Entry("payment_not_made", now, summary, cause),))


# Changes


def change_noted(subscription: Subscription, asked: UnansweredChange, now: datetime, cause: Cause) -> Step:
    """The outcome of a change is unknown; the change is kept until it is known."""
    return noted(replace(subscription, unheard_change=asked), f"the change to {asked.to.plan_name}", now, cause)


def change_found(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The change was made and paid: it is applied as if it had been answered, once."""
    asked = _asked(subscription)
    settled = replace(
        subscription, unheard_change=None, confirmed=confirmation_steps.kept(subscription.confirmed, asked.command)
    )
    return plan_changes.changed_at_cost(settled, asked.to, replace(charge, key=asked.key), policy, now, cause)


def free_plan_found(subscription: Subscription, to: Selection, now: datetime, cause: Cause) -> Step:
    """We ended the agreement for the free plan, by a scheduled or an unanswered change."""
    asked = subscription.unheard_change
    done = (
        confirmation_steps.kept(subscription.confirmed, asked.command) if asked is not None else subscription.confirmed
    )
    return plan_changes.moved_to_free(replace(subscription, confirmed=done), to, now, cause)


def change_waits(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The customer's bank requires confirmation of the change's payment; until then nothing changes."""
    asked, action = _asked(subscription), ConfirmedAction.CHANGE_PLAN
    answered = replace(subscription, unheard_change=None)
    step = confirmation_steps.waiting(answered, replace(charge, key=asked.key), action, asked.to, policy, now, cause)
    waits = step.subscription.confirmation
    if waits is None:
        return step
    return replace(step, subscription=replace(step.subscription, confirmation=replace(waits, command=asked.command)))


def change_not_made(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The change was not paid and no longer can be: everything is as before.

    A required hold may have been lifted for it, so it is requested again.
    """
    asked = _asked(subscription)
    is_held = subscription.is_held and not (asked.present and subscription.wants_hold)
    after = subscription.after(Event.NOTED, unheard_change=None, is_held=is_held)
    summary = f"The unanswered change to {asked.to.plan_name} was not made: nothing was charged"
    return Step(after, (Entry("change_not_made", now, summary, cause),))


def _asked(subscription: Subscription) -> UnansweredChange:
    asked = subscription.unheard_change
    assert asked is not None, "a change is unanswered"  # noqa: S101
    return asked
