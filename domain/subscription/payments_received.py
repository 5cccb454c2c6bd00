"""Received payments (conversion, renewal, recovery) and invoices that will not be paid."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from domain.access import Access
from domain.money import Money, formatted
from domain.notifications.mail_types import Occasion
from domain.provider.payments import Charge, ChargeOutcome, Invoice
from domain.subscription import billing_day, recovery
from domain.subscription.confirmation import KEYS_KEPT
from domain.subscription.journal import Cause, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.mails import card_left_out, invoice_facts, mail, provider_key, receipt
from domain.subscription.policy import Policy
from domain.subscription.state import Dispute, Subscription, Suspension, SuspensionKind
from domain.subscription.suspension import facts_of_return

WAIVED_KEPT = 6
"""How many invoices that were written off are kept, in case they are paid after all."""


def paid(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """An invoice was paid: the first one converts, later ones renew or end a recovery."""
    if _is_held(subscription):
        return _paid_while_held(subscription, charge, now, cause)
    event = _event_of_payment(subscription)
    was = subscription.status
    after = subscription.after(event, **_paid_up(subscription, charge, policy, now))
    charge = billing_day.as_placed(charge, after)
    invoice = charge.invoice
    details = invoice_facts(invoice, charge.period_end) if invoice else {}
    summary = _PAID_SUMMARY[event].format(plan=after.plan_name, amount=_amount(after, charge))
    entry = Entry(str(event), now, summary, cause, details | provider_key(charge))
    mails = receipt(after, charge, now)
    facts = details | card_left_out(after, charge)
    if event is Event.CONVERTED:
        mails.insert(0, mail(after, Occasion.CONVERTED, now, **facts))
    if was is Status.SUSPENDED and event is Event.RECOVERED:
        mails.insert(0, mail(after, Occasion.REACTIVATED, now, **facts_of_return(after) | facts))
    stale = (*recovery.MAILS, Occasion.TRIAL_ENDING, Occasion.TRIAL_EXPIRED)
    owed = subscription.recovery.invoice_ref if subscription.recovery else ""
    # If a new period was paid instead of the owed invoice, that invoice was voided.
    voided = owed if invoice is not None and invoice.ref != owed else ""
    return Step(after, (entry,), tuple(mails), withdraws=stale, invoice=invoice, voided=voided)


def _is_held(subscription: Subscription) -> bool:
    return subscription.suspension is not None and subscription.suspension.kind is SuspensionKind.OPERATOR


def _paid_while_held(subscription: Subscription, charge: Charge, now: datetime, cause: Cause) -> Step:
    """A payment while an operator has suspended the subscription: a receipt is sent, but access stays off."""
    after = subscription.after(Event.NOTED, **_settled_while_held(subscription, charge))
    entry = Entry("paid_while_suspended", now, "Paid while suspended by an operator: access stays off", cause)
    return Step(after, (entry,), tuple(receipt(after, charge, now)), withdraws=recovery.MAILS, invoice=charge.invoice)


def _settled_while_held(subscription: Subscription, charge: Charge) -> dict[str, Any]:
    suspension = subscription.suspension
    return {
        "settled_invoice": charge.invoice.ref if charge.invoice else subscription.settled_invoice,
        "agreement_ref": charge.agreement_ref or subscription.agreement_ref,
        "lost_agreement": "" if charge.agreement_ref else subscription.lost_agreement,
        **billing_day.placed(subscription, charge).changes,
        "recovery": None,
        "confirmed": _confirmed(subscription),
        "suspension": replace(suspension, returns_to=_status_after(suspension)) if suspension else None,
        "dispute": _dispute_without_debt(subscription),
    }


def _confirmed(subscription: Subscription) -> tuple[str, ...]:
    """Adds the commands whose attempts the customer was to confirm, as what was owed is now settled."""
    recovery = subscription.recovery
    asked = recovery.asked if recovery is not None else ()
    return (*subscription.confirmed, *asked)[-KEYS_KEPT:] if asked else subscription.confirmed


def _dispute_without_debt(subscription: Subscription) -> Dispute | None:
    """The running dispute; as nothing else is owed now, access will be full once it is closed."""
    return replace(subscription.dispute, access=Access.FULL) if subscription.dispute is not None else None


def _status_after(suspension: Suspension) -> Status:
    return Status.PAUSED if suspension.returns_to is Status.PAUSED else Status.ACTIVE


_PAID_SUMMARY = {
    Event.CONVERTED: "Converted to {plan}: {amount} paid",
    Event.RENEWED: "Renewed {plan}: {amount} paid",
    Event.RECOVERED: "Payment recovered: {amount} paid, full access",
}


def _event_of_payment(subscription: Subscription) -> Event:
    if not subscription.agreement_ref and not subscription.lost_agreement:
        return Event.CONVERTED
    return Event.RENEWED if subscription.status in (Status.ACTIVE, Status.PAUSED) else Event.RECOVERED


def _amount(subscription: Subscription, charge: Charge) -> str:
    invoice = charge.invoice
    amount, currency = (invoice.amount, invoice.currency) if invoice else (subscription.amount, subscription.currency)
    return formatted(Money(amount, currency))


def _paid_up(subscription: Subscription, charge: Charge, policy: Policy, now: datetime) -> dict[str, Any]:
    place = billing_day.placed(subscription, charge)
    period_end = place.end
    # A payment ends neither a pause nor a dispute.
    is_paused, dispute = subscription.status is Status.PAUSED, _dispute_without_debt(subscription)
    access = Access.FULL if dispute is None else policy.disputed_access
    # Not paid by our own attempt, so the agreement still has the previous items. The next period corrects that.
    stays_stale = subscription.agreement_is_stale and not charge.key
    begins_next = stays_stale or place.begins_next
    ask_at = max(period_end, now) + policy.ask_after if period_end else now + policy.ask_every
    return {
        "status_reason": subscription.status_reason if is_paused else "disputed" if dispute is not None else "",
        "access": subscription.access if is_paused else access,
        "dispute": dispute,
        "agreement_ref": charge.agreement_ref or subscription.agreement_ref,
        "lost_agreement": "" if charge.agreement_ref else subscription.lost_agreement,
        **place.changes,
        "ask_at": None if place.begins_next else ask_at,
        # Beginning a period lifts a hold; if the next period is also ours, the hold must be requested again.
        "is_held": subscription.is_held and not place.begins_next,
        "settled_invoice": charge.invoice.ref if charge.invoice else subscription.settled_invoice,
        "trial_ends_at": subscription.trial_ends_at
        if subscription.agreement_ref
        else min(now, subscription.trial_ends_at or now),
        "reminders": (),
        "suspension": None,
        "recovery": None,
        "confirmed": _confirmed(subscription),
        "owes_new_period": begins_next,
        "begins_own_period": begins_next,
        "agreement_is_stale": stays_stale,
        "barred_card": "",
    }


def is_waiver(subscription: Subscription, invoice: Invoice) -> bool:
    """True if a voided or written-off invoice was for what is owed, or for the next period.

    Our own holds void invoices too, also one that is to be lifted but still stands; those waive nothing.
    """
    if subscription.recovery is not None:
        return subscription.recovery.invoice_ref == invoice.ref
    is_held = subscription.wants_hold or subscription.is_held
    if subscription.status is not Status.ACTIVE or subscription.owes_new_period or is_held:
        return False
    known_until = subscription.period_end
    return known_until is None or invoice.period_start is None or invoice.period_start >= known_until


def not_owed(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The invoice was voided or written off at the provider: this period is no longer owed."""
    entry = Entry("bill_waived", now, "The invoice was voided at the payment provider: nothing is owed", cause)
    waived = waived_with(subscription.waived_invoices, charge.invoice)
    if _is_held(subscription):
        changes = _settled_while_held(subscription, charge)
        after = subscription.after(Event.NOTED, **changes, waived_invoices=waived)
    else:
        event = Event.RENEWED if subscription.status in (Status.ACTIVE, Status.PAUSED) else Event.RECOVERED
        after = subscription.after(event, **_paid_up(subscription, charge, policy, now), waived_invoices=waived)
    return Step(after, (entry,), withdraws=recovery.MAILS, invoice=charge.invoice)


