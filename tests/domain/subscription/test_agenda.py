"""The next actions, with time and reason, in every status."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.subscription.agenda import Action, Due, agenda, describe, is_paced, next_due
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_LADDER, LadderStep, Policy
from domain.subscription.reminders import Reminder
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import (
    NOW,
    PERIOD_END,
    TRIAL_END,
    VISA,
    a_paid_subscription,
    a_past_due_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
    in_status,
)

POLICY = Policy()
DAY = timedelta(days=1)
HOURS = st.integers(min_value=-1000, max_value=1000).map(lambda hours: NOW + timedelta(hours=hours))


def actions(subscription: Subscription, policy: Policy = POLICY) -> list[Action]:
    return [due.action for due in agenda(subscription, policy)]


def test_a_trial_without_a_card_reminds_and_then_expires() -> None:
    assert agenda(a_trial(), POLICY) == (
        Due(TRIAL_END - 7 * DAY, Action.SEND_REMINDER, "the trial ends in 7 days"),
        Due(TRIAL_END - 3 * DAY, Action.SEND_REMINDER, "the trial ends in 3 days"),
        Due(TRIAL_END - DAY, Action.SEND_REMINDER, "the trial ends in 1 day"),
        Due(TRIAL_END, Action.EXPIRE_TRIAL, "the trial ends and no card is on file: suspended"),
    )


def test_a_trial_with_a_card_reminds_and_then_converts() -> None:
    ahead = agenda(a_trial(card=VISA), POLICY)
    assert [due.action for due in ahead[:-1]] == [Action.SEND_REMINDER] * 3
    assert ahead[-1] == Due(TRIAL_END, Action.CONVERT, "the trial ends and a card is on file")


def test_a_trial_to_be_canceled_does_nothing_else_any_more() -> None:
    ending = a_trial(card=VISA, cancel_at=TRIAL_END, cancel_reason="too dear")
    assert agenda(ending, POLICY) == (Due(TRIAL_END, Action.CANCEL, "cancellation was requested: too dear"),)


def test_a_paid_subscription_renews_and_asks_the_provider_if_no_event_comes() -> None:
    asks_at = PERIOD_END + timedelta(hours=3)
    assert agenda(a_paid_subscription(), POLICY) == (
        Due(PERIOD_END, Action.RENEW, "the paid period ends"),
        Due(asks_at, Action.ASK_PROVIDER, "unless the provider has reported the renewal by then"),
    )


def test_renewing_is_the_providers_so_the_workflow_waits_for_its_own_turn() -> None:
    due = next_due(a_paid_subscription(), POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.ASK_PROVIDER, PERIOD_END + timedelta(hours=3))
    assert next_due(replace(a_paid_subscription(), ask_at=None), POLICY) is None


def test_a_paid_subscription_to_be_canceled_is_not_renewed() -> None:
    ending = replace(a_paid_subscription(), cancel_at=PERIOD_END)
    assert agenda(ending, POLICY) == (Due(PERIOD_END, Action.CANCEL, "cancellation was requested"),)


def test_a_failed_payment_has_the_whole_ladder_ahead_counted_from_its_first_decline() -> None:
    assert agenda(a_past_due_subscription(), POLICY) == (
        Due(NOW + DAY, Action.RECOVER, "day 1 of the recovery: retry"),
        Due(NOW + 3 * DAY, Action.RECOVER, "day 3 of the recovery: retry, else mail"),
        Due(NOW + 5 * DAY, Action.RECOVER, "day 5 of the recovery: retry, else access limited and mail"),
        Due(NOW + 7 * DAY, Action.RECOVER, "day 7 of the recovery: retry, else mail"),
        Due(NOW + 14 * DAY, Action.RECOVER, "day 14 of the recovery: retry, else suspend and mail"),
        Due(NOW + 44 * DAY, Action.CANCEL, "day 44 of the recovery: cancel and mail"),
    )


@given(step=st.integers(min_value=0, max_value=len(DEFAULT_LADDER)))
def test_past_steps_of_the_ladder_are_not_ahead(step: int) -> None:
    ahead = agenda(a_past_due_subscription(recovery=a_recovery(step=step)), POLICY)
    assert [due.at for due in ahead] == [NOW + rung.day * DAY for rung in DEFAULT_LADDER[step:]]


def test_a_suspension_for_nonpayment_continues_on_its_ladder() -> None:
    suspended = a_suspended_subscription(recovery=a_recovery(step=6))
    assert agenda(suspended, POLICY) == (Due(NOW + 44 * DAY, Action.CANCEL, "day 44 of the recovery: cancel and mail"),)


def test_an_expired_trial_is_canceled_when_its_time_is_over() -> None:
    due = next_due(a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED), POLICY)
    assert due == Due(TRIAL_END + 30 * DAY, Action.CANCEL, "suspended since 2026-03-02: for a reason")


@pytest.mark.parametrize(
    "subscription",
    [a_suspended_subscription(SuspensionKind.OPERATOR), in_status(Status.CANCELED), in_status(Status.PAUSED)],
    ids=["held by an operator", "canceled", "paused"],
)
def test_nothing_is_ahead_of_what_only_waits(subscription: Subscription) -> None:
    assert agenda(subscription, POLICY) == ()
    assert next_due(subscription, POLICY) is None


TRIALS = st.builds(
    a_trial,
    card=st.sampled_from([None, VISA]),
    trial_ends_at=HOURS,
    cancel_at=st.none() | HOURS,
    reminders=st.lists(st.builds(Reminder, st.integers(1, 30), HOURS), max_size=5).map(tuple),
)
PAID = st.builds(
    lambda period_end, ask_at, cancel_at: replace(
        a_paid_subscription(), period_end=period_end, ask_at=ask_at, cancel_at=cancel_at
    ),
    st.none() | HOURS,
    st.none() | HOURS,
    st.none() | HOURS,
)
OWING = st.builds(
    lambda since, step: a_past_due_subscription(recovery=a_recovery(since=since, step=step)), HOURS, st.integers(0, 7)
)
OFF = st.builds(
    lambda kind, since, step: a_suspended_subscription(kind, recovery=a_recovery(since=since, step=step)),
    st.sampled_from(SuspensionKind),
    HOURS,
    st.integers(0, 7),
)


@given(TRIALS | PAID | OWING | OFF)
def test_the_agenda_is_in_order_and_what_is_next_is_its_first_own_action(subscription: Subscription) -> None:
    ahead = agenda(subscription, POLICY)
    assert [due.at for due in ahead] == sorted(due.at for due in ahead)
    assert all(due.why for due in ahead)
    ours = [due for due in ahead if due.action is not Action.RENEW]
    assert next_due(subscription, POLICY) == (ours[0] if ours else None)


@given(TRIALS)
def test_a_trial_always_has_exactly_one_end_ahead(subscription: Subscription) -> None:
    ends = [action for action in actions(subscription) if action is not Action.SEND_REMINDER]
    if subscription.cancel_at is not None:
        assert ends == [Action.CANCEL]
    else:
        assert ends == [Action.EXPIRE_TRIAL if subscription.card is None else Action.CONVERT]


@given(retry=st.booleans(), mail=st.booleans(), suspend=st.booleans(), cancel=st.booleans(), day=st.integers(0, 60))
def test_a_step_in_words_names_all_it_does_and_nothing_else(
    retry: bool, mail: bool, suspend: bool, cancel: bool, day: int
) -> None:
    words = describe(LadderStep(day, retry=retry, mail=mail, suspend=suspend, cancel=cancel))
    assert ("retry" in words, "mail" in words, "suspend" in words, "cancel" in words) == (retry, mail, suspend, cancel)
    assert ("else" in words) is (retry and (mail or suspend or cancel))


def a_due(action: Action) -> Due:
    return Due(NOW, action, "")


def test_what_calls_the_provider_first_waits_for_its_turn_there_and_the_rest_does_not() -> None:
    paid, ending = a_paid_subscription(), a_trial(cancel_at=TRIAL_END)
    assert {action for action in Action if not is_paced(paid, a_due(action))} == {Action.SEND_REMINDER, Action.RESUME}
    assert not is_paced(ending, a_due(Action.CANCEL)), "nobody else has to be told of the end"


@pytest.mark.parametrize(
    "it",
    [
        pytest.param(a_past_due_subscription(), id="what is owed may be paid"),
        pytest.param(a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED), id="a card may be there"),
    ],
)
def test_an_end_that_a_payment_may_prevent_asks_the_provider_first(it: Subscription) -> None:
    assert is_paced(it, a_due(Action.CANCEL))
