"""Operators' holds, and every way back from a suspension."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.access import Access
from domain.notifications.mail_types import Occasion
from domain.subscription import suspension
from domain.subscription.agenda import Action, agenda, next_due
from domain.subscription.lifecycle import Event
from domain.subscription.policy import Policy
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    TRIAL_END,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
)

POLICY = Policy()
HELD = a_suspended_subscription(SuspensionKind.OPERATOR)
EXPIRED = a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED)


def test_a_trial_to_be_canceled_that_was_held_is_canceled_at_its_new_end() -> None:
    held = suspension.suspended(a_trial(cancel_at=TRIAL_END), "fraud check", NOW, CAUSE).subscription
    later = NOW + timedelta(days=30)
    back = suspension.way_back(held, timedelta(days=7), later)
    after = suspension.returned(held, back, (), "all is well", later, CAUSE).subscription
    assert after.trial_ends_at == TRIAL_END + timedelta(days=30)
    assert after.cancel_at == after.trial_ends_at


@pytest.mark.parametrize(
    ("before", "event"),
    [
        pytest.param(EXPIRED, Event.RETURNED_TO_TRIAL, id="expired-trial"),
        pytest.param(HELD, Event.RETURNED_PAID_UP, id="held-while-paid-up"),
        pytest.param(a_suspended_subscription(), Event.RETURNED_OWING, id="unpaid"),
    ],
)
def test_a_reactivation_brings_back_what_was_suspended(before: Subscription, event: Event) -> None:
    back = suspension.way_back(before, timedelta(days=7), NOW)
    step = suspension.returned(before, back, (), "sorry", NOW, CAUSE)
    assert back.event is event
    assert step.subscription.access is Access.FULL
    assert [mail.occasion for mail in step.mails] == [Occasion.REACTIVATED]


def test_an_operators_hold_does_not_shorten_a_trial() -> None:
    held = suspension.suspended(a_trial(), "a look into it", NOW, CAUSE).subscription
    back = suspension.way_back(held, timedelta(days=7), NOW + timedelta(days=40))
    assert back.trial_ends_at == TRIAL_END + timedelta(days=40)


def test_an_unpaid_subscription_given_back_has_the_whole_ladder_ahead_again() -> None:
    later = NOW + timedelta(days=20)
    before = a_suspended_subscription(recovery=a_recovery(step=6, tries=6))
    back = suspension.way_back(before, timedelta(days=7), later)
    after = suspension.returned(before, back, (), "sorry", later, CAUSE).subscription
    assert agenda(after, POLICY)[0].at == later + timedelta(days=1)


def test_a_hold_that_outlasted_the_paid_period_is_followed_by_a_new_one() -> None:
    held = suspension.suspended(a_paid_subscription(), "fraud check", NOW, CAUSE).subscription
    assert held.wants_hold

    def after(when: datetime) -> Subscription:
        return suspension.returned(
            held, suspension.way_back(held, timedelta(), when), (), "fine", when, CAUSE
        ).subscription

    within, beyond = after(PERIOD_END - timedelta(days=1)), after(PERIOD_END + timedelta(days=1))
    assert next_due(within, POLICY) == next_due(replace(within, owes_new_period=False), POLICY)
    due = next_due(beyond, POLICY)
    assert due is not None
    assert due.action is Action.BEGIN_PERIOD
    assert not beyond.wants_hold


def test_a_hold_gives_back_the_access_there_was() -> None:
    limited = a_past_due_subscription(access=Access.LIMITED)
    held = suspension.suspended(limited, "fraud check", NOW, CAUSE).subscription
    back = suspension.way_back(held, timedelta(), NOW)
    assert suspension.returned(held, back, (), "fine", NOW, CAUSE).subscription.access is Access.LIMITED
