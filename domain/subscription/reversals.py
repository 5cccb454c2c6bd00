"""Reversals: refunds and disputes."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.access import Access
from domain.money import Money, formatted
from domain.notifications.mail_types import Occasion
from domain.provider.payments import DisputeStatus, Reversal, ReversalKind
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause, CauseKind, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.mails import mail
from domain.subscription.policy import Policy, Reaction
from domain.subscription.recovery import MAILS as RECOVERY_MAILS
from domain.subscription.state import Dispute, Subscription, SuspensionKind

_HARSHNESS = (Access.FULL, Access.LIMITED, Access.NONE)


KEPT = 8
"""How many of the latest are remembered; the provider repeats messages for some days only."""


def is_known(subscription: Subscription, reversal: Reversal) -> bool:
    """True if this state of the reversal has been processed."""
    dispute = subscription.dispute
    running = (*subscription.other_disputes, dispute.ref if dispute is not None else "")
    is_running = reversal.status is DisputeStatus.OPEN and reversal.ref in running
    return is_running or _key(reversal) in subscription.known_reversals


def _key(reversal: Reversal) -> str:
    """Identifies the state: the status of a dispute, or the sum of a charge's refunds."""
    return f"{reversal.ref}/{reversal.status if reversal.status is not None else reversal.amount}"


def known_with(subscription: Subscription, reversal: Reversal) -> tuple[str, ...]:
    """The reversals that have been processed, this one included."""
    return (*subscription.known_reversals, _key(reversal))[-KEPT:]


def cause_of(subscription: Subscription, reversal: Reversal, reported: Cause) -> Cause:
    """Returns why the money went back: our own command, if one asked for it, whichever *reported* it first."""
    is_new = reversal.amount > _refunded_before(subscription, reversal)
    return Cause(CauseKind.COMMAND, reversal.command, reversal.actor) if reversal.command and is_new else reported


def is_another(subscription: Subscription, reversal: Reversal) -> bool:
    """True if a dispute opens while another one runs."""
    is_open, running = reversal.status is DisputeStatus.OPEN, subscription.dispute
    return is_open and running is not None and running.ref != reversal.ref and is_of(subscription, reversal)


def recorded(
    subscription: Subscription,
    reversal: Reversal,
    policy: Policy,
    now: datetime,
    cause: Cause,
    reason: str = "",
    *,
    keeps_others: bool = True,
) -> Step:
    """Returns the step for a reversal; *reason* is that of the command that asked for it.

    Without *keeps_others*, a dispute beside another one is not remembered.
    """
    if reversal.kind is ReversalKind.REFUND:
        return refunded(subscription, reversal, now, cause, reason)
    known, is_open = subscription.dispute, reversal.status is DisputeStatus.OPEN
    if is_open and known is None and is_of(subscription, reversal) and subscription.allows(Event.DISPUTED):
        return disputed(subscription, reversal, policy, now, cause)
    is_decided = reversal.status in (DisputeStatus.WON, DisputeStatus.LOST)
    is_its_end = is_decided and known is not None and known.ref == reversal.ref
    if is_its_end and subscription.allows(Event.DISPUTE_CLOSED):
        return dispute_closed(subscription, reversal, now, cause)
    if keeps_others and is_another(subscription, reversal):
        others = (*subscription.other_disputes, reversal.ref)
    else:
        others = tuple(ref for ref in subscription.other_disputes if not is_decided or ref != reversal.ref)
    return dispute_noted(subscription, reversal, now, cause, others)


def is_of(subscription: Subscription, reversal: Reversal) -> bool:
    """True if the payment was for this subscription, not for an earlier one or anything else."""
    # The payment may belong to an agreement that the provider deleted with its customer.
    return bool(reversal.agreement_ref) and reversal.agreement_ref in (
        subscription.agreement_ref,
        subscription.lost_agreement,
    )


