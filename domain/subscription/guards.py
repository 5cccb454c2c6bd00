"""Checks whether a command is allowed in the subscription's current state, before anything is written."""

from datetime import datetime, timedelta

from domain.catalog.plans import Selection
from domain.errors import Malformed, Rejected
from domain.money import Money, formatted
from domain.provider.payments import AUTHENTICATE
from domain.provider.refunds import check_allowed
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.lifecycle import Event, Status
from domain.subscription.plan_changes import basis_name
from domain.subscription.policy import ChangeAt
from domain.subscription.state import Subscription, SuspensionKind

LONGEST_PAUSE = timedelta(days=366)


def check_alive(subscription: Subscription) -> None:
    if subscription.is_over:
        raise Rejected("the subscription is canceled; sign the customer up again", code="subscription_canceled")


def check_reconcile(subscription: Subscription) -> None:
    """Rejects if the subscription is over and the provider knows it."""
    if subscription.untold_end is None:
        check_alive(subscription)


def check_convert(subscription: Subscription, when: ConvertAt, now: datetime, *, brings_card: bool) -> None:
    """Rejects a conversion that is not possible."""
    check_alive(subscription)
    if subscription.agreement_ref or subscription.lost_agreement:
        raise Rejected("the subscription is already converted", code="already_converted")
    if subscription.is_free:
        raise Rejected("the free plan costs nothing: choose another plan with change-plan", code="on_free_plan")
    _check_not_held(subscription)
    _check_stays(subscription)
    if not brings_card:
        _check_has_card(subscription)
        _check_card_of_present(subscription)
    if when is ConvertAt.NOW or subscription.status is not Status.TRIALING:
        _check_cap(subscription, now)


def _check_has_card(subscription: Subscription) -> None:
    if subscription.card is None:
        raise Rejected(
            "there is no card on file: provide a payment_method or open a checkout session",
            code="payment_method_required",
        )


def _check_card(subscription: Subscription) -> None:
    if subscription.card_is_barred:
        raise Rejected("the card on file must not be tried again: a new card is needed", code="card_cannot_be_retried")


def _check_card_of_present(subscription: Subscription) -> None:
    """Like `_check_card`, for a customer who is present and can give a missing authentication now."""
    recovery = subscription.recovery
    if recovery is None or recovery.decline.code != AUTHENTICATE:
        _check_card(subscription)


def _check_cap(subscription: Subscription, now: datetime) -> None:
    if not subscription.may_attempt(now):
        raise Rejected("the card networks' limit on attempts within 30 days is reached", code="too_many_tries")


def _check_has_begun(subscription: Subscription) -> None:
    suspension = subscription.suspension
    if suspension is not None and suspension.kind is SuspensionKind.AWAITING_PAYMENT:
        raise Rejected(
            "the payment provider has not accepted the first payment yet: until then the sign-up can only be canceled,"
            " repeated, or retried with retry-payment",
            code="awaiting_payment",
        )
    if suspension is not None and suspension.kind is SuspensionKind.AWAITING_CONFIRMATION:
        raise Rejected(
            "the customer has not confirmed the first payment yet: until then the sign-up can only be canceled or"
            " repeated",
            code="awaiting_confirmation",
        )


def check_payment_method(subscription: Subscription) -> None:
    check_alive(subscription)
    _check_has_begun(subscription)


def check_checkout(subscription: Subscription) -> None:
    check_alive(subscription)
    _check_not_held(subscription)


def check_retry(subscription: Subscription, now: datetime) -> None:
    """Rejects a retry if nothing is owed or the card must not be tried; a blocked step can always be retried."""
    if subscription.blocked is not None:
        return
    check_alive(subscription)
    _check_not_held(subscription)
    if subscription.recovery is None:
        raise Rejected("no payment is waiting to be recovered", code="nothing_to_retry")
    _check_not_disputed(subscription)
    _check_has_card(subscription)
    _check_card_of_present(subscription)
    _check_cap(subscription, now)


def check_cancel(subscription: Subscription, at: CancelAt) -> None:
    check_alive(subscription)
    if at is CancelAt.PERIOD_END and subscription.cancel_at is not None:
        raise Rejected("a cancellation at the period's end is already scheduled", code="cancellation_scheduled")


def check_uncancel(subscription: Subscription) -> None:
    check_alive(subscription)
    if subscription.cancel_at is None:
        raise Rejected("no cancellation is scheduled", code="no_cancellation_scheduled")
    _check_not_held(subscription)
    if not subscription.allows(Event.CANCEL_WITHDRAWN):
        raise Rejected(f"a cancellation cannot be undone while {subscription.status}", code="transition_rejected")


def check_suspend(subscription: Subscription, reason: str) -> None:
    check_alive(subscription)
    _check_reason(reason)
    if subscription.status is Status.SUSPENDED:
        raise Rejected("the subscription is already suspended", code="already_suspended")


def check_refund(subscription: Subscription, amount: int | None, at_most: int | None, reason: str) -> None:
    """Rejects a refund that is none, or more than the caller may give back at once.

    A subscription that is over can be refunded, too. Whether so much was paid, the provider knows.
    """
    _check_reason(reason)
    if amount is not None and amount <= 0:
        raise Malformed("a refund is of at least 1 minor unit", field="amount")
    # Of all that is left, it is known later whether it is too much.
    check_allowed(1 if amount is None else amount, at_most, subscription.currency)


def check_reactivate(subscription: Subscription, reason: str) -> None:
    check_alive(subscription)
    _check_reason(reason)
    _check_has_begun(subscription)
    if subscription.status is not Status.SUSPENDED:
        raise Rejected(
            f"only a suspended subscription can be reactivated; this one is {subscription.status}",
            code="not_suspended",
        )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Malformed("a reason is required for the audit log", field="reason")


