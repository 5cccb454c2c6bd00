"""The steps of payments that wait for confirmation with the customer's bank, and what callers are told."""

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
"""The code of a refusal that says where to confirm the payment; valid only in the current state."""
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
"""Actions that move money or end something: no payment may wait alongside that could also be made."""

_WHAT: Mapping[ConfirmedAction, str] = {
    ConfirmedAction.CHANGE_PLAN: "the plan change",
    ConfirmedAction.CONVERT: "the first period",
    ConfirmedAction.SIGN_UP: "the first period",
    ConfirmedAction.RETRY_PAYMENT: "what is owed",
}


def waits(charge: Charge) -> bool:
    """True if the payment waits for the customer to confirm it."""
    return charge.outcome is ChargeOutcome.ACTION_REQUIRED and charge.waits_until is not None


def is_waiting_for(subscription: Subscription, charge: Charge | None) -> bool:
    """True if the charge is for the invoice that awaits confirmation, not for a regular one."""
    invoice = charge.invoice if charge is not None else None
    confirmation = subscription.confirmation
    return confirmation is not None and invoice is not None and invoice.ref == confirmation.invoice_ref


def within_period(subscription: Subscription, charge: Charge, action: ConfirmedAction, now: datetime) -> Charge:
    """A change waits no longer than for the end of the paid period: what it costs was counted until then.

    The provider begins the next period by itself, so that nothing else of ours falls due there.
    """
    until, period_end = charge.waits_until, subscription.period_end
    if action is not ConfirmedAction.CHANGE_PLAN or until is None or period_end is None or not now < period_end < until:
        return charge
    return replace(charge, waits_until=period_end)


def waiting(
    subscription: Subscription,
    charge: Charge,
    action: ConfirmedAction,
    to: Selection | None,
    policy: Policy,
    now: datetime,
    cause: Cause,
) -> Step:
    """The bank requires the customer to confirm the payment; until then nothing changes."""
    invoice = charge.invoice
    assert invoice is not None, "a waiting payment has an invoice"  # noqa: S101
    assert charge.waits_until is not None, "a waiting payment has an expiry"  # noqa: S101
    due = (one.at for one in agenda(subscription, policy) if one.action in GIVES_WAY_TO and one.at > now)
    confirmation = Confirmation(
        action,
        invoice.url,
        min((charge.waits_until, *due)),
        invoice.ref,
        charge.agreement_ref,
        cause.ref if cause.kind is CauseKind.COMMAND else "",
        charge.key,
        to,
        charge.is_apart,
    )
    after = _not_begun(subscription, now) if action is ConfirmedAction.SIGN_UP else subscription.after(Event.NOTED)
    after = replace(after, confirmation=confirmation)
    until = moment(confirmation.expires_at)
    summary = f"The bank requires the customer to confirm the payment for {_WHAT[action]} by {until}"
    details = {"action": action.value, "expires_at": until} | provider_key(charge)
    return Step(after, (Entry("confirmation_needed", now, summary, cause, details),), invoice=invoice)


def _not_begun(subscription: Subscription, now: datetime) -> Subscription:
    """Without access until it is paid."""
    kind = SuspensionKind.AWAITING_CONFIRMATION
    suspension = Suspension(kind, now, "the first payment is to be confirmed", Status.ACTIVE)
    return subscription.after(
        Event.AWAITS_CONFIRMATION, access=Access.NONE, status_reason=kind.value, suspension=suspension
    )


def confirmed(subscription: Subscription, charge: Charge, policy: Policy, now: datetime, cause: Cause) -> Step:
    """The customer has confirmed the payment and it is paid: carries out what waited for it."""
    confirmation = subscription.confirmation
    assert confirmation is not None, "a payment waits"  # noqa: S101
    charge = replace(charge, key=confirmation.key)
    settled = replace(subscription, confirmation=None, confirmed=kept(subscription.confirmed, confirmation.command))
    if confirmation.action is ConfirmedAction.CHANGE_PLAN and confirmation.to is not None:
        step = plan_changes.changed_at_cost(settled, confirmation.to, charge, policy, now, cause)
        if charge.is_apart:
            return step  # a separate invoice leaves a hold unchanged
        # A hold from before still stands at the provider, which must be asked to lift it.
        return replace(step, subscription=replace(step.subscription, is_held=subscription.is_held))
    if confirmation.to is not None:
        settled = settled.choosing(confirmation.to)
    return payments_received.paid(settled, charge, policy, now, cause)


