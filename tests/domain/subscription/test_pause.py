"""Pauses: nothing is billed, and no paid day is lost."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Access
from domain.catalog.plans import Selection
from domain.notifications.mail_types import REQUIRED_FACTS, Occasion
from domain.subscription import pause, payments_received, plan_changes, suspension
from domain.subscription.agenda import Action, agenda, next_due
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Pause, PendingChange, Subscription
from tests.builders import (
    CAUSE,
    FREE,
    NOW,
    PERIOD_END,
    PRO,
    a_paid_charge,
    a_paid_subscription,
    a_paused_subscription,
)

DAY = timedelta(days=1)
MINUTES = st.integers(0, 60 * 24 * 400).map(lambda minutes: timedelta(minutes=minutes))


def paused(at: datetime = NOW, until: datetime | None = None) -> Subscription:
    return pause.paused(a_paid_subscription(), until, at, CAUSE).subscription


def resumed(subscription: Subscription, at: datetime) -> Subscription:
    return pause.resumed(subscription, at, CAUSE).subscription


def test_a_pause_removes_access_holds_billing_and_tells_the_customer_until_when() -> None:
    until = NOW + 10 * DAY
    step = pause.paused(a_paid_subscription(), until, NOW, CAUSE)
    after = step.subscription
    assert (after.status, after.access, after.status_reason) == (Status.PAUSED, Access.NONE, "paused")
    assert after.wants_hold
    assert [(due.at, due.action) for due in agenda(after, DEFAULT_POLICY)] == [(until, Action.RESUME)]
    (mail,) = step.mails
    assert (mail.occasion, mail.facts["resumes_at"]) == (Occasion.PAUSED, "2026-03-12T12:00:00Z")
    assert {Occasion.RENEWAL_AHEAD, Occasion.CARD_EXPIRING} <= set(step.withdraws)


def test_a_pause_without_a_date_waits_for_the_customer() -> None:
    step = pause.paused(a_paid_subscription(), None, NOW, CAUSE)
    assert agenda(step.subscription, DEFAULT_POLICY) == ()
    assert "resumes_at" not in step.mails[0].facts


def test_moving_a_pauses_end_moves_nothing_else() -> None:
    moved = pause.paused(paused(until=NOW + DAY), NOW + 9 * DAY, NOW + 5 * DAY, CAUSE)
    assert moved.subscription.pause == Pause(NOW, NOW + 9 * DAY)
    assert Occasion.PAUSED in moved.withdraws, "the mail that waits tells the old date"


@given(paid_for=MINUTES, used=MINUTES, away=MINUTES)
def test_what_was_paid_for_and_not_used_is_had_after_a_pause_to_the_minute(
    paid_for: timedelta, used: timedelta, away: timedelta
) -> None:
    began, period_end = NOW + used, NOW + paid_for
    stopped = pause.paused(a_paid_subscription(period_end=period_end), None, began, CAUSE).subscription
    after = resumed(stopped, began + away)
    assert after.period_end is not None
    assert after.period_end - (began + away) == max(period_end - began, timedelta())
    due = next_due(after, DEFAULT_POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.BEGIN_PERIOD, after.period_end)
    assert after.wants_hold, "the provider's own period is another one: it must not bill"
    assert (after.status, after.access) == (Status.ACTIVE, Access.FULL)


@given(stops=st.lists(st.tuples(MINUTES, MINUTES), min_size=1, max_size=4))
def test_however_often_it_is_paused_the_days_used_are_the_days_paid_for(
    stops: list[tuple[timedelta, timedelta]],
) -> None:
    subscription, now, used = a_paid_subscription(), NOW, timedelta()
    for run, away in stops:
        subscription = pause.paused(subscription, None, now + run, CAUSE).subscription
        subscription = resumed(subscription, now + run + away)
        now, used = now + run + away, used + run
    assert subscription.period_end is not None
    assert subscription.period_end - now == max(PERIOD_END - NOW - used, timedelta())


def test_a_pause_that_began_after_the_paid_period_owes_a_new_one_as_soon_as_it_ends() -> None:
    late = PERIOD_END + timedelta(hours=2)
    after = resumed(paused(at=late), late + 5 * DAY)
    due = next_due(after, DEFAULT_POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.BEGIN_PERIOD, late + 5 * DAY)


def test_a_renewal_that_was_paid_as_the_pause_began_is_had_after_it() -> None:
    renewed = payments_received.paid(
        paused(PERIOD_END), a_paid_charge(), DEFAULT_POLICY, PERIOD_END + timedelta(hours=1), CAUSE
    )
    assert (renewed.subscription.status, renewed.subscription.access) == (Status.PAUSED, Access.NONE)
    after = resumed(renewed.subscription, PERIOD_END + 100 * DAY)
    assert after.period_end == PERIOD_END + 130 * DAY


def test_a_planned_change_waits_for_the_days_that_the_pause_gave_back() -> None:
    planned = plan_changes.change_scheduled(a_paid_subscription(), PRO, NOW, CAUSE).subscription
    stopped = pause.paused(planned, None, NOW + DAY, CAUSE).subscription
    after = resumed(stopped, NOW + 41 * DAY)
    due = next_due(after, DEFAULT_POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.CHANGE_PLAN, PERIOD_END + 40 * DAY)
    begun = plan_changes.change_begins(after, PRO, due.at, CAUSE).subscription
    then = next_due(begun, DEFAULT_POLICY)
    assert then is not None
    assert (then.action, then.at) == (Action.BEGIN_PERIOD, due.at)


def test_the_mail_of_a_resumption_states_the_price_of_the_planned_change_or_the_free_plan() -> None:
    def facts_with(to: Selection) -> dict[str, str]:
        before = a_paused_subscription(pending_change=PendingChange(to, PERIOD_END, NOW))
        (mail,) = pause.resumed(before, NOW + DAY, CAUSE).mails
        return mail.facts

    assert (facts_with(PRO)["amount"], facts_with(PRO)["interval"]) == ("19900", "month")
    assert "free_plan_name" not in facts_with(PRO)
    assert facts_with(FREE)["free_plan_name"] == "Free"


def test_a_planned_change_that_is_withdrawn_while_paused_leaves_the_pause() -> None:
    planned = plan_changes.change_scheduled(a_paid_subscription(), PRO, NOW, CAUSE).subscription
    stopped = pause.paused(planned, None, NOW + DAY, CAUSE).subscription
    after = plan_changes.change_withdrawn(stopped, NOW + 2 * DAY, CAUSE).subscription
    assert (after.status, after.pending_change, after.pause) == (Status.PAUSED, None, Pause(NOW + DAY))
    assert after.wants_hold


def test_the_period_that_is_begun_after_a_pause_is_the_providers_again_from_its_payment_on() -> None:
    after = resumed(paused(), NOW + 5 * DAY)
    paid = payments_received.paid(after, a_paid_charge(), DEFAULT_POLICY, PERIOD_END + 5 * DAY, CAUSE).subscription
    assert (paid.begins_own_period, paid.owes_new_period, paid.wants_hold) == (False, False, False)


@pytest.mark.parametrize("days", [1, 100], ids=["within-the-paid-period", "beyond-it"])
def test_an_operators_hold_after_a_pause_does_not_make_the_next_period_be_forgotten(days: int) -> None:
    after = resumed(paused(), NOW + 5 * DAY)
    held = suspension.suspended(after, "fraud check", NOW + 6 * DAY, CAUSE).subscription
    now = NOW + 6 * DAY + days * DAY
    back = suspension.way_back(held, timedelta(), now)
    given_back = suspension.returned(held, back, (), "fine", now, CAUSE).subscription
    due = next_due(given_back, DEFAULT_POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.BEGIN_PERIOD, after.period_end)


def test_a_pause_interrupted_by_an_operators_hold_continues_where_it_was() -> None:
    stopped = paused(until=NOW + 10 * DAY)
    held = suspension.suspended(stopped, "fraud check", NOW + DAY, CAUSE).subscription
    now = NOW + 20 * DAY
    back = suspension.way_back(held, timedelta(), now)
    after = suspension.returned(held, back, (), "fine", now, CAUSE).subscription
    assert (after.status, after.access, after.status_reason) == (Status.PAUSED, Access.NONE, "paused")
    due = next_due(after, DEFAULT_POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.RESUME, NOW + 10 * DAY)
    assert resumed(after, now).period_end == PERIOD_END + 20 * DAY, "neither pause nor hold took a paid day"


def test_pause_mails_have_all_required_facts() -> None:
    steps = [
        pause.paused(a_paid_subscription(), NOW + DAY, NOW, CAUSE),
        pause.resumed(a_paused_subscription(), NOW + DAY, CAUSE),
    ]
    assert [step.mails[0].occasion for step in steps] == [Occasion.PAUSED, Occasion.RESUMED]
    for step in steps:
        assert not REQUIRED_FACTS[step.mails[0].occasion] - step.mails[0].facts.keys()
