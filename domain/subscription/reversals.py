"""Money that goes back: refunds, and payments that the customer's bank disputes."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.access import Access
from domain.notifications.mail_types import Occasion
from domain.provider.payments import DisputeStatus, Reversal, ReversalKind
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.mails import mail
from domain.subscription.policy import Policy, Reaction
from domain.subscription.recovery import MAILS as RECOVERY_MAILS
from domain.subscription.state import Dispute, Subscription, SuspensionKind

_HARSHNESS = (Access.FULL, Access.LIMITED, Access.NONE)


KEPT = 8
"""So many of the latest are remembered; messages of the provider are repeated for some days only."""


def is_known(subscription: Subscription, reversal: Reversal) -> bool:
    """Whether all that this reversal tells has been taken note of."""
    runs = subscription.dispute
    is_running = reversal.status is DisputeStatus.OPEN and runs is not None and runs.ref == reversal.ref
    return is_running or _key(reversal) in subscription.known_reversals


def _key(reversal: Reversal) -> str:
    """Names what it tells: how a dispute stands, or what the refunds of a charge add up to."""
    return f"{reversal.ref}/{reversal.status if reversal.status is not None else reversal.amount}"


def _with(subscription: Subscription, reversal: Reversal) -> tuple[str, ...]:
    return (*subscription.known_reversals, _key(reversal))[-KEPT:]


def taken_note_of(subscription: Subscription, reversal: Reversal, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The step that a reversal makes necessary."""
    if reversal.kind is ReversalKind.REFUND:
        return refunded(subscription, reversal, now, cause)
    known, is_open = subscription.dispute, reversal.status is DisputeStatus.OPEN
    if is_open and known is None and is_of(subscription, reversal) and subscription.allows(Event.DISPUTED):
        return disputed(subscription, reversal, policy, now, cause)
    is_decided = reversal.status in (DisputeStatus.WON, DisputeStatus.LOST)
    is_its_end = is_decided and known is not None and known.ref == reversal.ref
    if is_its_end and subscription.allows(Event.DISPUTE_CLOSED):
        return dispute_closed(subscription, reversal, now, cause)
    return dispute_noted(subscription, reversal, now, cause)


def is_of(subscription: Subscription, reversal: Reversal) -> bool:
    """Whether the money was for what runs now, not for an earlier subscription of the customer or anything else."""
    # What was paid for may be of an agreement that went with its customer at the provider.
    return bool(reversal.agreement_ref) and reversal.agreement_ref in (
        subscription.agreement_ref,
        subscription.lost_agreement,
    )


def end_by(subscription: Subscription, reversal: Reversal, policy: Policy) -> End | None:
    """How the subscription ends with this reversal by the policy; None: it does not."""
    if not is_of(subscription, reversal):
        return None
    if reversal.status is DisputeStatus.LOST and policy.dispute_lost is Reaction.CANCEL:
        return End(EndKind.DISPUTE_LOST, EndKind.DISPUTE_LOST)
    is_of_period = reversal.kind is ReversalKind.REFUND and reversal.invoice_ref == subscription.settled_invoice
    if is_of_period and reversal.is_full and policy.fully_refunded is Reaction.CANCEL:
        return End(EndKind.REFUNDED, EndKind.REFUNDED)
    return None


def after_the_end(subscription: Subscription, reversal: Reversal, now: datetime, cause: Cause) -> Step:
    """Money went back of a subscription that is canceled: written down, a refund is mailed too, nothing else."""
    # No event can happen to it any more; only what is known of it grows.
    known = _with(subscription, reversal)
    after = replace(subscription, sequence=subscription.sequence + 1, known_reversals=known)
    if reversal.kind is ReversalKind.REFUND:
        return _given_back(after, reversal, _given_before(subscription, reversal), now, cause)
    entry = Entry("dispute_noted", now, f"Dispute after the end: {reversal.status}", cause, _details(reversal))
    return Step(after, (entry,), reversal=reversal)


def refunded(subscription: Subscription, reversal: Reversal, now: datetime, cause: Cause) -> Step:
    """A payment was given back, whole or in part."""
    after = subscription.after(Event.NOTED, known_reversals=_with(subscription, reversal))
    return _given_back(after, reversal, _given_before(subscription, reversal), now, cause)


def _given_before(subscription: Subscription, reversal: Reversal) -> int:
    """What the refunds of the charge added up to when they were last taken note of."""
    keys = (key.rpartition("/") for key in subscription.known_reversals)
    return next((int(amount) for ref, _, amount in reversed([*keys]) if ref == reversal.ref and amount.isdigit()), 0)


