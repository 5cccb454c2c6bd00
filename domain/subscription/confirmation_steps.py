"""Payments that wait for the customer's bank: what is said of them, and what comes of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from domain.access import Access
from domain.catalog.plans import Selection
from domain.errors import Rejected
from domain.formatting import moment
from domain.provider.payments import AUTHENTICATE, Charge, ChargeOutcome
from domain.subscription import commands, payments_received, plan_changes
from domain.subscription.agenda import Action, agenda, ladder_of, rung_at
from domain.subscription.command_keys import is_among
from domain.subscription.confirmation import KEYS_KEPT, Confirmation, ConfirmedAction
from domain.subscription.ends import FIRST_PAYMENT_NOT_CONFIRMED, End, EndKind
from domain.subscription.journal import Cause, CauseKind, Entry, Step
from domain.subscription.lifecycle import Event, Status
from domain.subscription.mails import provider_key
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription, Suspension, SuspensionKind

NEEDED = "authentication_required"
"""The code of a refusal that tells where the payment is confirmed; it holds only as things stand."""
NOT_CONFIRMED = "payment_not_confirmed"
GIVES_WAY_TO = frozenset(
    {
        Action.END_CONFIRMATION,
        Action.CONVERT,
        Action.EXPIRE_TRIAL,
        Action.BEGIN_PERIOD,
        Action.CHANGE_PLAN,
        Action.RECOVER,
        Action.CANCEL,
    }
)
"""What moves money or ends something: nothing may wait beside it that could be paid as well."""

_WHAT: Mapping[ConfirmedAction, str] = {
    ConfirmedAction.CHANGE_PLAN: "the change of plan",
    ConfirmedAction.CONVERT: "the first period",
    ConfirmedAction.SIGN_UP: "the first period",
    ConfirmedAction.RETRY_PAYMENT: "what is owed",
}


def waits(charge: Charge) -> bool:
    """Whether the provider keeps the payment for the customer to confirm."""
    return charge.outcome is ChargeOutcome.ACTION_REQUIRED and charge.waits_until is not None


def is_waiting_for(subscription: Subscription, charge: Charge | None) -> bool:
    """Whether it is that of the bill which waits, and not one of the subscription's own course."""
    bill = charge.invoice if charge is not None else None
    waiting_for = subscription.confirmation
    return waiting_for is not None and bill is not None and bill.ref == waiting_for.invoice_ref


def waiting(
    subscription: Subscription,
    charge: Charge,
    action: ConfirmedAction,
    to: Selection | None,
    policy: Policy,
    now: datetime,
    cause: Cause,
) -> Step:
    """The bank wants the customer to confirm the payment; until then everything stays as it is."""
    bill = charge.invoice
    assert bill is not None, "what waits has a bill"  # noqa: S101
    assert charge.waits_until is not None, "what waits has an end"  # noqa: S101
    due = (one.at for one in agenda(subscription, policy) if one.action in GIVES_WAY_TO and one.at > now)
    confirmation = Confirmation(
        action,
        bill.url,
        min((charge.waits_until, *due)),
        bill.ref,
        charge.agreement_ref,
        cause.ref if cause.kind is CauseKind.COMMAND else "",
        charge.key,
        to,
        charge.is_apart,
    )
    after = _unbegun(subscription, now) if action is ConfirmedAction.SIGN_UP else subscription.after(Event.NOTED)
    after = replace(after, confirmation=confirmation)
    until = moment(confirmation.expires_at)
    summary = f"The bank wants the customer to confirm the payment for {_WHAT[action]}, until {until}"
    details = {"action": action.value, "expires_at": until} | provider_key(charge)
    return Step(after, (Entry("confirmation_needed", now, summary, cause, details),), invoice=bill)


def _unbegun(subscription: Subscription, now: datetime) -> Subscription:
    """Without access until it is paid: nothing has begun yet."""
    kind = SuspensionKind.AWAITING_CONFIRMATION
    suspension = Suspension(kind, now, "the first payment is to be confirmed", Status.ACTIVE)
    return subscription.after(
        Event.AWAITS_CONFIRMATION, access=Access.NONE, status_reason=kind.value, suspension=suspension
    )


