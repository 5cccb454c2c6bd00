"""Changes of plan, interval, quantity and add-ons: immediate, scheduled for the period's end, or withdrawn."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from domain.access import Access
from domain.catalog.plans import Selection
from domain.formatting import moment
from domain.notifications.mail_types import Occasion
from domain.provider.payments import Charge
from domain.subscription.billing_day import Placement
from domain.subscription.journal import Cause, Entry, FitCheck, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.mails import invoice_facts, mail, price_facts, provider_key, receipt
from domain.subscription.policy import ChangeAt, Policy
from domain.subscription.state import PendingChange, Subscription

PREVIEW_HOLDS = timedelta(minutes=15)
"""How long after a preview a change is prorated from its moment."""
STALE = (Occasion.PLAN_CHANGE_SCHEDULED, Occasion.RENEWAL_AHEAD, Occasion.CARD_EXPIRING)
"""Mails about the previous plan, which a change withdraws."""


def takes_effect(
    subscription: Subscription, policy: Policy, requested: ChangeAt | None, *, is_upgrade: bool
) -> ChangeAt:
    """Returns when a change takes effect: as requested, else by policy; immediately if no period is paid."""
    if subscription.lost_agreement:
        return requested or ChangeAt.PERIOD_END
    if not subscription.agreement_ref:
        return ChangeAt.NOW
    return requested or (policy.upgrade if is_upgrade else policy.downgrade)


def basis(subscription: Subscription) -> Selection:
    """Returns what a request's omitted parts default to: the scheduled change if any, else the current plan."""
    planned = subscription.pending_change
    return planned.to if planned is not None else subscription.selection


def basis_name(subscription: Subscription) -> str:
    """Names the basis of a request, so that a request overtaken by another change is detected."""
    planned = subscription.pending_change
    parts = [_full_name(subscription.selection), *([_full_name(planned.to)] if planned is not None else [])]
    return "; then ".join(parts)


def _full_name(selection: Selection) -> str:
    return f"{selection.catalog}/{selection.plan}: {words(selection)}"


def replaced(subscription: Subscription, to: Selection) -> PendingChange | None:
    """Returns the scheduled change that a change to *to* replaces; None: there is none, or it is the same."""
    planned = subscription.pending_change
    return None if planned is None or planned.to.is_just(to) else planned


def counted_from(subscription: Subscription, now: datetime) -> datetime:
    """Returns the moment from which a change is prorated: the full hour, so that a quote holds until the next."""
    hour = _full_hour(now)
    return max(hour, subscription.period_start or hour)


def recent_preview(preview_at: datetime | None, now: datetime) -> datetime:
    """Returns the moment of a preview if it was a short while ago, so that the change costs what was shown; else now.

    An older preview would credit time that has been used.
    """
    is_recent = preview_at is not None and now - PREVIEW_HOLDS <= preview_at <= now
    return preview_at if preview_at is not None and is_recent else now


def quote_holds_until(now: datetime) -> datetime:
    """Returns until when a change is prorated from the same moment."""
    return _full_hour(now) + timedelta(hours=1)


def _full_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def changed(subscription: Subscription, to: Selection, now: datetime, cause: Cause) -> Step:
    """Changes the selection from now on, without billing anything yet."""
    after = subscription.after(Event.PLAN_CHANGED, pending_change=None).choosing(to)
    return _changed_step(subscription, after, to, now, cause)


def changed_at_cost(
    subscription: Subscription, to: Selection, charge: Charge, policy: Policy, now: datetime, cause: Cause
) -> Step:
    """Changes the selection from now on, with the difference billed or credited."""
    place, invoice = _place_after_change(subscription, to, charge), charge.invoice
    period_end = place.end
    begins_next = charge.is_apart and subscription.begins_own_period and not _begins_period(subscription, to)
    ask_at = period_end + policy.ask_after if period_end else subscription.ask_at
    after = subscription.after(
        Event.PLAN_CHANGED,
        pending_change=None,
        is_held=_is_held_after(subscription, to, charge),
        # A separate invoice is not the agreement's latest, which stays the settled one.
        settled_invoice=invoice.ref if invoice and not charge.is_apart else subscription.settled_invoice,
        **place.changes,
        ask_at=None if begins_next else ask_at,
        owes_new_period=begins_next if charge.is_apart else subscription.owes_new_period,
        begins_own_period=begins_next if charge.is_apart else subscription.begins_own_period,
        barred_card="",
    ).choosing(to)
    charge = replace(charge, period_start=after.period_start, period_end=after.period_end)
    step = _changed_step(subscription, after, to, now, cause, charge)
    receipts = receipt(after, charge, now) if invoice is not None and invoice.amount > 0 else []
    return replace(step, mails=(*step.mails, *receipts), invoice=invoice)


