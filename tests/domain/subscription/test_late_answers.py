"""Unanswered requests: the next attempt, and what a check finds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.provider.payments import Charge, ChargeOutcome, Decline, Invoice
from domain.reconciliation.differences import DifferenceKind, of_agreement
from domain.subscription import commands, confirmation_steps, late_answers, payments_received, plan_changes
from domain.subscription.agenda import ASKED_AGAIN_AFTER, Action, Due, agenda
from domain.subscription.ends import EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_LADDER, DEFAULT_POLICY
from domain.subscription.state import Subscription
from domain.subscription.unanswered_attempts import UnansweredChange
from tests.builders import (
    CAUSE,
    FREE,
    NOW,
    PERIOD_END,
    PRO,
    VISA,
    a_free_subscription,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_trial,
    an_agreement,
)

LATER = NOW + timedelta(hours=2)


def paid(key: str = "", **changes: object) -> Charge:
    bill = Invoice("in_2", "T-0002", "paid", 4900, "usd")
    charge = Charge(ChargeOutcome.PAID, bill, None, "sub_1", PERIOD_END, PERIOD_END + timedelta(days=30), key)
    return replace(charge, **changes)  # type: ignore[arg-type]  # a test names what it likes


def asked_in_vain(subscription: Subscription) -> Subscription:
    return late_answers.unanswered(subscription, subscription.next_attempt_key, NOW)


def test_an_invoice_found_settled_counts_the_unanswered_attempt() -> None:
    before = asked_in_vain(a_paid_subscription(charge_tries=1))

    after, _ = late_answers.settled(before, paid(), LATER)

    assert after.next_attempt_key != before.next_attempt_key, "the next period is another try"
    assert (after.unheard_tries, after.recent_tries) == ((), (LATER,))


def test_an_invoice_found_settled_counts_nothing_if_every_attempt_was_answered() -> None:
    before = a_paid_subscription(charge_tries=1)

    assert late_answers.settled(before, paid(), LATER) == (before, paid())


def test_a_period_started_by_an_unanswered_attempt_is_recognized_with_its_scheduled_change() -> None:
    owing = a_paid_subscription(
        agreement_is_stale=True, owes_new_period=True, billing_anchor=NOW, agreement_anchor=NOW
    ).choosing(PRO)
    before = asked_in_vain(owing)

    after, charge = late_answers.settled(before, paid(anchor=PERIOD_END), LATER)

    assert charge.key == before.next_attempt_key
    renewed = payments_received.paid(after, charge, DEFAULT_POLICY, LATER, CAUSE).subscription
    assert (renewed.agreement_is_stale, renewed.owes_new_period) == (False, False)


def test_an_invoice_paid_manually_is_not_the_unanswered_attempts() -> None:
    before = asked_in_vain(a_paid_subscription(agreement_anchor=NOW))

    _, charge = late_answers.settled(before, paid(anchor=NOW), LATER)

    assert charge.key == ""


def test_an_attempt_for_something_else_has_another_key_and_looks_for_the_unanswered_one_first() -> None:
    asked = asked_in_vain(a_free_subscription().choosing(PRO))
    instead = replace(asked.choosing(a_trial().selection))

    next_try = late_answers.next_try(instead)

    assert next_try.next_attempt_key != asked.next_attempt_key
    assert late_answers.earlier_attempts(next_try, next_try.next_attempt_key) == (asked.next_attempt_key,)
    assert late_answers.next_try(next_try) == next_try
    assert late_answers.next_try(asked) == asked, "asked again for the same, it is the same try"


def test_an_attempt_on_a_running_agreement_is_the_same_whatever_is_scheduled_meanwhile() -> None:
    asked = asked_in_vain(a_paid_subscription())

    assert late_answers.next_try(asked.choosing(PRO)) == asked.choosing(PRO)


def test_what_the_unanswered_attempt_paid_for_applies_and_later_requests_follow_at_once() -> None:
    asked = asked_in_vain(a_trial(card=VISA, customer_ref="cus_1"))
    charge = paid(asked.next_attempt_key)

    bought = late_answers.answered(late_answers.next_try(asked.choosing(PRO)), charge, LATER)

    step = payments_received.paid(bought, charge, DEFAULT_POLICY, LATER, CAUSE)
    after = step.subscription
    assert (after.status, after.plan, after.amount, after.unheard_tries) == (Status.ACTIVE, "starter", 4900, ())
    assert after.pending_change is not None
    assert after.pending_change.to == PRO
    assert agenda(after, DEFAULT_POLICY)[0].at <= LATER


def test_a_sync_on_the_free_plan_finds_the_purchase_and_schedules_no_way_back() -> None:
    asked = asked_in_vain(a_free_subscription().choosing(PRO)).choosing(FREE)

    bought = late_answers.begun(asked, paid(asked.next_attempt_key), LATER)

    assert (bought.selection, bought.pending_change, bought.unheard_tries) == (PRO, None, ())
    assert bought.next_attempt_key != asked.next_attempt_key


def test_a_sync_that_finds_nothing_says_so_and_the_next_attempt_is_a_new_one() -> None:
    asked = asked_in_vain(a_free_subscription().choosing(PRO)).choosing(FREE)

    step = late_answers.not_begun(asked, LATER, CAUSE)

    assert [entry.kind for entry in step.entries] == ["payment_not_made"]
    assert (step.subscription.plan, step.subscription.unheard_tries) == ("free", ())
    assert step.subscription.next_attempt_key != asked.next_attempt_key


def test_what_was_asked_of_an_agreement_that_has_ended_for_the_free_plan_is_not_asked_about() -> None:
    owing = asked_in_vain(a_paid_subscription())

    assert plan_changes.moved_to_free(owing, FREE, LATER, CAUSE).subscription.unheard_tries == ()


def test_on_the_free_plan_it_is_soon_asked_what_came_of_a_payment_that_was_not_answered() -> None:
    asked = asked_in_vain(a_free_subscription().choosing(PRO)).choosing(FREE)

    assert agenda(a_free_subscription(), DEFAULT_POLICY) == ()
    why = "the payment provider has not confirmed a payment"
    assert agenda(asked, DEFAULT_POLICY) == (Due(NOW + ASKED_AGAIN_AFTER, Action.ASK_PROVIDER, why),)


ASKED = UnansweredChange("s/change/key-1", PRO, NOW, NOW, "key-1", present=True)


def changing_in_vain(**changes: object) -> Subscription:
    return a_paid_subscription(unheard_change=ASKED, **changes)


def of_change(outcome: ChargeOutcome = ChargeOutcome.PAID, **changes: object) -> Charge:
    bill = Invoice("in_2", "T-0002", "paid" if outcome is ChargeOutcome.PAID else "open", 15000, "usd")
    charge = Charge(outcome, bill, None, "sub_1", NOW, PERIOD_END, is_of_change=True)
    return replace(charge, **changes)  # type: ignore[arg-type]  # a test names what it likes


def test_a_change_that_was_not_answered_is_kept_and_soon_asked_for_while_all_stays_as_it_was() -> None:
    before = a_paid_subscription()

    step = late_answers.change_noted(before, ASKED, NOW, CAUSE)

    assert [entry.kind for entry in step.entries] == ["answer_missing"]
    assert replace(step.subscription, unheard_change=None, sequence=before.sequence) == before
    due = agenda(step.subscription, DEFAULT_POLICY)[0]
    assert (due.action, due.at) == (Action.ASK_PROVIDER, NOW + ASKED_AGAIN_AFTER)


def test_a_change_found_paid_is_adopted_as_if_answered_and_a_repeat_is_done() -> None:
    step = late_answers.change_found(changing_in_vain(), of_change(), DEFAULT_POLICY, LATER, CAUSE)

    after = step.subscription
    assert (after.plan, after.settled_invoice, after.period_end) == (PRO.plan, "in_2", PERIOD_END)
    assert (after.unheard_change, after.confirmed) == (None, ("key-1",))
    assert [entry.kind for entry in step.entries] == ["plan_changed"]
    assert step.entries[0].details["provider_key"] == ASKED.key
    assert [mail.occasion for mail in step.mails] == ["plan_changed", "receipt"]


def test_found_waiting_for_the_bank_it_waits_as_one_that_was_answered() -> None:
    waits = of_change(
        ChargeOutcome.ACTION_REQUIRED,
        decline=Decline("authentication_required"),
        waits_until=NOW + timedelta(hours=23),
    )

    after = late_answers.change_waits(changing_in_vain(), waits, DEFAULT_POLICY, LATER, CAUSE).subscription

    assert after.confirmation is not None
    assert (after.confirmation.to, after.confirmation.key, after.unheard_change) == (PRO, ASKED.key, None)
    assert confirmation_steps.answer_to_repeat(after, "key-1", DEFAULT_POLICY) is not None


def test_a_change_found_unpaid_leaves_the_old_plan_and_nothing_owed() -> None:
    step = late_answers.change_not_made(changing_in_vain(), LATER, CAUSE)

    after = step.subscription
    assert (after.plan, after.status, after.recovery, after.unheard_change) == ("starter", "active", None, None)
    assert [entry.kind for entry in step.entries] == ["change_not_made"]


def test_an_unanswered_move_to_the_free_plan_is_adopted_and_a_repeat_is_done() -> None:
    asked = a_paid_subscription(unheard_change=replace(ASKED, to=FREE, present=False))

    after = late_answers.free_plan_found(asked, FREE, LATER, CAUSE).subscription

    assert (after.plan, after.status, after.agreement_ref) == ("free", "active", "")
    assert (after.unheard_change, after.confirmed) == (None, ("key-1",))


@pytest.mark.parametrize(
    ("before", "kind"),
    [
        (a_paid_subscription(), EndKind.PROVIDER),
        (a_paid_subscription(cancel_at=PERIOD_END, end_kind=EndKind.CUSTOMER), EndKind.CUSTOMER),
        (a_past_due_subscription(), EndKind.PROVIDER),
        (a_past_due_subscription(recovery=a_recovery(step=len(DEFAULT_LADDER) - 1)), EndKind.NONPAYMENT),
    ],
)
def test_an_agreement_found_ended_was_ended_by_us_if_that_was_asked_for_or_is_due(
    before: Subscription, kind: EndKind
) -> None:
    assert commands.found_ended(before, DEFAULT_POLICY, NOW + timedelta(days=90)).kind is kind


def test_a_hold_lifted_for_a_failed_change_is_set_again() -> None:
    held = changing_in_vain(is_held=True, begins_own_period=True, owes_new_period=True)

    after = late_answers.change_not_made(held, LATER, CAUSE).subscription

    assert (after.is_held, after.wants_hold) == (False, True)


def test_the_invoice_of_a_change_is_a_difference_only_while_the_change_is_unanswered() -> None:
    changed = an_agreement(latest=of_change())

    assert [each.kind for each in of_agreement(changing_in_vain(), changed)] == [DifferenceKind.PAYMENT_UNHEARD]
    assert list(of_agreement(a_paid_subscription(), changed)) == [], "no step would take it over"
