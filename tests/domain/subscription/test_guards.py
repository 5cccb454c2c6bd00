"""Which commands are allowed in which state, and the codes of refusals."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import Access
from domain.catalog.plans import Selection
from domain.errors import Malformed, Rejected
from domain.money import Money
from domain.provider.payments import Decline
from domain.subscription import guards, trial
from domain.subscription.commands import CancelAt, ConvertAt
from domain.subscription.confirmation import Confirmation, ConfirmedAction
from domain.subscription.lifecycle import Status
from domain.subscription.policy import ChangeAt
from domain.subscription.state import Blocked, Dispute, PendingChange, Subscription, SuspensionKind
from tests.builders import (
    FREE,
    NOW,
    PERIOD_END,
    PRO,
    TRIAL_END,
    VISA,
    a_free_subscription,
    a_paid_subscription,
    a_past_due_subscription,
    a_paused_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
    in_status,
)

OVER = in_status(Status.CANCELED)
HELD = a_suspended_subscription(SuspensionKind.OPERATOR)
EXPIRED = a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED)
UNCONVERTED = a_past_due_subscription(agreement_ref="", recovery=a_recovery(decline=Decline("lost_card")))


DAY = timedelta(days=1)
DISPUTED = a_paid_subscription(dispute=Dispute("dp_1", NOW, Access.FULL))
PLANNED = a_paid_subscription(pending_change=PendingChange(PRO, PERIOD_END, NOW))
RESUMED = a_paid_subscription(begins_own_period=True, owes_new_period=True)


def change(subscription: Subscription, to: Selection, at: ChangeAt = ChangeAt.NOW) -> None:
    guards.check_change(subscription, to, at, NOW)


REFUSALS: list[tuple[str, Callable[[], None]]] = [
    ("subscription_canceled", lambda: guards.check_convert(OVER, ConvertAt.NOW, NOW, brings_card=True)),
    ("already_converted", lambda: guards.check_convert(a_paid_subscription(), ConvertAt.NOW, NOW, brings_card=False)),
    ("payment_method_required", lambda: guards.check_convert(a_trial(), ConvertAt.NOW, NOW, brings_card=False)),
    (
        "cancellation_scheduled",
        lambda: guards.check_convert(a_trial(cancel_at=TRIAL_END), ConvertAt.NOW, NOW, brings_card=True),
    ),
    (
        "card_cannot_be_retried",
        lambda: guards.check_convert(UNCONVERTED, ConvertAt.TRIAL_END, NOW, brings_card=False),
    ),
    (
        "card_cannot_be_retried",
        lambda: guards.check_convert(
            a_trial(card=VISA, barred_card=VISA.ref), ConvertAt.TRIAL_END, NOW, brings_card=False
        ),
    ),
    (
        "too_many_tries",
        lambda: guards.check_convert(a_trial(recent_tries=(NOW,) * 15), ConvertAt.NOW, NOW, brings_card=True),
    ),
    ("nothing_to_retry", lambda: guards.check_retry(a_paid_subscription(), NOW)),
    (
        "card_cannot_be_retried",
        lambda: guards.check_retry(a_past_due_subscription(recovery=a_recovery(decline=Decline("lost_card"))), NOW),
    ),
    ("too_many_tries", lambda: guards.check_retry(a_past_due_subscription(recent_tries=(NOW,) * 15), NOW)),
    ("payment_method_required", lambda: guards.check_retry(a_past_due_subscription(card=None), NOW)),
    ("suspended_by_operator", lambda: guards.check_retry(HELD, NOW)),
    ("suspended_by_operator", lambda: guards.check_checkout(HELD)),
    (
        "cancellation_scheduled",
        lambda: guards.check_cancel(a_paid_subscription(cancel_at=PERIOD_END), CancelAt.PERIOD_END),
    ),
    ("no_cancellation_scheduled", lambda: guards.check_uncancel(a_trial())),
    (
        "suspended_by_operator",
        lambda: guards.check_uncancel(
            a_suspended_subscription(SuspensionKind.OPERATOR, cancel_at=PERIOD_END, agreement_ref="sub_1")
        ),
    ),
    ("already_suspended", lambda: guards.check_suspend(EXPIRED, "fraud")),
    ("malformed", lambda: guards.check_suspend(a_trial(), "  ")),
    ("not_suspended", lambda: guards.check_reactivate(a_trial(), "sorry")),
    ("transition_rejected", lambda: guards.check_uncancel(a_past_due_subscription(cancel_at=PERIOD_END))),
    ("not_active", lambda: guards.check_pause(a_trial(), None, NOW)),
    ("on_free_plan", lambda: guards.check_pause(a_free_subscription(), None, NOW)),
    ("suspended_by_operator", lambda: guards.check_pause(HELD, None, NOW)),
    ("cancellation_scheduled", lambda: guards.check_pause(a_paid_subscription(cancel_at=PERIOD_END), None, NOW)),
    ("payment_disputed", lambda: guards.check_pause(DISPUTED, None, NOW)),
    ("malformed", lambda: guards.check_pause(a_paid_subscription(), NOW, NOW)),
    ("malformed", lambda: guards.check_pause(a_paid_subscription(), NOW + 367 * DAY, NOW)),
    ("malformed", lambda: guards.check_pause(a_paused_subscription(), NOW - DAY, NOW)),
    ("not_paused", lambda: guards.check_resume(a_paid_subscription())),
    ("payment_disputed", lambda: guards.check_resume(a_paused_subscription(dispute=DISPUTED.dispute))),
    ("payment_disputed", lambda: guards.check_retry(a_past_due_subscription(dispute=DISPUTED.dispute), NOW)),
    ("no_change", lambda: change(a_paid_subscription(), a_paid_subscription().selection)),
    ("no_change", lambda: change(PLANNED, PLANNED.selection)),
    ("other_currency", lambda: change(a_paid_subscription(), replace(PRO, total=Money(1, "eur")))),
    ("payment_method_required", lambda: change(a_free_subscription(card=None), PRO)),
    ("card_cannot_be_retried", lambda: change(a_free_subscription(barred_card=VISA.ref), PRO)),
    ("too_many_tries", lambda: change(a_free_subscription(recent_tries=(NOW,) * 15), PRO)),
    ("card_cannot_be_retried", lambda: change(a_paid_subscription(barred_card=VISA.ref), PRO)),
    ("too_many_tries", lambda: change(a_paid_subscription(recent_tries=(NOW,) * 15), PRO)),
    ("renewal_under_way", lambda: guards.check_renewal_is_decided(a_paid_subscription(), PERIOD_END)),
    ("renewal_under_way", lambda: guards.check_renewal_is_decided(RESUMED, PERIOD_END + DAY)),
    ("no_change_planned", lambda: guards.check_withdraw_change(a_paid_subscription())),
    (
        "suspended_by_operator",
        lambda: guards.check_withdraw_change(replace(HELD, pending_change=PLANNED.pending_change)),
    ),
    (
        "transition_rejected",
        lambda: guards.check_withdraw_change(a_past_due_subscription(pending_change=PLANNED.pending_change)),
    ),
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
    assert isinstance(caught.value, Malformed) is (code in ("malformed", "other_currency"))


def test_what_can_be_asked_for_is_not_refused() -> None:
    guards.check_convert(a_trial(card=VISA), ConvertAt.NOW, NOW, brings_card=False)
    guards.check_convert(EXPIRED, ConvertAt.NOW, NOW, brings_card=True)
    guards.check_cancel(a_paid_subscription(cancel_at=PERIOD_END), CancelAt.NOW)
    guards.check_retry(a_past_due_subscription(), NOW)
    guards.check_retry(a_trial(blocked=Blocked(NOW, "convert", "stripe_key", "no key", NOW)), NOW)
    lacking = a_recovery(decline=Decline("authentication_required"))
    guards.check_retry(a_past_due_subscription(recovery=lacking), NOW)  # the card is good: its owner is wanted
    guards.check_reactivate(HELD, "cleared")
    trial.check_extension(EXPIRED, 7, "asked nicely")


def test_a_change_without_a_charge_needs_no_card() -> None:
    barred = a_paid_subscription(barred_card=VISA.ref, recent_tries=(NOW,) * 15)
    change(barred, PRO, ChangeAt.PERIOD_END)
    change(barred, FREE)
    change(a_trial(), PRO)
    change(EXPIRED, PRO)


def test_since_a_pause_a_change_can_be_planned_and_the_free_plan_be_had_at_once() -> None:
    change(RESUMED, PRO, ChangeAt.PERIOD_END)
    change(RESUMED, FREE)


def test_what_is_planned_can_be_replaced_and_be_withdrawn_in_a_pause_too() -> None:
    change(PLANNED, FREE, ChangeAt.PERIOD_END)
    guards.check_withdraw_change(PLANNED)
    guards.check_withdraw_change(a_paused_subscription(pending_change=PLANNED.pending_change))


def test_a_change_that_waits_for_the_bank_can_be_withdrawn_and_the_first_payment_of_a_trial_cannot() -> None:
    waits = Confirmation(ConfirmedAction.CONVERT, "https://pay.example/in", PERIOD_END, "in_waits", "", to=PRO)
    for waiting in (waits, replace(waits, action=ConfirmedAction.CHANGE_PLAN)):
        guards.check_withdraw_change(a_free_subscription(confirmation=waiting))
    with pytest.raises(Rejected) as refused:
        guards.check_withdraw_change(a_trial(confirmation=replace(waits, to=None)))
    assert refused.value.code == "no_change_planned"


def test_the_free_plan_has_no_currency_to_stay_with() -> None:
    change(a_free_subscription(), replace(PRO, total=Money(100, "eur")))


def test_the_free_plan_of_another_catalog_is_another_and_asks_for_no_card() -> None:
    had = replace(a_free_subscription(card=None), catalog="shop_v1")

    change(had, replace(FREE, catalog="shop_v2"))

    for same in (replace(FREE, catalog="shop_v1"), FREE):
        with pytest.raises(Rejected) as refused:
            change(had, same)
        assert refused.value.code == "no_change"


def test_a_pause_may_be_as_long_as_a_year_and_its_end_be_moved() -> None:
    guards.check_pause(a_paid_subscription(), NOW + guards.LONGEST_PAUSE, NOW)
    guards.check_pause(a_paused_subscription(), None, NOW)
    guards.check_resume(a_paused_subscription())


def test_a_renewal_is_decided_while_its_period_runs_and_where_there_is_none() -> None:
    guards.check_renewal_is_decided(a_paid_subscription(), PERIOD_END - timedelta(seconds=1))
    guards.check_renewal_is_decided(a_free_subscription(), PERIOD_END)
    guards.check_renewal_is_decided(a_past_due_subscription(), PERIOD_END)