def end_by(subscription: Subscription, reversal: Reversal, policy: Policy) -> End | None:
    """Returns how this reversal ends the subscription by policy; None: it does not."""
    if not is_of(subscription, reversal):
        return None
    if reversal.status is DisputeStatus.LOST and policy.dispute_lost is Reaction.CANCEL:
        return End(EndKind.DISPUTE_LOST, EndKind.DISPUTE_LOST)
    is_of_period = reversal.kind is ReversalKind.REFUND and reversal.invoice_ref == subscription.settled_invoice
    if is_of_period and reversal.is_full and policy.fully_refunded is Reaction.CANCEL:
        return End(EndKind.REFUNDED, EndKind.REFUNDED)
    return None


def after_the_end(
    subscription: Subscription, reversal: Reversal, now: datetime, cause: Cause, reason: str = ""
) -> Step:
    """A reversal after the end: it is recorded, and a refund is mailed, nothing else."""
    # A canceled subscription allows no events, so only its known reversals change.
    known = known_with(subscription, reversal)
    after = replace(subscription, sequence=subscription.sequence + 1, known_reversals=known)
    if reversal.kind is ReversalKind.REFUND:
        return _refund_step(after, reversal, _refunded_before(subscription, reversal), now, cause, reason)
    entry = Entry("dispute_noted", now, f"Dispute after the end: {reversal.status}", cause, _details(reversal))
    return Step(after, (entry,), reversal=reversal)


def refunded(subscription: Subscription, reversal: Reversal, now: datetime, cause: Cause, reason: str = "") -> Step:
    """A payment was refunded in full or in part."""
    after = subscription.after(Event.NOTED, known_reversals=known_with(subscription, reversal))
    return _refund_step(after, reversal, _refunded_before(subscription, reversal), now, cause, reason)


def _refunded_before(subscription: Subscription, reversal: Reversal) -> int:
    """The sum of the charge's refunds when they were last processed."""
    keys = (key.rpartition("/") for key in subscription.known_reversals)
    return next((int(amount) for ref, _, amount in reversed([*keys]) if ref == reversal.ref and amount.isdigit()), 0)


def _refund_step(
    after: Subscription, reversal: Reversal, before: int, now: datetime, cause: Cause, reason: str
) -> Step:
    fresh, details = reversal.amount - before, _details(reversal)
    if reason:
        details["reason"] = reason
    in_total = formatted(Money(reversal.amount, reversal.currency))
    if fresh <= 0:
        summary = f"A refund failed: {in_total} refunded in total"
        return Step(after, (Entry("refunded", now, summary, cause, details),), reversal=reversal)
    how_much = "in full" if reversal.is_full else "in part"
    total = f", {in_total} in total" if before else ""
    summary = f"Refunded {how_much}: {formatted(Money(fresh, reversal.currency))}{total}"
    entry = Entry("refunded", now, summary, cause, details)
    paid = reversal.amount_paid
    facts = {
        "refund_amount": str(fresh),
        "refunded_in_all": str(reversal.amount) if before else "",
        "amount_paid": "" if paid is None else str(paid),
        "invoice_number": reversal.invoice_number,
        "currency": reversal.currency,
        # An invoice may have been paid by several charges, so one fully refunded charge is not the whole payment.
        "is_full_refund": "yes" if reversal.is_full and (paid is None or reversal.amount >= paid) else "no",
        "card_brand": reversal.card_brand,
        "card_last4": reversal.card_last4,
    }
    # One mail per sum of the charge's refunds: if reported twice, it is the same mail.
    notification = mail(after, Occasion.REFUNDED, now, occasion_key=_key(reversal), **facts)
    return Step(after, (entry,), (notification,), reversal=reversal)


