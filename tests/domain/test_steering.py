"""What customers and operators may ask for, and what comes of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain import checks, steering, suspending, trial
from domain.agenda import Action, agenda, next_due
from domain.errors import Malformed, Rejected
from domain.lifecycle import Event, Status
from domain.mails import Occasion
from domain.news import Hint, News, is_worth_a_look
from domain.payments import Decline
from domain.policy import Access, Policy
from domain.steering import CancelAt, When
from domain.subscription import Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
    MASTERCARD,
    NOW,
    PERIOD_END,
    TRIAL_END,
    VISA,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
    in_status,
)

POLICY = Policy()
OVER = in_status(Status.CANCELED)
HELD = a_suspended_subscription(SuspensionKind.OPERATOR)
UNCONVERTED = a_past_due_subscription(agreement_ref="", recovery=a_recovery(decline=Decline("lost_card")))
EXPIRED = a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED)

REFUSALS: list[tuple[str, Callable[[], None]]] = [
    ("subscription_canceled", lambda: checks.check_convert(OVER, When.NOW, NOW, brings_card=True)),
    ("already_converted", lambda: checks.check_convert(a_paid_subscription(), When.NOW, NOW, brings_card=False)),
    ("payment_method_required", lambda: checks.check_convert(a_trial(), When.NOW, NOW, brings_card=False)),
    (
        "cancellation_scheduled",
        lambda: checks.check_convert(a_trial(cancel_at=TRIAL_END), When.NOW, NOW, brings_card=True),
    ),
    (
        "card_cannot_be_retried",
        lambda: checks.check_convert(UNCONVERTED, When.TRIAL_END, NOW, brings_card=False),
    ),
    (
        "card_cannot_be_retried",
        lambda: checks.check_convert(a_trial(card=VISA, barred_card=VISA.ref), When.TRIAL_END, NOW, brings_card=False),
    ),
    (
        "too_many_tries",
        lambda: checks.check_convert(a_trial(recent_tries=(NOW,) * 15), When.NOW, NOW, brings_card=True),
    ),
    ("nothing_to_retry", lambda: checks.check_retry(a_paid_subscription(), NOW)),
    (
        "card_cannot_be_retried",
        lambda: checks.check_retry(a_past_due_subscription(recovery=a_recovery(decline=Decline("lost_card"))), NOW),
    ),
    ("too_many_tries", lambda: checks.check_retry(a_past_due_subscription(recent_tries=(NOW,) * 15), NOW)),
    ("suspended_by_operator", lambda: checks.check_retry(HELD, NOW)),
    ("suspended_by_operator", lambda: checks.check_checkout(HELD)),
    (
        "cancellation_scheduled",
        lambda: checks.check_cancel(a_paid_subscription(cancel_at=PERIOD_END), CancelAt.PERIOD_END),
    ),
    ("no_cancellation_scheduled", lambda: checks.check_uncancel(a_trial())),
    (
        "suspended_by_operator",
        lambda: checks.check_uncancel(
            a_suspended_subscription(SuspensionKind.OPERATOR, cancel_at=PERIOD_END, agreement_ref="sub_1")
        ),
    ),
    ("already_suspended", lambda: checks.check_suspend(EXPIRED, "fraud")),
    ("malformed", lambda: checks.check_suspend(a_trial(), "  ")),
    ("not_suspended", lambda: checks.check_reactivate(a_trial(), "sorry")),
    ("not_in_trial", lambda: trial.check_extension(a_paid_subscription(), 5, "kind")),
    ("malformed", lambda: trial.check_extension(a_trial(), 0, "kind")),
    ("malformed", lambda: trial.check_extension(a_trial(), 91, "kind")),
    ("malformed", lambda: trial.check_extension(a_trial(), 5, "")),
    ("cancellation_scheduled", lambda: trial.check_extension(a_trial(cancel_at=TRIAL_END), 5, "kind")),
]


@pytest.mark.parametrize(("code", "check"), REFUSALS, ids=[f"{n}-{code}" for n, (code, _) in enumerate(REFUSALS)])
def test_an_impossible_command_is_refused_with_a_stable_code(code: str, check: Callable[[], None]) -> None:
    with pytest.raises(Rejected) as caught:
        check()
    assert caught.value.code == code
    assert isinstance(caught.value, Malformed) is (code == "malformed")


def test_what_can_be_asked_for_is_not_refused() -> None:
    checks.check_convert(a_trial(card=VISA), When.NOW, NOW, brings_card=False)
    checks.check_convert(EXPIRED, When.NOW, NOW, brings_card=True)
    checks.check_cancel(a_paid_subscription(cancel_at=PERIOD_END), CancelAt.NOW)
    checks.check_retry(a_past_due_subscription(), NOW)
    checks.check_reactivate(HELD, "cleared")
    trial.check_extension(EXPIRED, 7, "asked nicely")


def test_a_scheduled_cancellation_replaces_everything_that_was_ahead() -> None:
    step = steering.cancel_scheduled(a_trial(), TRIAL_END, "too dear", NOW, CAUSE)
    assert [due.action for due in agenda(step.subscription, POLICY)] == [Action.CANCEL]
    undone = steering.cancel_withdrawn(step.subscription, NOW, CAUSE).subscription
    assert agenda(undone, POLICY) == agenda(a_trial(), POLICY)


def test_a_cancellation_withdraws_every_waiting_mail_but_a_receipt() -> None:
    step = steering.canceled(a_past_due_subscription(), "too dear", NOW, CAUSE)
    assert set(step.withdraws) == set(Occasion) - {Occasion.RECEIPT, Occasion.CANCELED}
    assert agenda(step.subscription, POLICY) == ()
    assert step.subscription.access is Access.NONE


def test_an_extension_moves_the_end_from_the_old_one_while_the_trial_runs_and_from_now_once_it_is_over() -> None:
    assert trial.end_after_extension(a_trial(), 7, NOW) == TRIAL_END + timedelta(days=7)
    assert trial.end_after_extension(EXPIRED, 7, NOW) == NOW + timedelta(days=7)


def test_a_cancellation_undone_leaves_out_the_reminders_whose_time_has_passed() -> None:
    canceled = a_trial(cancel_at=TRIAL_END)
    after = steering.cancel_withdrawn(canceled, TRIAL_END - timedelta(days=5), CAUSE).subscription
    assert [rung.days for rung in after.reminders] == [3, 1]
    assert after.cancel_at is None


def test_a_trial_to_be_canceled_that_was_held_is_canceled_at_its_new_end() -> None:
    held = suspending.suspended(a_trial(cancel_at=TRIAL_END), "fraud check", NOW, CAUSE).subscription
    later = NOW + timedelta(days=30)
    back = suspending.way_back(held, timedelta(days=7), later)
    after = suspending.returned(held, back, (), "all is well", later, CAUSE).subscription
    assert after.trial_ends_at == TRIAL_END + timedelta(days=30)
    assert after.cancel_at == after.trial_ends_at


def test_a_trial_with_a_card_converts_where_one_without_expires() -> None:
    assert agenda(a_trial(), POLICY)[-1].action is Action.EXPIRE_TRIAL
    assert agenda(a_trial(card=VISA), POLICY)[-1].action is Action.CONVERT


def test_an_expired_trial_is_canceled_after_the_time_the_policy_sets() -> None:
    after = trial.expired(a_trial(), POLICY, TRIAL_END, CAUSE).subscription
    due = next_due(after, POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.CANCEL, TRIAL_END + timedelta(days=30))


@pytest.mark.parametrize(
    ("before", "event"),
    [
        pytest.param(EXPIRED, Event.RETURNED_TO_TRIAL, id="expired-trial"),
        pytest.param(HELD, Event.RETURNED_PAID_UP, id="held-while-paid-up"),
        pytest.param(a_suspended_subscription(), Event.RETURNED_OWING, id="unpaid"),
    ],
)
def test_a_reactivation_brings_back_what_was_suspended(before: Subscription, event: Event) -> None:
    back = suspending.way_back(before, timedelta(days=7), NOW)
    step = suspending.returned(before, back, (), "sorry", NOW, CAUSE)
    assert back.event is event
    assert step.subscription.access is Access.FULL
    assert [mail.occasion for mail in step.mails] == [Occasion.REACTIVATED]


def test_an_operators_hold_takes_no_days_from_a_trial() -> None:
    held = suspending.suspended(a_trial(), "a look into it", NOW, CAUSE).subscription
    back = suspending.way_back(held, timedelta(days=7), NOW + timedelta(days=40))
    assert back.trial_ends_at == TRIAL_END + timedelta(days=40)


def test_an_unpaid_subscription_given_back_has_the_whole_ladder_ahead_again() -> None:
    later = NOW + timedelta(days=20)
    before = a_suspended_subscription(recovery=a_recovery(step=6, tries=6))
    back = suspending.way_back(before, timedelta(days=7), later)
    after = suspending.returned(before, back, (), "sorry", later, CAUSE).subscription
    assert agenda(after, POLICY)[0].at == later + timedelta(days=1)


@pytest.mark.parametrize(
    ("hint", "worth"),
    [
        (Hint("evt", News.BILL_PAID, "in_1"), False),
        (Hint("evt", News.BILL_PAID, "in_7"), True),
        (Hint("evt", News.AGREEMENT_ENDED, "sub_1"), True),
        (Hint("evt", News.AGREEMENT_ENDED, "sub_9"), False),
        (Hint("evt", News.CARD_CHANGED, MASTERCARD.ref), True),
        (Hint("evt", News.BILL_FAILED, "in_7"), True),
    ],
)
def test_an_echo_of_our_own_doing_is_not_worth_a_look(hint: Hint, worth: bool) -> None:
    assert is_worth_a_look(a_paid_subscription(), hint) is worth


def test_the_failure_of_a_bill_in_recovery_is_no_news() -> None:
    assert not is_worth_a_look(a_past_due_subscription(), Hint("evt", News.BILL_FAILED, "in_2"))
    assert not is_worth_a_look(OVER, Hint("evt", News.BILL_PAID, "in_2"))


def test_a_card_that_its_bank_has_renewed_may_be_tried_again() -> None:
    barred = a_past_due_subscription(recovery=a_recovery(decline=Decline("lost_card")), card=VISA)
    assert barred.card_is_barred

    same = steering.card_replaced(barred, "cus_1", VISA, NOW, CAUSE).subscription
    renewed = steering.card_replaced(barred, "cus_1", replace(VISA, exp_year=2035), NOW, CAUSE).subscription

    assert same.card_is_barred
    assert not renewed.card_is_barred


def test_a_card_declined_for_good_at_hand_is_not_charged_at_the_trials_end() -> None:
    soft = steering.declined_at_hand(a_trial(card=VISA), Decline("insufficient_funds"), NOW, CAUSE).subscription
    hard = steering.declined_at_hand(a_trial(card=VISA), Decline("stolen_card"), NOW, CAUSE).subscription

    assert agenda(soft, POLICY)[-1].action is Action.CONVERT
    assert agenda(hard, POLICY)[-1].action is Action.EXPIRE_TRIAL
    other = steering.card_replaced(hard, "cus_1", MASTERCARD, NOW, CAUSE).subscription
    assert agenda(other, POLICY)[-1].action is Action.CONVERT


def test_a_hold_that_outlasted_the_paid_period_is_followed_by_a_new_one() -> None:
    held = suspending.suspended(a_paid_subscription(), "fraud check", NOW, CAUSE).subscription
    assert held.wants_hold

    def after(when: datetime) -> Subscription:
        return suspending.returned(
            held, suspending.way_back(held, timedelta(), when), (), "fine", when, CAUSE
        ).subscription

    within, beyond = after(PERIOD_END - timedelta(days=1)), after(PERIOD_END + timedelta(days=1))
    assert next_due(within, POLICY) == next_due(replace(within, owes_new_period=False), POLICY)
    due = next_due(beyond, POLICY)
    assert due is not None
    assert due.action is Action.BEGIN_PERIOD
    assert not beyond.wants_hold


def test_a_hold_gives_back_the_access_there_was() -> None:
    limited = a_past_due_subscription(access=Access.LIMITED)
    held = suspending.suspended(limited, "fraud check", NOW, CAUSE).subscription
    back = suspending.way_back(held, timedelta(), NOW)
    assert suspending.returned(held, back, (), "fine", NOW, CAUSE).subscription.access is Access.LIMITED
