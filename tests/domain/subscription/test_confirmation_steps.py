"""Payments that await confirmation: until when, with which outcome, and what a repeated command gets."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.catalog.plans import Interval
from domain.errors import Rejected
from domain.provider.payments import Charge, ChargeOutcome, Decline, Invoice
from domain.reconciliation import differences
from domain.subscription import commands, confirmation_steps, guards, payments_received, recovery
from domain.subscription.agenda import Action, next_due
from domain.subscription.command_keys import hashed
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.confirmation import ConfirmedAction
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.policy import DEFAULT_POLICY, ChangeAt
from domain.subscription.state import Subscription
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    PRO,
    TRIAL_END,
    VISA,
    a_declined_charge,
    a_paid_charge,
    a_paid_subscription,
    a_past_due_subscription,
    a_trial,
    an_agreement,
)

ASKED = Cause(CauseKind.COMMAND, "key-1", "service 1")
PAGE = "https://pay.example/in_2"
A_DAY = timedelta(hours=23)


def a_waiting_charge(**changes: object) -> Charge:
    bill = Invoice("in_2", "T-0002", "open", 15000, "usd", PAGE)
    charge = Charge(
        ChargeOutcome.ACTION_REQUIRED,
        bill,
        Decline("authentication_required", action_url=PAGE),
        "sub_1",
        NOW,
        PERIOD_END,
        "s/change/key-1",
        waits_until=NOW + A_DAY,
    )
    return replace(charge, **changes)  # type: ignore[arg-type]  # a test names what it likes


def waiting(
    subscription: Subscription | None = None, action: ConfirmedAction = ConfirmedAction.CHANGE_PLAN
) -> Subscription:
    to = PRO if action is ConfirmedAction.CHANGE_PLAN else None
    before = subscription or a_paid_subscription()
    return confirmation_steps.waiting(before, a_waiting_charge(), action, to, DEFAULT_POLICY, NOW, ASKED).subscription


def paid() -> Charge:
    charge = a_waiting_charge(outcome=ChargeOutcome.PAID, decline=None, waits_until=None, key="")
    assert charge.invoice is not None
    return replace(charge, invoice=replace(charge.invoice, status="paid"))


def test_while_it_waits_everything_is_as_it_was_and_its_end_is_ahead() -> None:
    before = a_paid_subscription()

    after = waiting(before)

    assert replace(after, confirmation=None, sequence=before.sequence) == before
    due = next_due(after, DEFAULT_POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.END_CONFIRMATION, NOW + A_DAY)


@pytest.mark.parametrize("is_apart", [False, True])
def test_an_existing_hold_is_kept_and_one_made_for_a_change_is_lifted(is_apart: bool) -> None:
    before = replace(a_paid_subscription(), is_held=not is_apart)
    charge = a_waiting_charge(is_apart=is_apart)
    to = replace(PRO, interval=Interval.YEAR) if is_apart else PRO

    kept = confirmation_steps.waiting(
        before, charge, ConfirmedAction.CHANGE_PLAN, to, DEFAULT_POLICY, NOW, ASKED
    ).subscription
    after = confirmation_steps.confirmed(
        kept, replace(paid(), is_apart=is_apart), DEFAULT_POLICY, NOW, CAUSE
    ).subscription

    assert kept.confirmation is not None
    assert kept.confirmation.is_apart is is_apart
    assert after.is_held, "another interval was begun under a hold" if is_apart else "it is still to be lifted"


@pytest.mark.parametrize("hours", [1, 22, 30])
def test_it_ends_before_the_next_due_charge(hours: int) -> None:
    trial_end = NOW + timedelta(hours=hours)
    trial = a_trial(card=VISA, customer_ref="cus_1", trial_ends_at=trial_end, reminders=())

    after = waiting(trial, ConfirmedAction.CONVERT)

    assert after.confirmation is not None
    assert after.confirmation.expires_at == min(NOW + A_DAY, trial_end)
    due = next_due(after, DEFAULT_POLICY)
    assert due is not None
    assert due.action is Action.END_CONFIRMATION, "also of two at the same moment it comes first"


@pytest.mark.parametrize(("hours", "waits"), [(-1, 23), (2, 2), (22, 22), (25, 23)])
def test_a_change_waits_no_longer_than_its_period_runs(hours: int, waits: int) -> None:
    subscription = a_paid_subscription(period_end=NOW + timedelta(hours=hours))

    charge = confirmation_steps.within_period(subscription, a_waiting_charge(), ConfirmedAction.CHANGE_PLAN, NOW)

    assert charge.waits_until == NOW + timedelta(hours=waits)


def test_what_is_owed_may_be_confirmed_beyond_the_period() -> None:
    subscription = a_paid_subscription(period_end=NOW + timedelta(hours=2))

    charge = confirmation_steps.within_period(subscription, a_waiting_charge(), ConfirmedAction.RETRY_PAYMENT, NOW)

    assert charge.waits_until == NOW + A_DAY


def test_a_reminder_does_not_end_it() -> None:
    assert Action.SEND_REMINDER not in confirmation_steps.GIVES_WAY_TO
    after = waiting(a_trial(card=VISA, trial_ends_at=TRIAL_END), ConfirmedAction.CONVERT)
    assert after.confirmation is not None
    assert after.confirmation.expires_at == NOW + A_DAY


def test_a_confirmed_change_has_the_key_of_its_attempt_and_its_hold_is_still_to_be_lifted() -> None:
    held = replace(waiting(), is_held=True)

    step = confirmation_steps.confirmed(held, paid(), DEFAULT_POLICY, NOW, CAUSE)

    after = step.subscription
    assert (after.plan, after.confirmation, after.confirmed) == (PRO.plan, None, ("key-1",))
    assert (after.settled_invoice, after.is_held, after.wants_hold) == ("in_2", True, False)
    assert step.entries[0].kind == "plan_changed"
    assert step.entries[0].details["provider_key"] == "s/change/key-1"


def test_confirmed_a_first_period_converts() -> None:
    trial = a_trial(card=VISA, customer_ref="cus_1")
    before = waiting(trial, ConfirmedAction.CONVERT)

    after = confirmation_steps.confirmed(before, paid(), DEFAULT_POLICY, NOW, CAUSE).subscription

    assert (after.status, after.agreement_ref, after.confirmation) == ("active", "sub_1", None)


@pytest.mark.parametrize(("cause", "kind"), [(ASKED, "confirmation_withdrawn"), (CAUSE, "confirmation_expired")])
def test_once_undone_only_its_outcome_is_kept(cause: Cause, kind: str) -> None:
    before = a_paid_subscription()

    step = confirmation_steps.undone(waiting(before), NOW, cause)

    after = step.subscription
    assert replace(after, sequence=before.sequence, unconfirmed=()) == before
    assert (step.voided, step.entries[0].kind) == ("in_2", kind)


def test_a_repeat_returns_the_current_state() -> None:
    before = waiting()
    refused = confirmation_steps.answer_to_repeat(before, "key-1", DEFAULT_POLICY)
    assert refused is not None
    assert refused.code == "authentication_required"
    assert refused.details == {
        "confirmation_url": PAGE,
        "expires_at": "2026-03-03T11:00:00Z",
        "subscription": before.id,
    }

    undone = confirmation_steps.undone(before, NOW, CAUSE).subscription
    refused = confirmation_steps.answer_to_repeat(undone, "key-1", DEFAULT_POLICY)
    assert refused is not None
    assert refused.code == "payment_not_confirmed"

    done = confirmation_steps.confirmed(before, paid(), DEFAULT_POLICY, NOW, CAUSE).subscription
    assert confirmation_steps.answer_to_repeat(done, "key-1", DEFAULT_POLICY) is None
    for known in (before, undone, done):
        assert confirmation_steps.is_known(known, "key-1")
        assert not confirmation_steps.is_known(known, "key-2")


def test_a_command_that_came_before_keys_were_hashed_is_known_by_its_hash() -> None:
    before = waiting()
    undone = confirmation_steps.undone(before, NOW, CAUSE).subscription

    for known, code in ((before, "authentication_required"), (undone, "payment_not_confirmed")):
        refused = confirmation_steps.answer_to_repeat(known, hashed("key-1"), DEFAULT_POLICY)
        assert refused is not None
        assert refused.code == code
        assert confirmation_steps.is_known(known, hashed("key-1"))
        assert not confirmation_steps.is_known(known, hashed("key-2"))


def test_the_number_of_kept_keys_is_limited() -> None:
    subscription = a_paid_subscription(unconfirmed=tuple(f"key-{n}" for n in range(20, 28)))

    kept = confirmation_steps.undone(waiting(subscription), NOW, CAUSE).subscription.unconfirmed

    assert kept == (*(f"key-{n}" for n in range(21, 28)), "key-1")


def test_what_waits_can_be_withdrawn_like_a_planned_change() -> None:
    guards.check_withdraw_change(waiting())
    with pytest.raises(Rejected, match="no plan change is scheduled"):
        guards.check_withdraw_change(waiting(a_trial(card=VISA), ConfirmedAction.CONVERT))
    guards.check_cancel(waiting(), CancelAt.PERIOD_END)


def test_an_authentication_that_was_not_given_bars_no_card() -> None:
    declined = Decline("authentication_required")
    after = commands.declined_at_hand(a_paid_subscription(), declined, NOW, CAUSE).subscription
    assert not after.card_is_barred

    barred = commands.declined_at_hand(a_paid_subscription(), Decline("stolen_card"), NOW, CAUSE).subscription
    assert barred.card_is_barred


def test_an_invoice_that_awaits_confirmation_is_not_a_failed_renewal() -> None:
    charge = a_waiting_charge()
    assert confirmation_steps.is_waiting_for(waiting(), charge)
    assert not confirmation_steps.is_waiting_for(a_paid_subscription(), charge)
    assert not confirmation_steps.is_waiting_for(waiting(), replace(charge, invoice=None))


def test_a_void_one_does_not_waive_a_renewal() -> None:
    bill = Invoice("in_2", "T-0002", "void", 15000, "usd", period_start=NOW + A_DAY, period_end=PERIOD_END)
    assert not payments_received.is_waiver(a_paid_subscription(), bill)


def test_reconciliation_finds_no_fault_with_what_waits() -> None:
    latest = a_waiting_charge()
    found = list(differences.of_agreement(waiting(), an_agreement(latest=latest)))

    assert [each.kind for each in found] == []
    assert [each.kind for each in differences.of_agreement(a_paid_subscription(), an_agreement(latest=latest))] == [
        differences.DifferenceKind.FAILURE_UNHEARD
    ]


def test_a_card_that_lacked_authentication_can_be_charged_while_the_customer_is_present() -> None:
    for code, refused in (("authentication_required", False), ("stolen_card", True)):
        owing = recovery.failed(
            a_trial(card=VISA, customer_ref="cus_1"), a_declined_charge(code), DEFAULT_POLICY, NOW, CAUSE
        ).subscription
        assert owing.card_is_barred, "the ladder leaves it alone"
        if refused:
            with pytest.raises(Rejected, match="must not be tried again"):
                guards.check_convert(owing, ConvertAt.NOW, NOW, brings_card=False)
        else:
            guards.check_convert(owing, ConvertAt.NOW, NOW, brings_card=False)


def a_sign_up_that_waits() -> Subscription:
    return waiting(a_trial(card=VISA, customer_ref="cus_1", trial_ends_at=None, reminders=()), ConfirmedAction.SIGN_UP)


def test_a_waiting_sign_up_has_not_begun_and_accepts_only_its_cancellation() -> None:
    unbegun = a_sign_up_that_waits()

    assert (unbegun.status, unbegun.status_reason, unbegun.access) == ("suspended", "awaiting_confirmation", "none")

    def convert() -> None:
        guards.check_convert(unbegun, ConvertAt.NOW, NOW, brings_card=True)

    def change() -> None:
        guards.check_change(unbegun, PRO, ChangeAt.NOW, NOW)

    def reactivate() -> None:
        guards.check_reactivate(unbegun, "please")

    def give_card() -> None:
        guards.check_payment_method(unbegun)

    for refused in (convert, change, reactivate, give_card):
        with pytest.raises(Rejected, match="not confirmed the first payment"):
            refused()
    guards.check_cancel(unbegun, CancelAt.PERIOD_END)


def test_confirmed_a_sign_up_begins_and_undone_it_never_began() -> None:
    unbegun = a_sign_up_that_waits()

    begun = confirmation_steps.confirmed(unbegun, paid(), DEFAULT_POLICY, NOW, CAUSE).subscription
    assert (begun.status, begun.access, begun.suspension, begun.agreement_ref) == ("active", "full", None, "sub_1")

    end = confirmation_steps.undone(unbegun, NOW, CAUSE)
    gone = end.subscription
    assert (gone.status, gone.end_kind, gone.confirmation) == ("canceled", "never_began", None)
    assert (end.voided, end.mails) == ("in_2", ())
    assert [entry.kind for entry in end.entries] == ["confirmation_expired", "canceled"]


def tried_at_hand(code: str, page: str = "") -> Subscription:
    """It owes a bill, and what the command `key-1` tried came to that."""
    charge = replace(a_waiting_charge(waits_until=None), decline=Decline(code, action_url=page))
    return recovery.failed_again(a_past_due_subscription(), charge, NOW, ASKED).subscription


def test_a_retry_to_be_confirmed_returns_the_invoices_page_until_the_ladder_ends() -> None:
    owing = tried_at_hand("authentication_required", PAGE)

    for told in (
        confirmation_steps.needed_for_open_bill(owing, DEFAULT_POLICY),
        confirmation_steps.answer_to_repeat(owing, hashed("key-1"), DEFAULT_POLICY),
    ):
        assert told is not None
        assert told.code == "authentication_required"
        assert told.details["confirmation_url"] == PAGE
        assert told.details["expires_at"] == "2026-04-15T12:00:00Z"
    assert confirmation_steps.is_known(owing, "key-1")
    assert not confirmation_steps.is_done(owing, "key-1")
    before, after = a_past_due_subscription().recovery, owing.recovery
    assert before is not None
    assert after is not None
    assert (after.step, after.invoice_ref) == (before.step, before.invoice_ref), "the ladder goes on as it is"


def test_once_what_was_owed_is_paid_a_repeat_of_its_retry_asks_for_nothing() -> None:
    owing = tried_at_hand("authentication_required", PAGE)

    paid_up = payments_received.paid(owing, a_paid_charge(), DEFAULT_POLICY, NOW, CAUSE).subscription

    assert confirmation_steps.is_done(paid_up, "key-1")
    assert confirmation_steps.is_known(paid_up, "key-1")


def test_a_retry_whose_invoice_was_declined_again_since_is_repeated_without_a_charge() -> None:
    owing = tried_at_hand("authentication_required", PAGE)

    since = recovery.failed_again(owing, a_declined_charge(), NOW, CAUSE).subscription

    assert confirmation_steps.is_done(since, "key-1")
    assert confirmation_steps.needed_for_open_bill(since, DEFAULT_POLICY) is None
    assert not confirmation_steps.is_known(tried_at_hand("insufficient_funds"), "key-1"), (
        "that it was declined otherwise was its answer"
    )
