"""The steps of customers' and operators' commands."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from domain.access import Access
from domain.formatting import moment
from domain.notifications.mail_types import TO_OPERATORS, Occasion
from domain.provider.payments import AUTHENTICATE, Card, Decline
from domain.subscription import plan_changes
from domain.subscription.agenda import Action, next_due
from domain.subscription.ends import ENDED_AT_PROVIDER, End, EndKind
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event
from domain.subscription.mails import mail
from domain.subscription.policy import Policy
from domain.subscription.reminders import Reminder
from domain.subscription.state import Subscription

CLOCKS_DIFFER = timedelta(minutes=1)
"""How far our clock may be ahead of the provider's: a checkout this shortly before a command that set the card may
have come after it."""


class ConvertAt(StrEnum):
    """When a trial converts."""

    NOW = "now"
    TRIAL_END = "trial_end"


class CancelAt(StrEnum):
    """When a cancellation takes effect."""

    PERIOD_END = "period_end"
    NOW = "now"


def signed_up(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The first step of a subscription without a trial; the first payment follows, and gives access."""
    after = subscription.after(Event.NOTED, access=Access.NONE)
    return Step(after, (Entry("signed_up", now, f"Signed up for {after.plan_name} without a trial", cause),))


def card_replaced(
    subscription: Subscription,
    customer_ref: str,
    card: Card,
    now: datetime,
    cause: Cause,
    *,
    given_at: datetime | None = None,
) -> Step:
    """A card was put on file, or the bank renewed the existing one, which may then be tried again.

    *given_at* is when the customer provided it by the provider's clock, so that the later of two checkouts counts,
    whichever is processed first.
    """
    since = given_at if given_at is not None else now - CLOCKS_DIFFER
    changes: dict[str, Any] = {"customer_ref": customer_ref, "card": card, "card_since": since, "paying_card": ""}
    known, recovery = subscription.card, subscription.recovery
    if known is not None and known.ref == card.ref and known != card:
        changes["barred_card"] = ""
        if recovery is not None and recovery.card_ref == card.ref:
            changes["recovery"] = replace(recovery, card_ref="")
    after = subscription.after(Event.CARD_REPLACED, **changes)
    summary = f"Card on file: {card.brand} ending in {card.last4}"
    return Step(after, (Entry("card_replaced", now, summary, cause, {"card": card.ref}),))


