"""The lifecycle table, pair by pair, and what the subscription itself knows."""

from datetime import timedelta
from itertools import product

import pytest

from domain.access import Access
from domain.errors import Rejected
from domain.provider.payments import Decline
from domain.subscription.lifecycle import TRANSITIONS, Event, Status
from domain.subscription.policy import MAX_TRIES_IN_30_DAYS
from domain.subscription.state import Dispute, PendingChange, Subscription, SuspensionKind
from tests.builders import (
    FREE,
    MASTERCARD,
    NOW,
    PERIOD_END,
    a_free_subscription,
    a_paid_subscription,
    a_past_due_subscription,
    a_paused_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
    in_status,
)

ALL_PAIRS = list(product(Status, Event))


@pytest.mark.parametrize(("status", "event"), [pair for pair in ALL_PAIRS if pair in TRANSITIONS])
def test_a_listed_event_moves_the_status_and_counts_a_step(status: Status, event: Event) -> None:
    before = in_status(status)
    assert before.allows(event)
    after = before.after(event)
    assert after.status is TRANSITIONS[status, event]
    assert after.sequence == before.sequence + 1


@pytest.mark.parametrize(("status", "event"), [pair for pair in ALL_PAIRS if pair not in TRANSITIONS])
def test_an_unlisted_event_is_rejected_by_name_and_changes_nothing(status: Status, event: Event) -> None:
    before = in_status(status)
    assert not before.allows(event)
    with pytest.raises(Rejected, match=f"{event} cannot happen while {status}") as caught:
        before.after(event, status_reason="changed")
    assert caught.value.code == "transition_rejected"
    assert before == in_status(status)


def test_nothing_follows_a_cancellation() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] is Status.CANCELED]


def test_a_subscription_can_be_canceled_in_every_status_that_is_reached() -> None:
    reached = set(TRANSITIONS.values()) - {Status.CANCELED}
    assert all((status, Event.CANCELED) in TRANSITIONS for status in reached)


def test_a_repeated_attempt_keeps_its_key_and_a_new_one_gets_a_new_one() -> None:
    first = a_trial(id="sub")
    assert first.next_attempt_key == "sub/charge/1"
    assert first.with_attempt(NOW).next_attempt_key == "sub/charge/2"


def test_attempts_within_30_days_stay_within_the_networks_limit() -> None:
    tried = a_past_due_subscription()
    for day in range(MAX_TRIES_IN_30_DAYS):
        assert tried.may_attempt(NOW + timedelta(days=day))
        tried = tried.with_attempt(NOW + timedelta(days=day))
    assert not tried.may_attempt(NOW + timedelta(days=20))
    assert tried.may_attempt(NOW + timedelta(days=30, seconds=1))
    assert len(tried.with_attempt(NOW + timedelta(days=90)).recent_tries) == 1


@pytest.mark.parametrize(
    ("decline", "barred"),
    [
        pytest.param(Decline("insufficient_funds"), False, id="soft"),
        pytest.param(Decline("stolen_card"), True, id="hard"),
        pytest.param(Decline("authentication_required"), True, id="needs-the-customer"),
        pytest.param(Decline("generic_decline", advice="do_not_try_again"), True, id="advised-against"),
        pytest.param(Decline("generic_decline", advice="try_again_later"), False, id="advised-to-wait"),
    ],
)
def test_a_card_is_barred_when_it_was_declined_for_good(decline: Decline, barred: bool) -> None:
    declined = a_past_due_subscription(recovery=a_recovery(decline=decline))
    assert declined.card_is_barred is barred
    assert not a_past_due_subscription(recovery=a_recovery(decline=decline), card=MASTERCARD).card_is_barred


CHANGING = a_paid_subscription(pending_change=PendingChange(FREE, PERIOD_END, NOW))
DISPUTED = Dispute("dp_1", NOW, Access.FULL)


@pytest.mark.parametrize(
    ("subscription", "holds"),
    [
        pytest.param(a_paid_subscription(), False, id="paid-up"),
        pytest.param(a_trial(), False, id="trial"),
        pytest.param(a_free_subscription(), False, id="free-plan"),
        pytest.param(a_past_due_subscription(), True, id="owing"),
        pytest.param(a_past_due_subscription(agreement_ref=""), False, id="owing-the-first-payment"),
        pytest.param(a_suspended_subscription(), True, id="suspended"),
        pytest.param(a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED), False, id="trial-expired"),
        pytest.param(a_paused_subscription(), True, id="paused"),
        pytest.param(CHANGING, True, id="another-plan-comes-next"),
        pytest.param(a_paid_subscription(begins_own_period=True), True, id="we-begin-the-next-period"),
        pytest.param(a_paid_subscription(owes_new_period=True), False, id="after-a-hold"),
        pytest.param(a_paid_subscription(dispute=DISPUTED), True, id="disputed"),
        pytest.param(a_free_subscription(dispute=DISPUTED), False, id="disputed-with-nothing-to-bill"),
        pytest.param(a_paid_subscription(cancel_at=PERIOD_END), False, id="ending"),
    ],
)
def test_billing_is_held_while_the_provider_must_not_bill_another_period(
    subscription: Subscription, holds: bool
) -> None:
    assert subscription.wants_hold is holds
