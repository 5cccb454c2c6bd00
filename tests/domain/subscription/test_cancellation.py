"""When a cancellation takes effect and what it costs: the preview matches the command."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.catalog.plans import Interval
from domain.notifications.mail_types import Occasion
from domain.subscription import cancellation, commands, pause, payments_received, plan_changes
from domain.subscription.cancellation import CancelPreview
from domain.subscription.commands import CancelAt
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    PRO,
    TRIAL_END,
    VISA,
    a_free_subscription,
    a_paid_charge,
    a_paid_subscription,
    a_past_due_subscription,
    a_paused_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
)

A_DAY = timedelta(days=1)
ALL = [
    pytest.param(a_trial(), TRIAL_END, id="trial"),
    pytest.param(a_paid_subscription(), PERIOD_END, id="paid"),
    pytest.param(a_paused_subscription(), PERIOD_END, id="paused"),
    pytest.param(a_free_subscription(), None, id="free-plan"),
    pytest.param(a_past_due_subscription(), None, id="owing"),
    pytest.param(a_suspended_subscription(), None, id="suspended"),
]


@pytest.mark.parametrize(("subscription", "until"), ALL)
def test_a_cancellation_waits_for_what_can_still_be_used(subscription: Subscription, until: datetime | None) -> None:
    preview = cancellation.previewed(subscription, CancelAt.PERIOD_END, NOW)

    assert cancellation.ends_at(subscription, CancelAt.PERIOD_END, NOW) == until
    assert (preview.ends_at, preview.undo_until) == (until or NOW, until)
    assert preview.loses_paid_days == 0


@pytest.mark.parametrize(("subscription", "until"), ALL)
def test_a_cancellation_now_ends_now_and_cannot_be_undone(subscription: Subscription, until: datetime | None) -> None:
    preview = cancellation.previewed(subscription, CancelAt.NOW, NOW)

    assert (preview.ends_at, preview.undo_until) == (NOW, None)


def test_a_pause_keeps_its_paid_days_for_a_customer_who_cancels_however_long_it_lasted() -> None:
    paused, later = a_paused_subscription(), NOW + 100 * A_DAY

    until = cancellation.ends_at(paused, CancelAt.PERIOD_END, later)

    assert until == later + (PERIOD_END - NOW)
    assert pause.resumed(paused, later, CAUSE).subscription.period_end == until, "as if it were resumed then"


@pytest.mark.parametrize(
    ("subscription", "days"),
    [
        pytest.param(a_paid_subscription(), 31, id="paid"),
        pytest.param(a_paused_subscription(), 31, id="paused"),
        pytest.param(a_paid_subscription(period_end=NOW + timedelta(hours=20)), 0, id="the-last-day"),
        pytest.param(a_suspended_subscription(SuspensionKind.OPERATOR), 31, id="held-by-an-operator"),
        pytest.param(a_trial(), 0, id="a-trial-was-not-paid"),
        pytest.param(a_free_subscription(), 0, id="free-plan"),
        pytest.param(a_past_due_subscription(), 0, id="owing"),
    ],
)
def test_a_cancellation_now_says_how_many_paid_days_are_lost(subscription: Subscription, days: int) -> None:
    assert cancellation.previewed(subscription, CancelAt.NOW, NOW).loses_paid_days == days


@pytest.mark.parametrize("at", CancelAt)
def test_what_is_owed_is_voided_at_once_whenever_the_end_was_asked_for(at: CancelAt) -> None:
    owing = a_past_due_subscription(recovery=a_recovery(invoice_ref="in_7"))

    assert cancellation.previewed(owing, at, NOW) == CancelPreview(NOW, 0, "in_7", None)


# What turns out to be paid for after the cancellation


def canceled_at(subscription: Subscription, at: datetime) -> Subscription:
    return commands.cancel_scheduled(subscription, at, End(EndKind.CUSTOMER, "too dear"), NOW, CAUSE).subscription


def moved(before: Subscription, step: Step) -> Subscription:
    return cancellation.moved_along(before, step, NOW).subscription


def test_a_first_period_that_was_paid_before_the_cancellation_is_used_up_first_and_the_provider_is_told() -> None:
    trial = canceled_at(a_trial(card=VISA, customer_ref="cus_1"), TRIAL_END)
    paid = payments_received.paid(trial, a_paid_charge(), DEFAULT_POLICY, NOW, CAUSE)

    step = cancellation.moved_along(trial, paid, NOW)

    after = step.subscription
    assert after.period_end is not None
    assert (after.status, after.cancel_at) == (Status.ACTIVE, after.period_end)
    assert after.untold_end is not None
    assert [entry.kind for entry in step.entries] == ["converted", "cancel_scheduled"]
    assert step.mails[-1].occasion is Occasion.CANCELLATION_SCHEDULED


def test_a_year_that_was_paid_before_the_cancellation_is_used_up_first() -> None:
    before = canceled_at(a_paid_subscription(), PERIOD_END)
    year, charge = replace(PRO, interval=Interval.YEAR), a_paid_charge(period_end=PERIOD_END + 365 * A_DAY, anchor=NOW)

    after = moved(before, plan_changes.changed_at_cost(before, year, charge, DEFAULT_POLICY, NOW, CAUSE))

    assert after.cancel_at == after.period_end == PERIOD_END + 365 * A_DAY
    assert after.untold_end is None, "the provider ends the agreement with its period, as it was told"


def test_a_period_that_was_paid_after_the_loss_of_an_agreement_is_used_up_first() -> None:
    lost = canceled_at(a_paid_subscription(agreement_ref="", lost_agreement="sub_1"), NOW)

    after = moved(lost, payments_received.paid(lost, a_paid_charge(), DEFAULT_POLICY, NOW, CAUSE))

    assert after.cancel_at == after.period_end


def test_a_change_within_the_period_and_a_renewal_in_spite_of_it_move_no_end() -> None:
    before = canceled_at(a_paid_subscription(agreement_anchor=NOW), PERIOD_END)
    charge = a_paid_charge(anchor=NOW)

    changed = moved(before, plan_changes.changed_at_cost(before, PRO, charge, DEFAULT_POLICY, NOW, CAUSE))
    renewed = moved(before, payments_received.paid(before, a_paid_charge(), DEFAULT_POLICY, NOW, CAUSE))

    assert (changed.cancel_at, changed.untold_end) == (PERIOD_END, None)
    assert renewed.cancel_at == PERIOD_END, "an operator may have to give that back"
