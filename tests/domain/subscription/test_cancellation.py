"""When a cancellation takes effect and what it costs: the preview matches the command."""

from datetime import datetime, timedelta

import pytest

from domain.subscription import cancellation, pause
from domain.subscription.cancellation import CancelPreview
from domain.subscription.commands import CancelAt
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    TRIAL_END,
    a_free_subscription,
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