def _check_not_held(subscription: Subscription) -> None:
    _check_has_begun(subscription)
    suspension = subscription.suspension
    if suspension is not None and suspension.kind is SuspensionKind.OPERATOR:
        raise Rejected("an operator suspended the subscription: its timeline says why", code="suspended_by_operator")


def check_pause(subscription: Subscription, resumes_at: datetime | None, now: datetime) -> None:
    """Rejects a pause of a subscription that is not paid up, or with an end outside the allowed range."""
    check_alive(subscription)
    _check_not_held(subscription)
    if resumes_at is not None and not now < resumes_at <= now + LONGEST_PAUSE:
        raise Malformed(
            f"resumes_at must be within {LONGEST_PAUSE.days} days from now, which is {now:%Y-%m-%dT%H:%M:%SZ}"
            " for this subscription",
            field="resumes_at",
        )
    if subscription.status is Status.PAUSED:
        return
    if subscription.status is not Status.ACTIVE:
        raise Rejected(
            f"only an active subscription can be paused; this one is {subscription.status}", code="not_active"
        )
    if subscription.is_free:
        raise Rejected("the free plan bills nothing that a pause could stop", code="on_free_plan")
    _check_stays(subscription)
    _check_not_disputed(subscription)


def check_resume(subscription: Subscription) -> None:
    check_alive(subscription)
    _check_not_held(subscription)
    if subscription.status is not Status.PAUSED:
        raise Rejected(
            f"only a paused subscription can be resumed; this one is {subscription.status}", code="not_paused"
        )
    _check_not_disputed(subscription)


def check_change(subscription: Subscription, to: Selection, at: ChangeAt, now: datetime) -> None:
    """Rejects a plan change that is not possible, or that would change nothing."""
    check_alive(subscription)
    _check_not_held(subscription)
    if subscription.recovery is not None:
        raise Rejected("a payment is owed: it must be paid before the plan can change", code="payment_owed")
    if subscription.status is Status.PAUSED:
        raise Rejected("the subscription is paused: resume it first", code="paused")
    _check_stays(subscription)
    _check_not_disputed(subscription)
    if to.is_just(subscription.selection):
        planned = subscription.pending_change
        remedy = ": withdraw the planned change to keep it" if planned is not None else ""
        raise Rejected(f"the subscription already has exactly this{remedy}", code="no_change")
    if to.total.currency != subscription.currency and not subscription.is_free:
        raise Malformed(f"the subscription is billed in {subscription.currency}", field="plan", code="other_currency")
    if subscription.is_free:
        if to.items:
            _check_first_payment(subscription, now)
    elif subscription.lost_agreement:
        _check_prorates_nothing(to, at)
    elif subscription.agreement_ref:
        _check_paid_change(subscription, to, at, now)


def check_price(due_now: int, expected: int, currency: str) -> None:
    """Rejects a change that would charge more now, or credit less, than the customer was shown."""
    if due_now > expected:
        raise Rejected(
            f"{formatted(Money(due_now, currency))} would be due now, and {formatted(Money(expected, currency))} was"
            " expected: preview the change again",
            code="price_changed",
        )


def check_basis(subscription: Subscription, basis: str) -> None:
    """Rejects a change that was derived from an outdated selection; an empty *basis* always passes."""
    if basis and basis != basis_name(subscription):
        raise Rejected(
            "the subscription was changed while this request was processed: check it and try again",
            code="changed_meanwhile",
        )


def _check_prorates_nothing(to: Selection, at: ChangeAt) -> None:
    if at is ChangeAt.NOW and to.items:
        raise Rejected(
            "the payment provider has deleted the customer and their agreement, so nothing can be prorated: request"
            " the change for the period's end",
            code="agreement_lost",
        )


def _check_first_payment(subscription: Subscription, now: datetime) -> None:
    if subscription.card is None:
        raise Rejected(
            "there is no card on file: provide one first with payment-method or a checkout session",
            code="payment_method_required",
        )
    _check_card_of_present(subscription)
    _check_cap(subscription, now)


def _check_paid_change(subscription: Subscription, to: Selection, at: ChangeAt, now: datetime) -> None:
    if at is ChangeAt.PERIOD_END:
        return
    if to.items:
        _check_card(subscription)
        _check_cap(subscription, now)


def check_renewal_is_decided(subscription: Subscription, now: datetime) -> None:
    """Rejects what must not coincide with a renewal, whose invoice exists and will be charged within hours."""
    if subscription.is_due_for_renewal(now):
        raise Rejected(
            "the renewal is in progress: try again once it is decided, within hours", code="renewal_under_way"
        )


def check_withdraw_change(subscription: Subscription) -> None:
    check_alive(subscription)
    waiting = subscription.confirmation
    if waiting is not None and waiting.is_of_change:
        return
    if subscription.pending_change is None:
        raise no_change_planned()
    _check_not_held(subscription)
    if not subscription.allows(Event.CHANGE_WITHDRAWN):
        raise Rejected(f"a change cannot be withdrawn while {subscription.status}", code="transition_rejected")


def no_change_planned() -> Rejected:
    """Returns what refuses to withdraw a change where none is planned or waits."""
    return Rejected("no plan change is scheduled", code="no_change_planned")


def _check_stays(subscription: Subscription) -> None:
    if subscription.cancel_at is not None:
        raise Rejected("a cancellation is scheduled: undo it first", code="cancellation_scheduled")


def _check_not_disputed(subscription: Subscription) -> None:
    if subscription.dispute is not None:
        raise Rejected("a payment is disputed: this waits until the bank has decided", code="payment_disputed")
