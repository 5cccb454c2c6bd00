"""What becomes of a charge or a change whose answer was lost, once a look or the next try tells what came of it."""

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
from domain.subscription.unanswered_attempts import UnheardChange, UnheardTry


def next_try(subscription: Subscription) -> Subscription:
    """The subscription as it makes its next try: one for something else that was not answered keeps its own key."""
    if subscription.agreement_ref or not subscription.unheard_tries:
        return subscription
    latest = subscription.unheard_tries[-1]
    if latest.key != subscription.next_try_key or latest.to.items == subscription.items:
        return subscription
    return replace(subscription, charge_tries=subscription.charge_tries + 1)


def earlier_tries(subscription: Subscription, key: str) -> tuple[str, ...]:
    """The keys of tries before that of *key* which may have brought an agreement about."""
    return tuple(each.key for each in subscription.unheard_tries if each.key != key)


def unanswered(subscription: Subscription, key: str, now: datetime) -> Subscription:
    """The subscription with a try to which there was no answer; the same one asked again is no other."""
    if any(each.key == key for each in subscription.unheard_tries):
        return subscription
    tries = (*subscription.unheard_tries, UnheardTry(key, subscription.selection, now))
    return replace(subscription, unheard_tries=tries)


def noted(subscription: Subscription, what: str, now: datetime, cause: Cause) -> Step:
    """Nobody knows whether it was done; that is asked for later, whatever becomes of who is told so now."""
    summary = f"No answer from the payment provider: whether {what} was made is asked for later"
    return Step(subscription.after(Event.NOTED), (Entry("answer_missing", now, summary, cause),))


def answered(subscription: Subscription, charge: Charge, now: datetime) -> Subscription:
    """No try is without an answer any more.

    What an earlier one has paid for is what there is then, and what was wanted since follows at once.
    """
    paid_for = next((each.to for each in subscription.unheard_tries if each.key == charge.key), None)
    after = replace(subscription, unheard_tries=())
    begins = charge.outcome is ChargeOutcome.PAID and not subscription.agreement_ref
    if not begins or paid_for is None or paid_for.items == subscription.items:
        return after
    wanted = None if subscription.is_free else PendingChange(subscription.selection, now, now)
    return replace(after.choosing(paid_for), pending_change=wanted)


def settled(subscription: Subscription, charge: Charge, now: datetime) -> tuple[Subscription, Charge]:
    """A look has found a bill settled: the try without an answer was that one, and the next has another key.

    The provider counts from another moment than was known only when a try of ours has begun the period there.
    """
    tries = subscription.unheard_tries
    if not tries:
        return subscription, charge
    has_begun = charge.anchor is not None and charge.anchor != subscription.agreement_anchor
    counted = subscription.with_try(now) if tries[-1].key == subscription.next_try_key else subscription
    return replace(counted, unheard_tries=()), replace(charge, key=tries[-1].key) if has_begun else charge


def begun(subscription: Subscription, charge: Charge, now: datetime) -> Subscription:
    """A look has found the agreement that a try without an answer has paid for."""
    is_last = subscription.unheard_tries[-1].key == subscription.next_try_key
    return answered(subscription.with_try(now) if is_last else subscription, charge, now)


def not_begun(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """A look has found that no try without an answer came to anything; the next one has another key."""
    is_last = subscription.unheard_tries[-1].key == subscription.next_try_key
    tries = subscription.charge_tries + is_last
    after = subscription.after(Event.NOTED, charge_tries=tries, unheard_tries=())
    summary = "The payment that the payment provider had not answered was not made: nothing was charged"
    return Step(after, (Entry("payment_not_made", now, summary, cause),))


# Changes


def change_noted(subscription: Subscription, asked: UnheardChange, now: datetime, cause: Cause) -> Step:
    """Nobody knows whether a change was made; it is kept until that is known."""
    return noted(replace(subscription, unheard_change=asked), f"the change to {asked.to.plan_name}", now, cause)


def change_found(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The change was made and is paid: it is taken over as if it had been answered, once."""
    asked = _asked(subscription)
    told = replace(
        subscription, unheard_change=None, confirmed=confirmation_steps.kept(subscription.confirmed, asked.command)
    )
    return plan_changes.changed_at_cost(told, asked.to, replace(charge, key=asked.key), policy, now, cause)


def free_plan_found(subscription: Subscription, to: Selection, now: datetime, cause: Cause) -> Step:
    """The agreement was ended by us for the free plan, whether that was planned or was not answered."""
    asked = subscription.unheard_change
    done = (
        confirmation_steps.kept(subscription.confirmed, asked.command) if asked is not None else subscription.confirmed
    )
    return plan_changes.moved_to_free(replace(subscription, confirmed=done), to, now, cause)


def change_waits(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The customer's bank wants the change's payment confirmed; until then everything stays as it is."""
    asked, action = _asked(subscription), ConfirmedAction.CHANGE_PLAN
    told = replace(subscription, unheard_change=None)
    step = confirmation_steps.waiting(told, replace(charge, key=asked.key), action, asked.to, policy, now, cause)
    waits = step.subscription.confirmation
    if waits is None:
        return step
    return replace(step, subscription=replace(step.subscription, confirmation=replace(waits, command=asked.command)))


def change_not_made(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """Nothing was paid for the change, and nothing can be any more: all is as it was before.

    A hold that is to stand was lifted for it, perhaps: it is told again.
    """
    asked = _asked(subscription)
    is_held = subscription.is_held and not (asked.present and subscription.wants_hold)
    after = subscription.after(Event.NOTED, unheard_change=None, is_held=is_held)
    summary = f"The change to {asked.to.plan_name} that was not answered was not made: nothing was charged"
    return Step(after, (Entry("change_not_made", now, summary, cause),))


def _asked(subscription: Subscription) -> UnheardChange:
    asked = subscription.unheard_change
    assert asked is not None, "a change was not answered"  # noqa: S101
    return asked
