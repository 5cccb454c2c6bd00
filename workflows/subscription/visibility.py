"""What operators see of a subscription workflow in the Temporal UI."""

from collections.abc import Iterable, Sequence
from typing import Any

from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes

from domain.formatting import moment
from domain.money import Money, formatted
from domain.names import SearchAttribute
from domain.subscription.agenda import Action, Due, agenda
from domain.subscription.blocked_steps import all_blocked
from domain.subscription.plan_changes import words
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription

STATUS = SearchAttributeKey.for_keyword(SearchAttribute.STATUS)
PLAN = SearchAttributeKey.for_keyword(SearchAttribute.PLAN)
CUSTOMER = SearchAttributeKey.for_keyword(SearchAttribute.CUSTOMER)
NEXT_ACTION = SearchAttributeKey.for_keyword(SearchAttribute.NEXT_ACTION)
NEXT_ACTION_AT = SearchAttributeKey.for_datetime(SearchAttribute.NEXT_ACTION_AT)
BLOCKED = SearchAttributeKey.for_keyword(SearchAttribute.BLOCKED)
"""Why a step is blocked, as a code; set only while one is."""


def summary(subscription: Subscription) -> str:
    """The summary of a subscription workflow, wherever it is started; contains no personal data."""
    return f"{subscription.plan_name} by the {subscription.interval} for customer {subscription.customer}"


def attributes(
    subscription: Subscription, ahead: Sequence[Due], *, shows_renewals: bool = False
) -> TypedSearchAttributes:
    """The search attributes of a subscription's current state.

    A renewal has no date unless *shows_renewals*: the provider does it, and to show its date would cost an action each
    time.
    """
    pairs: list[SearchAttributePair[Any]] = [
        SearchAttributePair(STATUS, subscription.status.value),
        SearchAttributePair(PLAN, subscription.plan),
        SearchAttributePair(CUSTOMER, subscription.customer),
    ]
    if ahead:
        pairs.append(SearchAttributePair(NEXT_ACTION, ahead[0].action.value))
        if shows_renewals or ahead[0].action is not Action.RENEW:
            pairs.append(SearchAttributePair(NEXT_ACTION_AT, ahead[0].at))
    if subscription.blocked is not None:
        pairs.append(SearchAttributePair(BLOCKED, subscription.blocked.code))
    return TypedSearchAttributes(pairs)


def changes(shown: TypedSearchAttributes, wanted: TypedSearchAttributes) -> list[SearchAttributeUpdate[Any]]:
    """The updates that bring the shown attributes up to date; empty if they are."""
    updates: list[SearchAttributeUpdate[Any]] = []
    keys: tuple[SearchAttributeKey[Any], ...] = (STATUS, PLAN, CUSTOMER, NEXT_ACTION, NEXT_ACTION_AT, BLOCKED)
    for key in keys:
        value = wanted.get(key)
        if value != shown.get(key):
            updates.append(key.value_unset() if value is None else key.value_set(value))
    return updates


def details(subscription: Subscription, policy: Policy, recent: Iterable[str] = ()) -> str:
    """The subscription's state, what happens next and the latest entries, in Markdown."""
    why = f" ({subscription.status_reason})" if subscription.status_reason else ""
    price = formatted(Money(subscription.amount, subscription.currency))
    lines = [
        *_blocked(subscription),
        f"**{subscription.plan_name}**, {subscription.quantity} x by the {subscription.interval}, {price}",
        "",
        f"**{subscription.status}**{why}, access {subscription.access}",
        "",
        *_dates(subscription),
    ]
    ahead = agenda(subscription, policy)
    if ahead:
        lines += ["", "Next:", "", *(f"- {moment(due.at)} **{due.action}**: {due.why}" for due in ahead)]
    else:
        lines += ["", "Nothing is due: it waits for a command or a provider event."]
    past = [f"- {line}" for line in reversed(list(recent))]
    if past:
        lines += ["", "Latest:", "", *past]
    return "\n".join(lines)


def _blocked(subscription: Subscription) -> list[str]:
    lines = []
    for trouble in all_blocked(subscription):
        when = f"since {moment(trouble.since)}, next attempt {moment(trouble.next_try)}"
        lines += [f"**Blocked** {when}: {trouble.action} waits, {trouble.why} ({trouble.code})", ""]
    return lines


def _dates(subscription: Subscription) -> list[str]:
    rows = (
        ("Trial ends", subscription.trial_ends_at),
        ("Paid until", subscription.period_end),
        ("Canceled at", subscription.cancel_at),
    )
    lines = [f"- {label}: {moment(at)}" for label, at in rows if at is not None]
    if subscription.card is not None:
        lines.append(f"- Card: {subscription.card.brand} ending in {subscription.card.last4}")
    recovery = subscription.recovery
    if recovery is not None:
        since = f"- Recovery since {moment(recovery.since)}: {recovery.tries} declined, last {recovery.decline.code}"
        lines.append(since)
    change, pause, dispute = subscription.pending_change, subscription.pause, subscription.dispute
    if change is not None:
        lines.append(f"- Changes to {words(change.to)} at {moment(change.at)}")
    if pause is not None:
        until = moment(pause.resumes_at) if pause.resumes_at is not None else "the customer resumes it"
        lines.append(f"- Paused since {moment(pause.since)}, until {until}")
    if dispute is not None:
        lines.append(f"- Payment disputed since {moment(dispute.since)}: {dispute.ref}")
    return lines
