"""Operators' holds, and every way back from a suspension."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from domain.access import Access
from domain.catalog.plans import Selection
from domain.formatting import moment
from domain.notifications.mail_types import Occasion
from domain.subscription import suspension
from domain.subscription.agenda import Action, agenda, next_due
from domain.subscription.lifecycle import Event
from domain.subscription.policy import Policy
from domain.subscription.state import Dispute, Pause, PendingChange, Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
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


def facts_of(before: Subscription, when: datetime = NOW) -> dict[str, str]:
    """What the mail of a reactivation states."""
    back = suspension.way_back(before, timedelta(days=7), when)
    (mail,) = suspension.returned(before, back, (), "fine", when, CAUSE).mails
    return mail.facts


def held(before: Subscription) -> Subscription:
    return suspension.suspended(before, "fraud check", NOW, CAUSE).subscription


def test_the_mail_of_a_return_to_a_pause_states_the_pause_and_no_paid_period() -> None:
    until = NOW + timedelta(days=20)
    facts = facts_of(held(a_paused_subscription(pause=Pause(NOW, until))))

    assert (facts["status"], facts["access"], facts["resumes_at"]) == ("paused", "none", moment(until))
    assert "period_end" not in facts


def test_the_mail_of_a_return_with_a_debt_states_what_is_owed() -> None:
    owing = a_suspended_subscription(recovery=a_recovery(amount_due=18900, currency="usd"))
    facts = facts_of(owing)

    assert (facts["status"], facts["amount_due"]) == ("past_due", "18900")
    assert "period_end" not in facts


@pytest.mark.parametrize("before", [a_trial(card=VISA, cancel_at=TRIAL_END), a_paid_subscription(cancel_at=PERIOD_END)])
def test_the_mail_of_a_return_states_the_planned_end(before: Subscription) -> None:
    assert before.cancel_at is not None
    assert facts_of(held(before))["cancel_at"] == moment(before.cancel_at)


def test_after_the_paid_period_the_mail_states_the_bill_of_the_new_one() -> None:
    late = PERIOD_END + timedelta(days=1)
    facts = facts_of(held(a_paid_subscription()), late)

    assert "period_end" not in facts
    assert (facts["renews_at"], facts["amount"]) == (moment(late), "4900")


@pytest.mark.parametrize(("to", "bill"), [(PRO, ("19900", "Professional")), (FREE, None)])
def test_after_the_paid_period_the_bill_is_that_of_the_planned_change(
    to: Selection, bill: tuple[str, str] | None
) -> None:
    late = PERIOD_END + timedelta(days=1)
    facts = facts_of(held(a_paid_subscription(pending_change=PendingChange(to, PERIOD_END, NOW))), late)

    assert ("renews_at" in facts) is (bill is not None)
    assert bill is None or facts["amount"] == bill[0]
    assert facts.get("free_plan_name") == (None if bill else "Free")


DISPUTE = Dispute("dp_1", NOW, Access.FULL)


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        pytest.param(a_paid_subscription(), "", id="paid"),
        pytest.param(a_free_subscription(), "free_plan", id="free"),
        pytest.param(a_paid_subscription(dispute=DISPUTE, status_reason="disputed"), "disputed", id="disputed"),
        pytest.param(a_paused_subscription(dispute=DISPUTE), "paused", id="paused"),
        pytest.param(a_past_due_subscription(dispute=DISPUTE), "insufficient_funds", id="owing"),
        pytest.param(a_trial(), "", id="trial"),
    ],
)
def test_a_hold_gives_back_the_reason_there_was(before: Subscription, reason: str) -> None:
    off = held(before)
    back = suspension.way_back(off, timedelta(), NOW)
    step = suspension.returned(off, back, (), "fine", NOW, CAUSE)

    assert step.subscription.status_reason == reason
    assert step.mails[0].facts.get("disputed", "no") == ("yes" if before.dispute is not None else "no")