def confirmed(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The customer has confirmed and it is paid: what waited is done."""
    confirmation = subscription.confirmation
    assert confirmation is not None, "something waits"  # noqa: S101
    charge = replace(charge, key=confirmation.key)
    settled = replace(subscription, confirmation=None, confirmed=kept(subscription.confirmed, confirmation.command))
    if confirmation.action is ConfirmedAction.CHANGE_PLAN and confirmation.to is not None:
        step = plan_changes.changed_at_cost(settled, confirmation.to, charge, policy, now, cause)
        if charge.is_apart:
            return step  # which leaves a hold as it is
        # A hold that stood while it waited still stands; that it is over must be told.
        return replace(step, subscription=replace(step.subscription, is_held=subscription.is_held))
    if confirmation.to is not None:
        settled = settled.choosing(confirmation.to)
    return payments_received.paid(settled, charge, policy, now, cause)


def undone(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """It was withdrawn, or not confirmed in time: its bill is void, and everything is as it was before."""
    confirmation = subscription.confirmation
    assert confirmation is not None, "something waits"  # noqa: S101
    unconfirmed = kept(subscription.unconfirmed, confirmation.command)
    forgotten = replace(subscription, confirmation=None, unconfirmed=unconfirmed)
    is_withdrawn = cause.kind is CauseKind.COMMAND
    kind = "confirmation_withdrawn" if is_withdrawn else "confirmation_expired"
    why = "withdrawn" if is_withdrawn else "not confirmed in time"
    summary = f"The payment for {_WHAT[confirmation.action]} was {why}: nothing was charged"
    entry = Entry(kind, now, summary, cause, {"action": confirmation.action.value})
    if confirmation.action is ConfirmedAction.SIGN_UP:
        # Whoever asked for it was answered, and knows.
        end = commands.canceled(forgotten, End(EndKind.NEVER_BEGAN, FIRST_PAYMENT_NOT_CONFIRMED), now, cause)
        return replace(end, entries=(entry, *end.entries), mails=(), voided=confirmation.invoice_ref)
    return Step(forgotten.after(Event.NOTED), (entry,), voided=confirmation.invoice_ref)


def kept(keys: tuple[str, ...], command: str) -> tuple[str, ...]:
    """The latest commands of a kind, with one more."""
    return (*keys, command)[-KEYS_KEPT:] if command else keys


def needed(subscription: Subscription) -> Rejected:
    """Tells the caller where the customer confirms, and until when."""
    confirmation = subscription.confirmation
    assert confirmation is not None, "something waits"  # noqa: S101
    return _needed(subscription, confirmation.url, confirmation.expires_at)


def _needed(subscription: Subscription, url: str, until: datetime) -> Rejected:
    return Rejected(
        "the customer's bank wants them to confirm the payment: send them to confirmation_url",
        code=NEEDED,
        details={"confirmation_url": url, "expires_at": moment(until), "subscription": subscription.id},
    )


def page_of_open_bill(subscription: Subscription) -> str:
    """Where the customer confirms the payment of what is owed; empty: it is not that which the bank wants."""
    recovery = subscription.recovery
    return recovery.decline.action_url if recovery is not None and recovery.decline.code == AUTHENTICATE else ""


def needed_for_open_bill(subscription: Subscription, policy: Policy) -> Rejected | None:
    """The same of what is owed: its page is good until the ladder ends; None: nothing can be confirmed there."""
    recovery, page = subscription.recovery, page_of_open_bill(subscription)
    if recovery is None or not page:
        return None
    ladder = ladder_of(subscription, policy)
    return _needed(subscription, page, rung_at(recovery, ladder, len(ladder) - 1))


def is_known(subscription: Subscription, command: str) -> bool:
    """Whether a command has asked for a payment that waits, or has waited."""
    have_waited = (*subscription.confirmed, *subscription.unconfirmed, *_asked(subscription))
    return _waits(subscription, command) or is_among(command, have_waited)


def is_done(subscription: Subscription, command: str) -> bool:
    """Whether nothing is left to be done or told of a command: confirmed, or its bill was declined otherwise since."""
    asked = () if page_of_open_bill(subscription) else _asked(subscription)
    return is_among(command, (*subscription.confirmed, *asked))


def _asked(subscription: Subscription) -> tuple[str, ...]:
    return subscription.recovery.asked if subscription.recovery is not None else ()


def _waits(subscription: Subscription, command: str) -> bool:
    waiting = subscription.confirmation
    return waiting is not None and bool(waiting.command) and is_among(command, (waiting.command,))


def answer_to_repeat(subscription: Subscription, command: str, policy: Policy) -> Rejected | None:
    """How a command is refused that comes again; None: it was not refused, or never asked."""
    if _waits(subscription, command):
        return needed(subscription)
    if is_among(command, _asked(subscription)):
        return needed_for_open_bill(subscription, policy)
    if is_among(command, subscription.unconfirmed):
        words = "the payment was not confirmed and nothing was charged: ask again under another Idempotency-Key"
        return Rejected(words, code=NOT_CONFIRMED)
    return None
