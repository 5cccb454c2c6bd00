"""A blocked step is recorded once, kept up to date, and cleared once it succeeds or is no longer needed."""

from dataclasses import replace
from datetime import timedelta

from domain.subscription import blocked_steps, commands, suspension
from domain.subscription.agenda import Action, agenda
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Entry, Step
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Blocked, Subscription
from tests.builders import CAUSE, NOW, TRIAL_END, VISA, a_paid_subscription, a_trial

AN_HOUR = timedelta(hours=1)
NO_KEY = Blocked(TRIAL_END, Action.CONVERT, "stripe_key", "Stripe does not accept our key", TRIAL_END + AN_HOUR)


def a_blocked_trial() -> Subscription:
    return blocked_steps.blocked(a_trial(card=VISA), NO_KEY, TRIAL_END, CAUSE).subscription


def is_moot(subscription: Subscription, action: str) -> bool:
    trouble = replace(NO_KEY, action=action)
    stands = replace(subscription, blocked=trouble)
    return blocked_steps.is_moot(stands, trouble, agenda(stands, DEFAULT_POLICY), TRIAL_END)


def test_a_blocked_step_is_recorded_once_with_the_reason() -> None:
    step = blocked_steps.blocked(a_trial(card=VISA), NO_KEY, TRIAL_END, CAUSE)

    assert [entry.kind for entry in step.entries] == ["blocked"]
    assert "convert: Stripe does not accept our key" in step.entries[0].summary
    assert step.entries[0].details["code"] == "stripe_key"
    assert not step.mails
    assert step.subscription.blocked == NO_KEY


def test_the_next_attempt_is_updated_without_another_journal_entry() -> None:
    later = replace(NO_KEY, since=TRIAL_END + AN_HOUR, next_try=TRIAL_END + 2 * AN_HOUR, code="unknown_price")

    step = blocked_steps.blocked(a_blocked_trial(), later, TRIAL_END + AN_HOUR, CAUSE)

    assert step.entries == ()
    assert step.subscription.blocked == replace(later, since=TRIAL_END)


def test_refusals_are_counted_and_missing_answers_are_not() -> None:
    refused = replace(NO_KEY, refusals=1)
    stands = blocked_steps.blocked(a_trial(card=VISA), refused, TRIAL_END, CAUSE).subscription

    for trouble in (refused, NO_KEY):
        stands = blocked_steps.blocked(stands, trouble, TRIAL_END, CAUSE).subscription

    assert stands.blocked is not None
    assert stands.blocked.refusals == 2


def test_steps_refused_alternately_are_reported_once_each_and_keep_their_own_since_and_count() -> None:
    stands, first = a_paid_subscription(), replace(NO_KEY, refusals=1)
    told: list[Entry] = []
    for hour in range(6):
        now = TRIAL_END + hour * AN_HOUR
        action = (blocked_steps.HOLD, blocked_steps.HEAR)[hour % 2]
        step = blocked_steps.blocked(stands, replace(first, action=action, since=now), now, CAUSE)
        stands, told = step.subscription, [*told, *step.entries]

    assert [entry.details["action"] for entry in told] == [blocked_steps.HOLD, blocked_steps.HEAR]
    hold, hear = blocked_steps.all_blocked(stands)
    assert stands.blocked == hold, "the oldest is shown"
    assert (hold.action, hold.since, hold.refusals) == (blocked_steps.HOLD, TRIAL_END, 3)
    assert (hear.action, hear.since, hear.refusals) == (blocked_steps.HEAR, TRIAL_END + AN_HOUR, 3)


def test_when_one_of_two_blocked_steps_succeeds_the_other_is_still_shown() -> None:
    hold = replace(NO_KEY, action=blocked_steps.HOLD, since=TRIAL_END + AN_HOUR)
    stands = blocked_steps.blocked(a_blocked_trial(), hold, TRIAL_END + AN_HOUR, CAUSE).subscription

    step = blocked_steps.unblocked(blocked_steps.continued(stands), [NO_KEY], TRIAL_END + AN_HOUR)

    assert [(entry.kind, entry.details["action"]) for entry in step.entries] == [("unblocked", Action.CONVERT)]
    assert blocked_steps.all_blocked(step.subscription) == (hold,)


def test_a_run_of_an_earlier_release_shows_the_latest_refusal_alone() -> None:
    hold = replace(NO_KEY, action=blocked_steps.HOLD)

    step = blocked_steps.blocked(a_blocked_trial(), hold, TRIAL_END, CAUSE, keeps_others=False)

    assert [entry.kind for entry in step.entries] == ["blocked"]
    assert blocked_steps.all_blocked(step.subscription) == (hold,)


def test_a_reason_without_end_is_cut_short() -> None:
    step = blocked_steps.blocked(a_trial(), replace(NO_KEY, why="x" * 10_000), TRIAL_END, CAUSE)

    assert step.subscription.blocked is not None
    assert len(step.subscription.blocked.why) == blocked_steps.LONGEST_WHY


def test_an_unblocked_step_is_recorded_once_before_its_outcome() -> None:
    stands = a_blocked_trial()
    converted = commands.signed_up(stands, TRIAL_END + AN_HOUR, CAUSE)

    step = blocked_steps.unblocked(converted, [NO_KEY], TRIAL_END + AN_HOUR)

    assert [entry.kind for entry in step.entries] == ["unblocked", "signed_up"]
    assert step.subscription.blocked is None


def test_an_ended_subscription_is_not_recorded_as_unblocked() -> None:
    ended: Step = commands.canceled(a_blocked_trial(), End(EndKind.CUSTOMER), TRIAL_END, CAUSE)

    step = blocked_steps.unblocked(ended, [NO_KEY], TRIAL_END)

    assert [entry.kind for entry in step.entries] == ["canceled"]
    assert step.subscription.blocked is None


def test_a_step_is_blocked_only_as_long_as_it_is_due() -> None:
    stands = a_blocked_trial()
    suspended = suspension.suspended(stands, "fraud check", TRIAL_END, CAUSE).subscription
    longer = replace(stands, trial_ends_at=TRIAL_END + timedelta(days=7))

    assert not is_moot(stands, Action.CONVERT)
    assert is_moot(suspended, Action.CONVERT)
    assert is_moot(longer, Action.CONVERT)


def test_a_hold_is_blocked_until_it_is_accepted_or_no_longer_wanted() -> None:
    stands = a_paid_subscription(is_held=True)

    assert not is_moot(stands, blocked_steps.HOLD)
    assert is_moot(replace(stands, is_held=False), blocked_steps.HOLD)
    assert is_moot(replace(stands, agreement_ref=""), blocked_steps.HOLD)


def test_an_event_stays_to_be_processed_whatever_is_due() -> None:
    assert not is_moot(a_trial(created_at=NOW), blocked_steps.HEAR)