def undone(subscription: Subscription, now: datetime, cause: Cause) -> Step:
    """It was withdrawn, or not confirmed in time: its invoice is void, and everything is as before."""
    confirmation = subscription.confirmation
    assert confirmation is not None, "a payment waits"  # noqa: S101
    unconfirmed = kept(subscription.unconfirmed, confirmation.command)
    forgotten = replace(subscription, confirmation=None, unconfirmed=unconfirmed)
    is_withdrawn = cause.kind is CauseKind.COMMAND
    kind = "confirmation_withdrawn" if is_withdrawn else "confirmation_expired"
    why = "withdrawn" if is_withdrawn else "not confirmed in time"
    summary = f"The payment for {_WHAT[confirmation.action]} was {why}: nothing was charged"
    entry = Entry(kind, now, summary, cause, {"action": confirmation.action.value})
    if confirmation.action is ConfirmedAction.SIGN_UP:
        # No mail: the caller already has the answer.
        end = commands.canceled(forgotten, End(EndKind.NEVER_BEGAN, FIRST_PAYMENT_NOT_CONFIRMED), now, cause)
        return replace(end, entries=(entry, *end.entries), mails=(), voided=confirmation.invoice_ref)
    return Step(forgotten.after(Event.NOTED), (entry,), voided=confirmation.invoice_ref)


def kept(keys: tuple[str, ...], command: str) -> tuple[str, ...]:
    """Adds a command to the latest ones."""
    return (*keys, command)[-KEYS_KEPT:] if command else keys


def needed(subscription: Subscription) -> Rejected:
    """Returns the refusal that says where the customer confirms the payment, and until when."""
    confirmation = subscription.confirmation
    assert confirmation is not None, "a payment waits"  # noqa: S101
    return _needed(subscription, confirmation.url, confirmation.expires_at)


def _needed(subscription: Subscription, url: str, until: datetime) -> Rejected:
    return Rejected(
        "the customer's bank requires them to confirm the payment: send them to confirmation_url",
        code=NEEDED,
        details={"confirmation_url": url, "expires_at": moment(until), "subscription": subscription.id},
    )


def page_of_open_bill(subscription: Subscription) -> str:
    """Returns where the customer confirms an owed payment; empty: the bank does not require it."""
    recovery = subscription.recovery
    return recovery.decline.action_url if recovery is not None and recovery.decline.code == AUTHENTICATE else ""


def needed_for_open_bill(subscription: Subscription, policy: Policy) -> Rejected | None:
    """As `needed`, for an owed payment, whose page is valid until the ladder ends; None: nothing to confirm."""
    recovery, page = subscription.recovery, page_of_open_bill(subscription)
    if recovery is None or not page:
        return None
    ladder = ladder_of(subscription, policy)
    return _needed(subscription, page, rung_at(recovery, ladder, len(ladder) - 1))


def is_known(subscription: Subscription, command: str) -> bool:
    """True if a command requested a payment that waits or has waited."""
    have_waited = (*subscription.confirmed, *subscription.unconfirmed, *_asked(subscription))
    return _waits(subscription, command) or is_among(command, have_waited)


def is_done(subscription: Subscription, command: str) -> bool:
    """True if a command is settled: its payment was confirmed, or its invoice has since been declined otherwise."""
    asked = () if page_of_open_bill(subscription) else _asked(subscription)
    return is_among(command, (*subscription.confirmed, *asked))


def _asked(subscription: Subscription) -> tuple[str, ...]:
    return subscription.recovery.asked if subscription.recovery is not None else ()


def _waits(subscription: Subscription, command: str) -> bool:
    waiting = subscription.confirmation
    return waiting is not None and bool(waiting.command) and is_among(command, (waiting.command,))


def answer_to_repeat(subscription: Subscription, command: str, policy: Policy) -> Rejected | None:
    """Returns the refusal of a repeated command; None: it was not refused, or is new."""
    if _waits(subscription, command):
        return needed(subscription)
    if is_among(command, _asked(subscription)):
        return needed_for_open_bill(subscription, policy)
    if is_among(command, subscription.unconfirmed):
        words = "the payment was not confirmed and nothing was charged: repeat with another Idempotency-Key"
        return Rejected(words, code=NOT_CONFIRMED)
    return None