def disputed(subscription: Subscription, reversal: Reversal, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The bank has provisionally taken a payment back: nothing is billed or charged until it decides."""
    access = _harsher(subscription.access, policy.disputed_access)
    changes: dict[str, Any] = {"access": access, "ask_at": None}
    suspension = subscription.suspension
    if subscription.status is Status.ACTIVE:
        changes["status_reason"] = "disputed"
    if suspension is not None:
        changes["suspension"] = replace(suspension, access=_harsher(suspension.access, policy.disputed_access))
    after = subscription.after(Event.DISPUTED, dispute=Dispute(reversal.ref, now, _access_due(subscription)), **changes)
    amount = formatted(Money(reversal.amount, reversal.currency))
    summary = f"Payment disputed: {amount}, {reversal.reason or 'no reason'}"
    entry = Entry("disputed", now, summary, cause, _details(reversal))
    stale = (*RECOVERY_MAILS, Occasion.RENEWAL_AHEAD, Occasion.CARD_EXPIRING)
    return Step(after, (entry,), withdraws=stale, reversal=reversal)


def _harsher(one: Access, other: Access) -> Access:
    return max(one, other, key=_HARSHNESS.index)


def _access_due(subscription: Subscription) -> Access:
    """The access without the dispute; a suspension or pause in the meantime ends by its own rules."""
    if subscription.suspension is not None:
        return subscription.suspension.access
    return Access.FULL if subscription.status is Status.PAUSED else subscription.access


def dispute_noted(
    subscription: Subscription, reversal: Reversal, now: datetime, cause: Cause, others: tuple[str, ...]
) -> Step:
    """The bank only inquires, or another dispute runs: recorded, and which *others* are open, nothing else."""
    entry = Entry("dispute_noted", now, f"Dispute: {reversal.status}", cause, _details(reversal))
    known = known_with(subscription, reversal)
    after = subscription.after(Event.NOTED, known_reversals=known, other_disputes=others)
    return Step(after, (entry,), reversal=reversal)


def dispute_closed(subscription: Subscription, reversal: Reversal, now: datetime, cause: Cause) -> Step:
    """The bank has decided; what was paused continues where it was, unless another dispute is open."""
    if subscription.other_disputes:
        return _next_dispute(subscription, reversal, now, cause)
    known = known_with(subscription, reversal)
    after = subscription.after(
        Event.DISPUTE_CLOSED, dispute=None, known_reversals=known, **_after_dispute(subscription, now)
    )
    entry = Entry("dispute_closed", now, f"Dispute {_result(reversal)}", cause, _details(reversal))
    return Step(after, (entry,), reversal=reversal)


def _next_dispute(subscription: Subscription, reversal: Reversal, now: datetime, cause: Cause) -> Step:
    """Another dispute takes the place of the decided one: all that is paused stays so, since the same time."""
    (ref, *others), running = subscription.other_disputes, subscription.dispute
    assert running is not None  # noqa: S101 - others are kept only beside one
    after = subscription.after(
        Event.NOTED,
        dispute=replace(running, ref=ref),
        other_disputes=tuple(others),
        known_reversals=known_with(subscription, reversal),
    )
    summary = f"Dispute {_result(reversal)}; another one is still open"
    return Step(after, (Entry("dispute_closed", now, summary, cause, _details(reversal)),), reversal=reversal)


def _result(reversal: Reversal) -> str:
    return "won" if reversal.status is DisputeStatus.WON else "lost"


def _after_dispute(subscription: Subscription, now: datetime) -> dict[str, Any]:
    dispute, recovery, period_end = subscription.dispute, subscription.recovery, subscription.period_end
    assert dispute is not None  # noqa: S101 - callers have one
    changes: dict[str, Any] = {}
    if subscription.suspension is not None:
        changes["suspension"] = replace(subscription.suspension, access=dispute.access)
    elif subscription.status is not Status.PAUSED:
        changes["access"] = dispute.access
    if recovery is not None:
        # The ladder was paused: its start moves by that time, and its steps are rescheduled.
        changes["recovery"] = replace(recovery, since=recovery.since + _paused_by_dispute(subscription, now), rungs=())
    if subscription.status is Status.ACTIVE:
        changes["status_reason"] = "free_plan" if subscription.is_free else ""
    if subscription.status is Status.ACTIVE and subscription.agreement_ref:
        changes["ask_at"] = now
        # Our own hold voided its invoice.
        if period_end is not None and period_end <= now:
            changes |= {"owes_new_period": True, "sets_billing_day": True}
    return changes


def _paused_by_dispute(subscription: Subscription, now: datetime) -> timedelta:
    """How long the dispute alone has paused a recovery; an operator's suspension gives back its own days."""
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
