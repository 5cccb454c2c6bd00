"""The events of a step: what its journal tells, and what it changes of status, access, invoices and money."""

from collections.abc import Container, Iterator
from dataclasses import replace

from domain.events import payloads
from domain.events.journal_kinds import TOLD
from domain.events.outbound import OutboundEvent, event_id
from domain.events.payloads import Payload
from domain.events.types import EventType
from domain.subscription.journal import Entry, Step
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription, SuspensionKind

_NEVER_ACTIVE = frozenset(
    {SuspensionKind.TRIAL_EXPIRED, SuspensionKind.AWAITING_CONFIRMATION, SuspensionKind.AWAITING_PAYMENT}
)
"""What a subscription is suspended for that has never been active."""
_INTO = {
    Status.TRIALING: EventType.REACTIVATED,
    Status.PAST_DUE: EventType.PAST_DUE,
    Status.SUSPENDED: EventType.SUSPENDED,
    Status.PAUSED: EventType.PAUSED,
    Status.CANCELED: EventType.CANCELED,
}
_ACTIVE_AFTER = {
    Status.PAST_DUE: EventType.RECOVERED,
    Status.SUSPENDED: EventType.REACTIVATED,
    Status.PAUSED: EventType.RESUMED,
}
_OF_INVOICES = {
    "open": EventType.INVOICE_OPEN,
    "paid": EventType.INVOICE_PAID,
    "uncollectible": EventType.INVOICE_VOIDED,
    "void": EventType.INVOICE_VOIDED,
}
_OF_REVERSALS = frozenset({EventType.REFUNDED, EventType.DISPUTED, EventType.DISPUTE_CLOSED})


def events_of(step: Step, before: Subscription | None) -> list[OutboundEvent]:
    """Returns what products are notified of at a step, at most one event of each type.

    *before* is what the step replaces; None: nothing is known of it.
    """
    told: dict[EventType, Entry | None] = {type_: entry for entry in step.entries for type_ in TOLD.get(entry.kind, ())}
    for type_ in [*_by_state(before, step, told)]:
        told.setdefault(type_, None)
    events = [_event(type_, step, _details(type_, step, entry)) for type_, entry in told.items()]
    return [*events, *_invoice_events(step)]


def _details(type_: EventType, step: Step, entry: Entry | None) -> Payload:
    """What is said besides the subscription."""
    if type_ is EventType.PAYMENT_FAILED and entry is not None:
        invoice = payloads.invoice_payload(step.invoice) if step.invoice is not None else None
        return {"decline": payloads.decline_payload(entry), "invoice": invoice}
    if type_ in _OF_REVERSALS and step.reversal is not None:
        return {"reversal": payloads.reversal_payload(step.reversal)}
    if type_ is EventType.CONFIRMATION_NEEDED and step.subscription.confirmation is not None:
        return {"confirmation": payloads.confirmation_payload(step.subscription.confirmation)}
    return {}


def _by_state(before: Subscription | None, step: Step, told: Container[EventType]) -> Iterator[EventType]:
    after, kinds = step.subscription, {entry.kind for entry in step.entries}
    if "purchase_undone" in kinds and step.reversal is not None:
        yield EventType.REFUNDED
    if before is None:
        return
    if before.status is not after.status:
        if after.status is not Status.ACTIVE or EventType.ACTIVATED not in told:
            yield _becoming(before, after)
    elif before.access is not after.access:
        yield EventType.ACCESS_CHANGED
    if "bill_waived" in kinds and before.status is after.status and before.period_end != after.period_end:
        yield EventType.RENEWED


def _becoming(before: Subscription, after: Subscription) -> EventType:
    if after.status is not Status.ACTIVE:
        returns = before.status is Status.SUSPENDED and after.status is not Status.CANCELED
        return EventType.REACTIVATED if returns else _INTO[after.status]
    if before.suspension is not None and before.suspension.kind in _NEVER_ACTIVE:
        return EventType.ACTIVATED
    return _ACTIVE_AFTER.get(before.status, EventType.ACTIVATED)


def _invoice_events(step: Step) -> Iterator[OutboundEvent]:
    """Of an invoice, each of these is told once, whichever steps have to do with it."""
    invoice, it = step.invoice, step.subscription
    if invoice is not None and invoice.status in _OF_INVOICES:
        yield _of_invoice(_OF_INVOICES[invoice.status], step, payloads.invoice_payload(invoice))
    if step.voided and (invoice is None or invoice.ref != step.voided):
        yield _of_invoice(EventType.INVOICE_VOIDED, step, payloads.voided_payload(step.voided, it.currency))


def _of_invoice(type_: EventType, step: Step, invoice: Payload) -> OutboundEvent:
    id_ = event_id(step.subscription.tenant, invoice["id"], type_)
    return replace(_event(type_, step, {"invoice": invoice}), id=id_)


def _event(type_: EventType, step: Step, details: Payload) -> OutboundEvent:
    it = step.subscription
    return OutboundEvent(
        id=event_id(it.id, it.sequence, type_),
        type=type_,
        tenant=it.tenant,
        customer=it.customer,
        at=max((entry.at for entry in step.entries), default=it.created_at),
        payload={"subscription": payloads.subscription_payload(it)} | details,
        subscription=it.id,
        sequence=it.sequence,
    )