def _given_back(after: Subscription, reversal: Reversal, before: int, now: datetime, cause: Cause) -> Step:
    fresh = reversal.amount - before
    if fresh <= 0:
        summary = f"A refund did not go through: {reversal.amount} {reversal.currency} (minor units) given back in all"
        return Step(after, (Entry("refunded", now, summary, cause, _details(reversal)),), reversal=reversal)
    how_much = "in full" if reversal.is_full else "in part"
    in_all = f", {reversal.amount} in all" if before else ""
    summary = f"Refunded {how_much}: {fresh} {reversal.currency} (minor units){in_all}"
    entry = Entry("refunded", now, summary, cause, _details(reversal))
    paid = reversal.amount_paid
    facts = {
        "refund_amount": str(fresh),
        "refunded_in_all": str(reversal.amount) if before else "",
        "amount_paid": "" if paid is None else str(paid),
        "invoice_number": reversal.invoice_number,
        "currency": reversal.currency,
        # A bill may have been paid by several charges: all of one is not all that was paid.
        "is_full_refund": "yes" if reversal.is_full and (paid is None or reversal.amount >= paid) else "no",
        "card_brand": reversal.card_brand,
        "card_last4": reversal.card_last4,
    }
    # One mail for each amount that the charge's refunds add up to: told twice, it is the same one.
    letter = mail(after, Occasion.REFUNDED, now, occasion_key=_key(reversal), **facts)
    return Step(after, (entry,), (letter,), reversal=reversal)


def disputed(subscription: Subscription, reversal: Reversal, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The bank took a payment back for now: nothing is billed or asked for until it has decided."""
    access = _harsher(subscription.access, policy.disputed_access)
    changes: dict[str, Any] = {"access": access, "ask_at": None}
    suspension = subscription.suspension
    if subscription.status is Status.ACTIVE:
        changes["status_reason"] = "disputed"
    if suspension is not None:
        changes["suspension"] = replace(suspension, access=_harsher(suspension.access, policy.disputed_access))
    after = subscription.after(Event.DISPUTED, dispute=Dispute(reversal.ref, now, _access_due(subscription)), **changes)
    summary = f"Payment disputed: {reversal.amount} {reversal.currency} (minor units), {reversal.reason or 'no reason'}"
    entry = Entry("disputed", now, summary, cause, _details(reversal))
    stale = (*RECOVERY_MAILS, Occasion.RENEWAL_AHEAD, Occasion.CARD_EXPIRING)
    return Step(after, (entry,), withdraws=stale, reversal=reversal)


def _harsher(one: Access, other: Access) -> Access:
    return max(one, other, key=_HARSHNESS.index)


def _access_due(subscription: Subscription) -> Access:
    """What may be used when nothing stands still: a suspension or a pause that runs meanwhile ends by its own rules."""
    if subscription.suspension is not None:
        return subscription.suspension.access
    return Access.FULL if subscription.status is Status.PAUSED else subscription.access


def dispute_noted(subscription: Subscription, reversal: Reversal, now: datetime, cause: Cause) -> Step:
    """The bank only asks, or what it has decided changes nothing here: written down, nothing else."""
    entry = Entry("dispute_noted", now, f"Dispute: {reversal.status}", cause, _details(reversal))
    after = subscription.after(Event.NOTED, known_reversals=_with(subscription, reversal))
    return Step(after, (entry,), reversal=reversal)


def dispute_closed(subscription: Subscription, reversal: Reversal, now: datetime, cause: Cause) -> Step:
    """The bank has decided; what stood still meanwhile goes on where it was."""
    known = _with(subscription, reversal)
    after = subscription.after(Event.DISPUTE_CLOSED, dispute=None, known_reversals=known, **_thawed(subscription, now))
    word = "won" if reversal.status is DisputeStatus.WON else "lost"
    entry = Entry("dispute_closed", now, f"Dispute {word}", cause, _details(reversal))
    return Step(after, (entry,), reversal=reversal)


def _thawed(subscription: Subscription, now: datetime) -> dict[str, Any]:
    dispute, recovery, period_end = subscription.dispute, subscription.recovery, subscription.period_end
    assert dispute is not None  # noqa: S101 - callers have one
    thawed: dict[str, Any] = {}
    if subscription.suspension is not None:
        thawed["suspension"] = replace(subscription.suspension, access=dispute.access)
    elif subscription.status is not Status.PAUSED:
        thawed["access"] = dispute.access
    if recovery is not None:
        # The ladder stood still: its days are counted from as much later, and laid out anew.
        thawed["recovery"] = replace(recovery, since=recovery.since + _stood_still(subscription, now), rungs=())
    if subscription.status is Status.ACTIVE:
        thawed["status_reason"] = ""
    if subscription.status is Status.ACTIVE and subscription.agreement_ref:
        thawed["ask_at"] = now
        # The bill for it was voided by our own hold.
        if period_end is not None and period_end <= now:
            thawed |= {"owes_new_period": True, "sets_billing_day": True}
    return thawed


def _stood_still(subscription: Subscription, now: datetime) -> timedelta:
    """For how long a dispute alone has kept a recovery waiting; an operator's hold gives its own days back."""
    dispute, recovery, suspension = subscription.dispute, subscription.recovery, subscription.suspension
    if dispute is None or recovery is None:
        return timedelta()
    is_held = suspension is not None and suspension.kind is SuspensionKind.OPERATOR
    until = min(now, suspension.since) if suspension is not None and is_held else now
    return max(until - max(dispute.since, recovery.since), timedelta())


def _details(reversal: Reversal) -> dict[str, str]:
    return {
        "reversal": reversal.ref,
        "invoice": reversal.invoice_ref,
        "amount": str(reversal.amount),
        "currency": reversal.currency,
        "reason": reversal.reason,
    }
