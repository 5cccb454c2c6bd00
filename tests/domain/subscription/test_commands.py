"""The steps of customers' and operators' commands."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.access import Access
from domain.catalog.plans import Item
from domain.notifications.mail_types import TO_OPERATORS, Occasion
from domain.provider.payments import NO_CARD, Decline
from domain.subscription import commands
from domain.subscription.agenda import Action, agenda
from domain.subscription.ends import End, EndKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import Policy
from domain.subscription.state import PendingChange, Subscription
from tests.builders import (
    CAUSE,
    MASTERCARD,
    NOW,
    PERIOD_END,
    PRO,
    TRIAL_END,
    VISA,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_trial,
)

POLICY = Policy()


def test_a_scheduled_cancellation_replaces_everything_that_was_ahead() -> None:
    step = commands.cancel_scheduled(a_trial(), TRIAL_END, End(EndKind.CUSTOMER, "too dear"), NOW, CAUSE)
    assert [due.action for due in agenda(step.subscription, POLICY)] == [Action.CANCEL]
    undone = commands.cancel_withdrawn(step.subscription, NOW, CAUSE).subscription
    assert agenda(undone, POLICY) == agenda(a_trial(), POLICY)


def test_the_mail_of_a_cancellation_states_the_pause_and_the_change_that_it_ends() -> None:
    planned = a_paid_subscription(pending_change=PendingChange(PRO, PERIOD_END, NOW))
    plain, paused = (
        commands.cancel_scheduled(planned, PERIOD_END, End(EndKind.CUSTOMER), NOW, CAUSE, ends_pause=ends_pause)
        for ends_pause in (False, True)
    )

    assert (plain.mails[0].facts["replaced_plan_name"], "ends_pause" in plain.mails[0].facts) == ("Professional", False)
    assert paused.mails[0].facts["ends_pause"] == "yes"


WITH_OVERAGE = (*a_paid_subscription().items, Item("manufacturing_starter_users_overage_month_v1", 0))


@pytest.mark.parametrize(
    ("before", "is_billed"),
    [
        (a_paid_subscription(items=WITH_OVERAGE), True),
        (a_paid_subscription(), False),
        (a_trial(items=WITH_OVERAGE), False),
        (a_trial(items=WITH_OVERAGE, agreement_ref="sub_elsewhere"), False),
        (a_past_due_subscription(items=WITH_OVERAGE), False),
    ],
    ids=["overage", "none", "trial", "adopted trial", "unpaid"],
)
def test_the_mails_of_an_end_except_what_was_used_beyond_the_limit(before: Subscription, is_billed: bool) -> None:
    (end,) = commands.canceled(before, End(EndKind.CUSTOMER), NOW, CAUSE).mails

    assert (end.facts.get("bills_overage") == "yes") is is_billed
    if before.status is not Status.PAST_DUE:
        (ahead,) = commands.cancel_scheduled(before, PERIOD_END, End(EndKind.CUSTOMER), NOW, CAUSE).mails
        assert ahead.facts.get("bills_overage") == end.facts.get("bills_overage")


def test_a_scheduled_cancellation_withdraws_mails_that_announce_a_renewal() -> None:
    step = commands.cancel_scheduled(a_paid_subscription(), PERIOD_END, End(EndKind.CUSTOMER), NOW, CAUSE)
    goes_on = {
        Occasion.TRIAL_ENDING,
        Occasion.RENEWAL_AHEAD,
        Occasion.CARD_EXPIRING,
        Occasion.PLAN_CHANGE_SCHEDULED,
    }
    assert set(step.withdraws) == goes_on
    assert [mail.occasion for mail in step.mails] == [Occasion.CANCELLATION_SCHEDULED]


def test_a_cancellation_withdraws_every_waiting_mail_but_a_receipt() -> None:
    step = commands.canceled(a_past_due_subscription(), End(EndKind.CUSTOMER, "too dear"), NOW, CAUSE)
    assert set(step.withdraws) == set(Occasion) - TO_OPERATORS - {Occasion.RECEIPT, Occasion.CANCELED}
    assert agenda(step.subscription, POLICY) == ()
    assert step.subscription.access is Access.NONE


def test_a_cancellation_undone_leaves_out_the_reminders_whose_time_has_passed() -> None:
    canceled = a_trial(cancel_at=TRIAL_END)
    after = commands.cancel_withdrawn(canceled, TRIAL_END - timedelta(days=5), CAUSE).subscription
    assert [rung.days for rung in after.reminders] == [3, 1]
    assert after.cancel_at is None


def test_a_trial_with_a_card_converts_where_one_without_expires() -> None:
    assert agenda(a_trial(), POLICY)[-1].action is Action.EXPIRE_TRIAL
    assert agenda(a_trial(card=VISA), POLICY)[-1].action is Action.CONVERT


def test_a_card_that_its_bank_has_renewed_may_be_charged_again() -> None:
    barred = a_past_due_subscription(recovery=a_recovery(decline=Decline("lost_card")), card=VISA)
    assert barred.card_is_barred

    same = commands.card_replaced(barred, "cus_1", VISA, NOW, CAUSE).subscription
    renewed = commands.card_replaced(barred, "cus_1", replace(VISA, exp_year=2035), NOW, CAUSE).subscription

    assert same.card_is_barred
    assert not renewed.card_is_barred


def test_a_card_declined_for_good_at_hand_is_not_charged_at_the_trials_end() -> None:
    soft = commands.declined_at_hand(a_trial(card=VISA), Decline("insufficient_funds"), NOW, CAUSE).subscription
    hard = commands.declined_at_hand(a_trial(card=VISA), Decline("stolen_card"), NOW, CAUSE).subscription

    assert agenda(soft, POLICY)[-1].action is Action.CONVERT
    assert agenda(hard, POLICY)[-1].action is Action.EXPIRE_TRIAL
    other = commands.card_replaced(hard, "cus_1", MASTERCARD, NOW, CAUSE).subscription
    assert agenda(other, POLICY)[-1].action is Action.CONVERT


@pytest.mark.parametrize(
    ("code", "words"),
    [("insufficient_funds", "The card was declined: insufficient_funds"), (NO_CARD, "No card is on file")],
)
def test_the_journal_says_why_a_requested_charge_was_not_paid(code: str, words: str) -> None:
    step = commands.declined_at_hand(a_trial(card=VISA), Decline(code), NOW, CAUSE)

    assert [entry.summary for entry in step.entries] == [words]


def test_a_trial_whose_card_was_removed_ends_like_one_without() -> None:
    step = commands.card_removed(a_trial(card=VISA), NOW, CAUSE)

    assert step.subscription.card is None
    assert agenda(step.subscription, POLICY)[-1].action is Action.EXPIRE_TRIAL
    assert [(entry.kind, entry.details) for entry in step.entries] == [("card_removed", {"card": VISA.ref})]


def test_a_card_counts_from_when_it_was_given_and_one_stored_by_the_api_from_a_minute_before() -> None:
    given = commands.card_replaced(a_trial(), "cus_1", VISA, NOW, CAUSE, given_at=NOW - timedelta(hours=3))
    put = commands.card_replaced(a_trial(), "cus_1", VISA, NOW, CAUSE)

    assert given.subscription.card_since == NOW - timedelta(hours=3)
    assert put.subscription.card_since == NOW - commands.CLOCKS_DIFFER


def test_a_pause_at_the_provider_is_noted_with_its_reason_and_so_is_its_end() -> None:
    paused = commands.provider_pause_noted(a_paid_subscription(), "pause_requested", NOW, CAUSE)
    back = commands.provider_pause_noted(paused.subscription, "", NOW, CAUSE)

    assert "pause requested" in paused.entries[0].summary
    assert "nothing is billed" in paused.entries[0].summary
    assert paused.subscription.status is a_paid_subscription().status
    assert (paused.subscription.paused_at_provider, back.subscription.paused_at_provider) == ("pause_requested", "")
