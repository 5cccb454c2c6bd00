"""A sign-up whose first payment is outstanding has not begun, and says so."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import Access
from domain.errors import Rejected
from domain.provider.payments import Charge, ChargeOutcome, Decline
from domain.subscription import blocked_steps, first_payment, guards, payments_received
from domain.subscription.agenda import Action, agenda
from domain.subscription.commands import CancelAt
from domain.subscription.ends import FIRST_PAYMENT_NOT_TAKEN, EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Blocked, Subscription
from tests.builders import CAUSE, NOW, VISA, a_trial

SIGNED_UP = a_trial(card=VISA, trial_ends_at=None, reminders=())


def deferred() -> Subscription:
    trouble = Blocked(
        NOW, blocked_steps.FIRST_PAYMENT, "stripe_key", "a permission is missing", NOW + timedelta(hours=1)
    )
    return blocked_steps.blocked(first_payment.deferred(SIGNED_UP, NOW).subscription, trouble, NOW, CAUSE).subscription


def test_it_has_neither_trial_nor_access_and_its_first_payment_is_next() -> None:
    unbegun = deferred()

    assert (unbegun.status, unbegun.status_reason, unbegun.access) == ("suspended", "awaiting_payment", Access.NONE)
    assert first_payment.is_unbegun(unbegun)
    assert [due.action for due in agenda(unbegun, DEFAULT_POLICY)] == [Action.FIRST_PAYMENT]
    assert unbegun.blocked is not None
    assert not blocked_steps.is_moot(unbegun, unbegun.blocked, agenda(unbegun, DEFAULT_POLICY), NOW)


def test_once_it_is_paid_it_begins_and_is_not_blocked_any_more() -> None:
    unbegun, charge = deferred(), Charge(ChargeOutcome.PAID, agreement_ref="sub_1")

    begun = payments_received.paid(unbegun, charge, DEFAULT_POLICY, NOW, CAUSE).subscription

    assert (begun.status, begun.access, begun.suspension) == (Status.ACTIVE, Access.FULL, None)
    assert begun.blocked is not None
    assert blocked_steps.is_moot(begun, begun.blocked, (), NOW)


def test_the_caller_learns_why_and_that_a_repeat_returns_the_outcome() -> None:
    told = first_payment.not_taken(deferred())

    assert (told.code, told.details) == ("first_payment_blocked", {"subscription": SIGNED_UP.id})
    assert "a permission is missing" in told.message
    assert "same Idempotency-Key" in told.message


def test_canceled_or_declined_it_never_began_and_no_mail_reports_an_end() -> None:
    withdrawn = first_payment.withdrawn(deferred(), NOW, CAUSE)
    declined = Charge(ChargeOutcome.DECLINED, decline=Decline("insufficient_funds"))
    refused = first_payment.declined(deferred(), declined, NOW, CAUSE)

    for step in (withdrawn, refused):
        assert (step.subscription.end_kind, step.mails) == (EndKind.NEVER_BEGAN, ())
    assert withdrawn.subscription.cancel_reason == FIRST_PAYMENT_NOT_TAKEN
    assert refused.subscription.status_reason == "the first payment was declined: insufficient_funds"


def test_only_a_cancellation_or_a_retry_is_accepted_in_the_meantime() -> None:
    unbegun = deferred()

    guards.check_cancel(unbegun, CancelAt.NOW)
    guards.check_retry(unbegun, NOW)
    for check in (guards.check_payment_method, guards.check_checkout, guards.check_resume):
        with pytest.raises(Rejected) as refused:
            check(unbegun)
        assert refused.value.code == "awaiting_payment"
    with pytest.raises(Rejected, match="not accepted the first payment"):
        guards.check_reactivate(replace(unbegun, blocked=None), "please")