def waived_with(waived: tuple[str, ...], invoice: Invoice | None) -> tuple[str, ...]:
    """Adds a waived invoice, unless nobody can pay it any more: a void one is final, one written off is not."""
    if invoice is None or invoice.status == "void" or invoice.ref in waived:
        return waived
    return (*waived, invoice.ref)[-WAIVED_KEPT:]


def pays_waived(subscription: Subscription, charge: Charge) -> bool:
    """True if an invoice was paid after it had been written off, and this is not recorded yet."""
    invoice = charge.invoice
    return charge.outcome is ChargeOutcome.PAID and invoice is not None and invoice.ref in subscription.waived_invoices


def paid_after_waiver(subscription: Subscription, charge: Charge, now: datetime, cause: Cause) -> Step:
    """An invoice was paid after it had been written off: it is recorded and receipted, and nothing else changes.

    What it is for was given when it was waived; what is owed since is still owed.
    """
    invoice = charge.invoice
    assert invoice is not None, "the payment of an invoice"  # noqa: S101
    # The provider's current period is a later one.
    charge = replace(charge, period_start=invoice.period_start, period_end=invoice.period_end)
    waived = tuple(ref for ref in subscription.waived_invoices if ref != invoice.ref)
    # Also after the end, where no event is allowed.
    after = replace(subscription, sequence=subscription.sequence + 1, waived_invoices=waived)
    summary = f"Paid after it was written off: {_amount(after, charge)}"
    entry = Entry("waived_bill_paid", now, summary, cause, invoice_facts(invoice, charge.period_end))
    return Step(after, (entry,), tuple(receipt(after, charge, now)), invoice=invoice)


def undecided(subscription: Subscription, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The provider was checked and has not decided the renewal yet: check again later."""
    after = subscription.after(Event.NOTED, ask_at=now + policy.ask_every)
    return Step(
        after, (Entry("renewal_undecided", now, "Checked the payment provider: renewal not decided yet", cause),)
    )


def up_to_date(subscription: Subscription, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The provider was checked during a paid period without news: the next event is due at its end."""
    period_end = max(subscription.period_end or now, now)
    after = subscription.after(Event.NOTED, ask_at=period_end + policy.ask_after)
    return Step(after, (Entry("provider_asked", now, "Checked the payment provider: nothing new", cause),))