def _begins_period(subscription: Subscription, to: Selection) -> bool:
    return to.interval is not subscription.interval


def _is_held_after(subscription: Subscription, to: Selection, charge: Charge) -> bool:
    """A change lifts a hold, unless it was billed separately: then another interval begins on hold."""
    return charge.is_apart and (subscription.is_held or _begins_period(subscription, to))


def _place_after_change(subscription: Subscription, to: Selection, charge: Charge) -> Placement:
    """The period continues unchanged; only another interval begins a new period and billing day."""
    is_as_known = charge.anchor is not None and charge.anchor == subscription.agreement_anchor
    goes_on = is_as_known or (charge.is_apart and subscription.begins_own_period)
    if goes_on and not _begins_period(subscription, to) and subscription.period_end is not None:
        return Placement(subscription.period_start, subscription.period_end)
    start, end = charge.period_start or subscription.period_start, charge.period_end or subscription.period_end
    anchors = {"billing_anchor": charge.anchor, "agreement_anchor": charge.anchor, "given_back_seconds": 0}
    return Placement(start, end, days=anchors if charge.anchor is not None else None)


def _changed_step(
    before: Subscription, after: Subscription, to: Selection, now: datetime, cause: Cause, charge: Charge | None = None
) -> Step:
    details, facts = (
        _details(before, to),
        _choice(to) | {"old_plan_name": before.plan_name} | _replaced_facts(before, to),
    )
    invoice = charge.invoice if charge is not None else None
    if charge is not None and invoice is not None:
        details |= invoice_facts(invoice, charge.period_end) | provider_key(charge)
        facts |= {"due_now": str(invoice.amount)} if invoice.amount else {}
    notification = mail(after, Occasion.PLAN_CHANGED, now, **facts)
    summary = f"Changed from {words(before.selection)} to {words(to)}{_instead(before, to)}"
    entry = Entry("plan_changed", now, summary, cause, details)
    fit = FitCheck(before.selection, to, begins_period=before.interval is not to.interval)
    return Step(after, (entry,), (notification,), withdraws=STALE, fit=fit)


def change_scheduled(subscription: Subscription, to: Selection, now: datetime, cause: Cause) -> Step:
    """Schedules a change for the end of the paid period."""
    at = subscription.period_end or now
    pending = PendingChange(to, at, now)
    after = subscription.after(Event.CHANGE_SCHEDULED, pending_change=pending)
    summary = (
        f"Will change from {words(subscription.selection)} to {words(to)} at {moment(at)}{_instead(subscription, to)}"
    )
    entry = Entry("change_scheduled", now, summary, cause, _details(subscription, to) | {"change_at": moment(at)})
    facts = _choice(to) | {"change_at": moment(at), "old_plan_name": subscription.plan_name}
    facts |= _replaced_facts(subscription, to)
    notification = mail(after, Occasion.PLAN_CHANGE_SCHEDULED, now, **facts)
    fit = FitCheck(subscription.selection, to, is_ahead=True)
    return Step(after, (entry,), (notification,), withdraws=STALE, fit=fit)


