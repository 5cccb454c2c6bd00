"""What a step says of how a subscription comes out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.provider.payments import Card
from domain.revenue.outcomes import OutcomeChanges, outcome_changes
from domain.revenue.recoveries import RecoveryFact, recovery_facts
from domain.subscription import commands, pause, payments_received, plan_changes, recovery, suspension, trial
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause, CauseKind, Step
from domain.subscription.lifecycle import Event
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
    FREE,
    MASTERCARD,
    NOW,
    PERIOD_END,
    PRO,
    TRIAL_END,
    VISA,
    a_declined_charge,
    a_free_subscription,
    a_paid_charge,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
)

POLICY = DEFAULT_POLICY
FIRST_DECLINED = a_past_due_subscription(agreement_ref="", settled_invoice="", recovery=a_recovery(invoice_ref=""))
LEAVES = End(EndKind.CUSTOMER, "too dear for us", "too_expensive")


def paid(before: Subscription, cause: Cause = CAUSE) -> Step:
    return payments_received.paid(before, a_paid_charge(), POLICY, NOW, cause)


def changes(before: Subscription | None, step: Step) -> OutcomeChanges:
    return outcome_changes(before, step, NOW)


def test_a_trial_that_begins_is_running() -> None:
    begun = trial.started(replace(a_trial(), sequence=0), POLICY, NOW, CAUSE)
    assert changes(None, begun) == {
        "trial_started_at": NOW,
        "trial_outcome": "running",
        "trial_ended_at": None,
        "trial_plan": "starter",
        "trial_with_card": False,
    }


def test_a_trial_knows_whether_it_began_with_a_card_whatever_comes_later() -> None:
    begun = trial.started(replace(a_trial(card=VISA), sequence=0), POLICY, NOW, CAUSE)
    assert changes(None, begun)["trial_with_card"] is True
    later = commands.card_replaced(a_trial(), "cus_1", VISA, NOW, CAUSE)
    assert changes(a_trial(), later) == {}


def test_the_plan_of_a_trial_is_the_one_tried_last() -> None:
    larger = plan_changes.changed(a_trial(), PRO, NOW, CAUSE)
    assert changes(a_trial(), larger) == {"trial_plan": "professional"}
    assert "trial_plan" not in changes(a_trial(), plan_changes.moved_to_free(a_trial(), FREE, NOW, CAUSE))


def test_a_paid_start_has_no_trial() -> None:
    start = a_trial(trial_ends_at=None, reminders=())
    assert changes(None, commands.signed_up(start, NOW, CAUSE)) == {}
    assert changes(start, paid(start)) == {"first_paid_at": NOW}


@pytest.mark.parametrize(
    ("before", "step", "outcome"),
    [
        pytest.param(a_trial(), paid(a_trial()), "converted", id="paid"),
        pytest.param(a_trial(), trial.expired(a_trial(), POLICY, NOW, CAUSE), "expired", id="no-card"),
        pytest.param(
            a_trial(),
            commands.canceled(a_trial(), End(EndKind.TRIAL_EXPIRED), NOW, CAUSE),
            "expired",
            id="no-card-and-over",
        ),
        pytest.param(a_trial(), commands.canceled(a_trial(), LEAVES, NOW, CAUSE), "canceled", id="canceled"),
        pytest.param(a_trial(), plan_changes.moved_to_free(a_trial(), FREE, NOW, CAUSE), "free", id="free"),
        pytest.param(
            a_trial(), recovery.failed(a_trial(), a_declined_charge(), POLICY, NOW, CAUSE), "declined", id="declined"
        ),
        pytest.param(
            a_trial(agreement_ref="sub_1"), paid(a_trial(agreement_ref="")), "converted", id="taken-over-and-paid"
        ),
    ],
)
def test_a_trial_ends(before: Subscription, step: Step, outcome: str) -> None:
    found = changes(before, step)
    assert (found["trial_outcome"], found["trial_ended_at"]) == (outcome, NOW)


@pytest.mark.parametrize("before", [a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED), FIRST_DECLINED])
def test_a_late_first_payment_converts_without_moving_the_end_of_the_trial(before: Subscription) -> None:
    assert changes(before, paid(before)) == {"trial_outcome": "converted", "first_paid_at": NOW}


@pytest.mark.parametrize(
    ("before", "outcome"),
    [
        (a_trial(), {"trial_outcome": "converted", "trial_ended_at": NOW}),
        (FIRST_DECLINED, {"trial_outcome": "converted"}),
        (a_trial(trial_ends_at=None, reminders=()), {}),
    ],
    ids=["trial", "declined", "no-trial"],
)
def test_a_first_payment_while_an_operator_has_suspended_it_converts(
    before: Subscription, outcome: dict[str, object]
) -> None:
    held = suspension.suspended(before, "asked to wait", NOW, CAUSE).subscription
    paid_while_held = paid(held)
    assert changes(held, paid_while_held) == {"first_paid_at": NOW, **outcome}
    back = suspension.Return(Event.RETURNED_PAID_UP)
    returned = suspension.returned(paid_while_held.subscription, back, (), "may go on", NOW, CAUSE)
    assert changes(paid_while_held.subscription, returned) == {}


def test_a_renewal_says_nothing() -> None:
    renewed = a_paid_subscription()
    assert changes(renewed, paid(renewed)) == {}


def test_a_recovered_renewal_is_no_first_payment() -> None:
    owing = a_past_due_subscription()
    assert changes(owing, paid(owing)) == {}


def test_a_free_plan_is_not_a_payment() -> None:
    free = a_free_subscription()
    assert changes(a_trial(), Step(free)).get("first_paid_at") is None


def test_an_extension_is_counted_and_reopens_an_expired_trial() -> None:
    running, later = a_trial(), TRIAL_END + timedelta(days=5)
    assert changes(running, trial.extended(running, later, (), "", NOW, CAUSE)) == {"extended_days": 5}
    expired = a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED)
    reopened = trial.extended(expired, NOW + timedelta(days=3), (), "", NOW, CAUSE)
    assert changes(expired, reopened) == {
        "trial_outcome": "running",
        "trial_ended_at": None,
        "trial_plan": "starter",
        "extended_days": 3,
    }


def test_an_operators_hold_does_not_end_a_trial() -> None:
    held = suspension.suspended(a_trial(), "abuse", NOW, CAUSE)
    assert changes(a_trial(), held) == {}
    back = suspension.Return(Event.RETURNED_TO_TRIAL, TRIAL_END)
    assert changes(held.subscription, suspension.returned(held.subscription, back, (), "", NOW, CAUSE)) == {}


def test_a_cancellation_keeps_what_the_customer_said_also_when_it_is_undone() -> None:
    stays = a_paid_subscription()
    leaving = commands.cancel_scheduled(stays, PERIOD_END, LEAVES, NOW, CAUSE)
    assert changes(stays, leaving) == {
        "canceled_asked_at": NOW,
        "reason_code": "too_expensive",
        "comment": "too dear for us",
        "retained_by": None,
    }
    undone = commands.cancel_withdrawn(leaving.subscription, NOW, CAUSE)
    assert changes(leaving.subscription, undone) == {"retained_by": "uncancel"}


def test_a_pause_or_a_change_that_is_taken_instead_of_an_end_is_what_kept_the_customer() -> None:
    leaving = commands.cancel_scheduled(a_paid_subscription(), PERIOD_END, LEAVES, NOW, CAUSE).subscription
    stays = commands.cancel_withdrawn(leaving, NOW, CAUSE).subscription
    paused = pause.paused(stays, None, NOW, CAUSE)
    planned = plan_changes.change_scheduled(stays, PRO, NOW, CAUSE)
    changed = plan_changes.changed_at_cost(stays, PRO, a_paid_charge(), POLICY, NOW, CAUSE)

    assert changes(stays, paused) == {"retained_by": "pause"}
    assert changes(stays, planned) == {"retained_by": "change"}
    assert changes(stays, changed) == {"retained_by": "change"}
    assert outcome_changes(stays, paused, PERIOD_END) == {}, "it would have been over"
    assert changes(a_paid_subscription(), pause.paused(a_paid_subscription(), None, NOW, CAUSE)) == {}
    again = commands.cancel_scheduled(stays, PERIOD_END, LEAVES, NOW, CAUSE)
    assert changes(stays, again)["retained_by"] is None
    assert changes(stays, paid(stays)) == {}


def test_an_end_as_asked_for_is_not_asked_for_again() -> None:
    leaving = a_paid_subscription(cancel_at=PERIOD_END)
    ended = changes(leaving, commands.canceled(leaving, LEAVES, NOW, CAUSE))
    assert ended == {
        "ended_at": NOW,
        "end_kind": "customer",
        "reason_code": "too_expensive",
        "comment": "too dear for us",
    }
    at_once = changes(a_paid_subscription(), commands.canceled(a_paid_subscription(), LEAVES, NOW, CAUSE))
    assert at_once == ended | {"canceled_asked_at": NOW, "retained_by": None}


def test_the_comment_on_an_end_is_the_customers_or_the_operators_alone() -> None:
    before = a_past_due_subscription()
    unpaid = commands.canceled(before, End(EndKind.NONPAYMENT, "nonpayment"), NOW, CAUSE)
    assert changes(before, unpaid) == {"ended_at": NOW, "end_kind": "nonpayment", "reason_code": "", "comment": ""}


# Recoveries


def fact(before: Subscription | None, step: Step) -> RecoveryFact | None:
    found = recovery_facts(before, step, NOW)
    assert len(found) <= 1
    return found[0] if found else None


def test_a_decline_opens_a_recovery_with_what_is_owed() -> None:
    before = a_paid_subscription()
    found = fact(before, recovery.failed(before, a_declined_charge(), POLICY, NOW, CAUSE))
    assert found == RecoveryFact(NOW, "in_2", 4900, "usd", False, "insufficient_funds", 1, plan="starter")


def test_a_declined_conversion_is_the_recovery_of_a_first_payment() -> None:
    found = fact(a_trial(), recovery.failed(a_trial(), a_declined_charge(), POLICY, NOW, CAUSE))
    assert found is not None
    assert (found.is_first_payment, found.invoice) == (True, "")


def test_another_decline_counts_and_what_changes_nothing_is_no_fact() -> None:
    before = a_past_due_subscription()
    again = recovery.failed_again(before, a_declined_charge("expired_card"), NOW, CAUSE)
    found = fact(before, again)
    assert found is not None
    assert (found.tries, found.decline_code, found.outcome) == (2, "expired_card", "open")
    assert fact(before, recovery.advanced(before, None, POLICY, NOW, CAUSE)) is None
    assert fact(a_paid_subscription(), paid(a_paid_subscription())) is None


@pytest.mark.parametrize(
    ("card", "cause", "by"),
    [
        (None, CauseKind.TIMER, "retry"),
        (None, CauseKind.COMMAND, "customer"),
        (None, CauseKind.WEBHOOK, "provider"),
        (MASTERCARD, CauseKind.COMMAND, "new_card"),
        (MASTERCARD, CauseKind.TIMER, "new_card"),
        (MASTERCARD, CauseKind.PROVIDER, "provider"),
    ],
)
def test_a_payment_says_what_brought_it(card: Card | None, cause: CauseKind, by: str) -> None:
    before = a_past_due_subscription()
    before = replace(before, card=card or before.card)
    found = fact(before, paid(before, Cause(cause)))
    assert found is not None
    assert (found.outcome, found.by, found.ended_at) == ("recovered", by, NOW)


@pytest.mark.parametrize(
    ("actor", "by"),
    [("operator ada@example.com", "operator"), ("admin 7c0b", "operator"), ("service 7c0b", "customer")],
)
def test_a_retry_that_an_operator_asked_for_is_theirs(actor: str, by: str) -> None:
    found = fact(a_past_due_subscription(), paid(a_past_due_subscription(), Cause(CauseKind.COMMAND, "k", actor)))
    assert found is not None
    assert found.by == by


def test_who_is_reactivated_without_a_payment_has_it_waived_and_begins_another() -> None:
    before = a_suspended_subscription(SuspensionKind.NONPAYMENT, recovery=a_recovery(tries=4))
    back = suspension.Return(Event.RETURNED_OWING)
    step = suspension.returned(before, back, (), "promised to pay", NOW + timedelta(days=20), CAUSE)
    waived, another = recovery_facts(before, step, NOW)
    assert (waived.outcome, waived.by, waived.tries, waived.began_at) == ("waived", "operator", 4, NOW)
    assert (another.outcome, another.ended_at, another.began_at) == ("open", None, NOW + timedelta(days=20))
    recovered = fact(step.subscription, paid(step.subscription))
    assert recovered is not None
    assert (recovered.outcome, recovered.began_at) == ("recovered", NOW + timedelta(days=20))


def test_an_end_loses_it_and_a_voided_invoice_waives_it() -> None:
    before = a_past_due_subscription()
    lost = fact(before, commands.canceled(before, LEAVES, NOW, CAUSE))
    waived = fact(before, payments_received.not_owed(before, a_paid_charge(), POLICY, NOW, CAUSE))
    assert lost is not None
    assert waived is not None
    assert [(each.outcome, each.by) for each in (lost, waived)] == [("lost", None), ("waived", None)]


def test_a_suspension_for_nonpayment_leaves_it_open() -> None:
    ladder = DEFAULT_POLICY.recovery
    suspends = next(number for number, rung in enumerate(ladder) if rung.suspend)
    before = a_past_due_subscription(recovery=a_recovery(step=suspends))
    assert fact(before, recovery.advanced(before, None, POLICY, NOW, CAUSE)) is None