def card_removed(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The customer removed the card at the provider and has no other."""
    gone = subscription.card
    after = subscription.after(Event.CARD_REPLACED, card=None, card_since=now)
    summary = "No card on file" + (f": {gone.brand} ending in {gone.last4} was removed" if gone else "")
    return Step(after, (Entry("card_removed", now, summary, cause, {"card": gone.ref} if gone else {}),))


def provider_pause_noted(subscription: Subscription, paused_for: str, now: datetime, cause: Cause) -> Step:
    """Somebody else paused the agreement at the provider, or resumed it; while paused, we do not control billing."""
    after = subscription.after(Event.NOTED, paused_at_provider=paused_for)
    if not paused_for:
        return Step(after, (Entry("provider_resumed", now, "The payment provider resumed billing", cause),))
    words = (
        f"Paused at the payment provider ({paused_for.replace('_', ' ')}): nothing is billed until it is resumed there"
    )
    return Step(after, (Entry("provider_paused", now, words, cause, {"paused_for": paused_for}),))


def conversion_planned(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """The customer agreed to convert when the trial ends; the card on file triggers it."""
    after = subscription.after(Event.NOTED)
    ends_at = moment(subscription.trial_ends_at or now)
    return Step(after, (Entry("conversion_planned", now, f"Will convert when the trial ends at {ends_at}", cause),))


def declined_at_hand(subscription: Subscription, decline: Decline, now: datetime, cause: Cause) -> Step:
    """A charge that the customer has just requested was declined; nothing else changes."""
    # A missing authentication does not bar the card: its owner may authenticate next time.
    is_permanent = decline.is_hard and decline.code != AUTHENTICATE and subscription.card is not None
    after = subscription.after(
        Event.NOTED,
        barred_card=subscription.card.ref if is_permanent and subscription.card else subscription.barred_card,
    )
    details = {"decline_code": decline.code}
    words = decline.words[0].upper() + decline.words[1:]
    return Step(after, (Entry("charge_declined", now, words, cause, details),))


def cancel_scheduled(
    subscription: Subscription, at: datetime, end: End, now: datetime, cause: Cause, *, ends_pause: bool = False
) -> Step:
    """The subscription will end by itself at *at*; until then it stays usable.

    *ends_pause*: a pause has ended for it, so that the paid days are used up.
    """
    after = subscription.after(
        Event.CANCEL_SCHEDULED,
        cancel_at=at,
        undone_end=None,
        cancel_reason=end.comment,
        end_kind=end.kind,
        reason_code=end.reason_code,
        pending_change=None,
    )
    details, planned = {"cancel_at": moment(at)} | _details(end), subscription.pending_change
    facts = {"cancel_at": moment(at)} | ({"ends_pause": "yes"} if ends_pause else {}) | facts_of_overage(subscription)
    summary = f"Will be canceled at {moment(at)}{_because(end)}"
    if planned is not None:
        details["replaces"] = plan_changes.words(planned.to)
        summary += f"; the planned change to {details['replaces']} is canceled"
        facts |= {"replaced_plan_name": planned.to.plan_name, "replaced_at": moment(planned.at)}
    entry = Entry("cancel_scheduled", now, summary, cause, details)
    notification = mail(after, Occasion.CANCELLATION_SCHEDULED, now, **facts)
    stale = (Occasion.TRIAL_ENDING, Occasion.RENEWAL_AHEAD, Occasion.CARD_EXPIRING, Occasion.PLAN_CHANGE_SCHEDULED)
    return Step(after, (entry,), (notification,), withdraws=stale)


def cancel_withdrawn(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    ahead = tuple(rung for rung in subscription.reminders if rung.at > now)
    after = subscription.after(
        Event.CANCEL_WITHDRAWN,
        cancel_at=None,
        undone_end=subscription.cancel_at,
        cancel_reason="",
        end_kind=None,
        reason_code="",
        reminders=ahead,
        untold_end=None,
    )
    entry = Entry("cancel_withdrawn", now, "The cancellation was undone", cause)
    return Step(after, (entry,), withdraws=(Occasion.CANCELLATION_SCHEDULED,))


def requested_end(subscription: Subscription) -> End:
    """Returns the end that was requested earlier."""
    return End(subscription.end_kind or EndKind.CUSTOMER, subscription.cancel_reason, subscription.reason_code)


def due_end(subscription: Subscription) -> End:
    """Returns the end that is due: as requested, or because of nonpayment or an expired suspension."""
    if subscription.cancel_at is not None:
        return requested_end(subscription)
    if subscription.recovery is not None:
        return End(EndKind.NONPAYMENT, EndKind.NONPAYMENT)
    if subscription.suspension is not None:
        kind = EndKind(subscription.suspension.kind)
        return End(kind, kind)
    return requested_end(subscription)


def found_ended(subscription: Subscription, policy: Policy, now: datetime) -> End:
    """Returns the end of a subscription that ended at the provider: our own, if one was requested or due."""
    due = next_due(subscription, policy)
    is_due = due is not None and due.action is Action.CANCEL and due.at <= now
    is_ours = is_due or subscription.cancel_at is not None
    return due_end(subscription) if is_ours else End(EndKind.PROVIDER, ENDED_AT_PROVIDER)


def canceled(subscription: Subscription, end: End, now: datetime, cause: Cause) -> Step:
    """Ends the subscription and withdraws every waiting mail except receipts."""
    after = subscription.after(
        Event.CANCELED,
        access=Access.NONE,
        status_reason=end.status_reason,
        cancel_at=None,
        cancel_reason=end.comment,
        end_kind=end.kind,
        reason_code=end.reason_code,
        reminders=(),
        recovery=None,
        suspension=None,
        ask_at=None,
        pending_change=None,
        pause=None,
        dispute=None,
        untold_end=None,
    )
    entry = Entry("canceled", now, f"Canceled{_because(end)}", cause, _details(end))
    # The mail states the kind, which is ours; the comment may be any text.
    notification = mail(after, Occasion.CANCELED, now, canceled_reason=end.kind, **facts_of_overage(subscription))
    kept = TO_OPERATORS | {Occasion.RECEIPT, Occasion.CANCELED}
    stale = tuple(occasion for occasion in Occasion if occasion not in kept)
    voided = subscription.recovery.invoice_ref if subscription.recovery else ""
    return Step(after, (entry,), (notification,), withdraws=stale, voided=voided)


def facts_of_overage(subscription: Subscription) -> dict[str, str]:
    """Returns what a mail about the end says of usage that will be billed with it."""
    return {"bills_overage": "yes"} if subscription.bills_overage_at_end else {}


def _because(end: End) -> str:
    return f": {end.comment or end.reason_code}" if end.comment or end.reason_code else ""


def _details(end: End) -> dict[str, str]:
    code = {"reason_code": end.reason_code} if end.reason_code else {}
    return {"reason": end.comment, "end_kind": end.kind.value} | code


def policy_adopted(
    subscription: Subscription,
    was: Policy,
    policy: Policy,
    reminders: tuple[Reminder, ...],
    now: datetime,
    cause: Cause,
) -> Step:
    """An operator moved the subscription to another policy; a running recovery keeps the ladder it began with."""
    recovery = subscription.recovery
    if recovery is not None and not recovery.ladder:
        recovery = replace(recovery, ladder=was.recovery)
    after = subscription.after(Event.NOTED, reminders=reminders, recovery=recovery)
    details = {"from": was.version, "to": policy.version}
    entry = Entry("policy_adopted", now, f"Moved from policy {was.version!r} to {policy.version!r}", cause, details)
    return Step(after, (entry,))