def change_withdrawn(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    period_end = subscription.period_end
    # Because of the hold, the provider has not billed the period that has begun in the meantime.
    missed = subscription.status is Status.ACTIVE and period_end is not None and period_end <= now
    after = subscription.after(
        Event.CHANGE_WITHDRAWN, pending_change=None, owes_new_period=subscription.owes_new_period or missed
    )
    entry = Entry("change_withdrawn", now, f"The planned change was withdrawn: stays on {after.plan_name}", cause)
    return Step(after, (entry,), withdraws=(Occasion.PLAN_CHANGE_SCHEDULED,))


def change_begins(subscription: Subscription, to: Selection, now: datetime, cause: Cause) -> Step:
    """The paid period is over and the scheduled change begins: its first period is still to be paid."""
    step = changed(subscription, to, now, cause)
    owing = replace(step.subscription, owes_new_period=True, agreement_is_stale=True, ask_at=None)
    return replace(step, subscription=owing, fit=FitCheck(subscription.selection, to, begins_period=True))


def free_plan_due(subscription: Subscription, now: datetime) -> Selection | None:
    """Returns the free plan if a scheduled change to it is due, or one is unanswered: then we end the agreement."""
    pending, unanswered = subscription.pending_change, subscription.unheard_change
    if unanswered is not None and not unanswered.to.items:
        return unanswered.to
    return pending.to if pending is not None and not pending.to.items and pending.at <= now else None


def moved_to_free(subscription: Subscription, to: Selection, now: datetime, cause: Cause) -> Step:
    """The trial or paid plan is over, and the free plan continues. The agreement, if any, has been ended."""
    was_trial = not (subscription.agreement_ref or subscription.lost_agreement)
    after = subscription.after(
        Event.MOVED_TO_FREE,
        access=Access.FULL,
        status_reason="free_plan",
        reminders=(),
        # The agreement has ended, so the outcome of its attempts no longer matters.
        unheard_tries=subscription.unheard_tries if was_trial else (),
        **_NOTHING_PAID,
    ).choosing(to)
    summary = f"{'The trial' if was_trial else subscription.plan_name} is over: continues on {to.plan_name}, data kept"
    entry = Entry("moved_to_free", now, summary, cause, _details(subscription, to))
    notification = mail(after, Occasion.MOVED_TO_FREE, now, old_plan_name=subscription.plan_name)
    withdraws = (Occasion.TRIAL_ENDING, Occasion.TRIAL_EXPIRED, *STALE)
    fit = FitCheck(subscription.selection, to, begins_period=True)
    return Step(after, (entry,), (notification,), withdraws=withdraws, fit=fit)


_NOTHING_PAID: dict[str, Any] = {
    "pending_change": None,
    "unheard_change": None,
    "suspension": None,
    "agreement_ref": "",
    "lost_agreement": "",
    "is_held": False,
    "period_start": None,
    "period_end": None,
    "ask_at": None,
    "owes_new_period": False,
    "begins_own_period": False,
    "agreement_is_stale": False,
    "billing_anchor": None,
    "agreement_anchor": None,
    "sets_billing_day": False,
    "given_back_seconds": 0,
    "paused_seconds": 0,
}


def _choice(to: Selection) -> dict[str, str]:
    return {"plan": to.plan, "plan_name": to.plan_name, "quantity": str(to.quantity)} | price_facts(to)


def _details(subscription: Subscription, to: Selection) -> dict[str, str]:
    details, planned = (
        {"from": words(subscription.selection), "to": words(to), "plan": to.plan},
        replaced(subscription, to),
    )
    return details | ({"replaces": words(planned.to)} if planned is not None else {})


def _instead(subscription: Subscription, to: Selection) -> str:
    planned = replaced(subscription, to)
    return f", replacing the planned change to {words(planned.to)}" if planned is not None else ""


def _replaced_facts(subscription: Subscription, to: Selection) -> dict[str, str]:
    planned = replaced(subscription, to)
    if planned is None:
        return {}
    return {"replaced_plan_name": planned.to.plan_name, "replaced_at": moment(planned.at)}


def words(selection: Selection) -> str:
    """Describes a selection: "2 x Starter by the month, 3 x users"."""
    quantity = f"{selection.quantity} x " if selection.quantity != 1 else ""
    add_ons = "".join(f", {units} x {code}" for code, units in selection.add_ons.items())
    return f"{quantity}{selection.plan_name} by the {selection.interval}{add_ons}"
