"""A trial's start, reminders, extension and end."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Access
from domain.catalog.plans import Interval, Selection
from domain.errors import Malformed, Rejected
from domain.money import Money
from domain.notifications.mail_types import Occasion
from domain.notifications.tones import Tone, of_mail
from domain.subscription import trial
from domain.subscription.journal import Cause, CauseKind, TrialClaim
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY, Policy, TrialEnd, TrialMark, TrialPolicy
from domain.subscription.reminders import Reminder
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import (
    CAUSE,
    NOW,
    TRIAL_END,
    VISA,
    a_paid_subscription,
    a_past_due_subscription,
    a_suspended_subscription,
    a_trial,
)

EXPIRED = a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED)
DAY = timedelta(days=1)
FREE = Selection("free", "Free", Interval.MONTH, 1, {}, (), Money(0, "usd"))


def test_a_trial_starts_with_its_first_step_and_a_mail_that_says_when_it_ends() -> None:
    step = trial.started(a_trial(sequence=0), DEFAULT_POLICY, NOW, CAUSE)
    assert (step.subscription.sequence, step.subscription.status) == (1, Status.TRIALING)
    assert [(entry.kind, entry.at, entry.cause) for entry in step.entries] == [("trial_started", NOW, CAUSE)]
    (mail,) = step.mails
    assert mail.occasion is Occasion.TRIAL_STARTED
    assert mail.facts["trial_ends_at"] == "2026-03-16T12:00:00Z"


@pytest.mark.parametrize(
    ("without_card", "has_free_plan", "told"),
    [
        (TrialEnd.SUSPEND, True, {"trial_end": "suspend"}),
        (TrialEnd.CANCEL, True, {"trial_end": "cancel"}),
        (TrialEnd.FREE_PLAN, True, {"trial_end": "free_plan", "free_plan_name": "Free"}),
        (TrialEnd.FREE_PLAN, False, {"trial_end": "suspend"}),
    ],
)
def test_trial_mails_say_what_happens_at_the_end_without_a_card(
    without_card: TrialEnd, has_free_plan: bool, told: dict[str, str]
) -> None:
    policy = Policy(trial=TrialPolicy(without_card=without_card))
    before = a_trial(free_plan=FREE if has_free_plan else None)
    mails = [
        *trial.started(before, policy, NOW, CAUSE).mails,
        *trial.reminded(before, policy, TRIAL_END - 7 * DAY, CAUSE).mails,
    ]
    assert [mail.occasion for mail in mails] == [Occasion.TRIAL_STARTED, Occasion.TRIAL_ENDING]
    for mail in mails:
        assert {name: fact for name, fact in mail.facts.items() if name in ("trial_end", "free_plan_name")} == told


def test_a_trial_claims_what_the_policy_counts_it_by() -> None:
    by_mail = Policy(trial=TrialPolicy(one_per=(TrialMark.EMAIL,)))
    assert trial.started(a_trial(sequence=0), by_mail, NOW, CAUSE).trial == TrialClaim((TrialMark.EMAIL,))
    assert trial.started(a_trial(sequence=0), DEFAULT_POLICY, NOW, CAUSE).trial == TrialClaim(tuple(TrialMark))


def test_a_policy_of_before_there_was_a_limit_has_none() -> None:
    assert trial.started(a_trial(sequence=0), Policy(), NOW, CAUSE).trial == TrialClaim(())


def test_another_trial_that_was_allowed_is_not_held_against_the_customer_and_says_who_allowed_it() -> None:
    cause = Cause(CauseKind.COMMAND, "sign-up", "operator 7")
    step = trial.started(a_trial(sequence=0), DEFAULT_POLICY, NOW, cause, another_allowed=True)
    assert step.trial == TrialClaim(())
    (entry,) = step.entries
    assert entry.summary.endswith("another one allowed by operator 7")
    assert entry.details["another_trial_allowed_by"] == "operator 7"


@pytest.mark.parametrize("mark", list(TrialMark))
def test_a_refused_trial_names_the_rule_and_the_ways_on(mark: TrialMark) -> None:
    refusal = trial.used(mark)
    assert refusal.code == "trial_used"
    assert {TrialMark.CUSTOMER: "external_id", TrialMark.EMAIL: "mail address", TrialMark.CARD: "card"}[
        mark
    ] in refusal.message
    assert all(way in refusal.message for way in ("trial_days 0", "payment_method", "allow_another_trial true"))


def test_a_reminder_that_is_due_goes_out_and_is_not_ahead_any_more() -> None:
    step = trial.reminded(a_trial(), DEFAULT_POLICY, TRIAL_END - 7 * DAY, CAUSE)
    assert [rung.days for rung in step.subscription.reminders] == [3, 1]
    assert [mail.facts["days_left"] for mail in step.mails] == ["7"]
    assert [entry.summary for entry in step.entries] == ["Reminder: the trial ends in 7 days"]


def test_the_last_reminder_speaks_of_one_day() -> None:
    step = trial.reminded(a_trial(reminders=(Reminder(1, TRIAL_END - DAY),)), DEFAULT_POLICY, TRIAL_END - DAY, CAUSE)
    assert step.entries[-1].summary == "Reminder: the trial ends in 1 day"


def test_the_last_reminder_sent_when_hours_are_left_does_not_speak_of_a_day() -> None:
    before = a_trial(reminders=(Reminder(1, TRIAL_END - DAY),))
    step = trial.reminded(before, DEFAULT_POLICY, TRIAL_END - timedelta(hours=3), CAUSE)
    assert step.entries[-1].summary == "Reminder: the trial ends in less than a day"
    assert [mail.facts["days_left"] for mail in step.mails] == ["0"]


def test_a_reminder_takes_the_place_of_an_earlier_one_that_did_not_go_out() -> None:
    step = trial.reminded(a_trial(), DEFAULT_POLICY, TRIAL_END - 3 * DAY, CAUSE)
    assert step.withdraws == (Occasion.TRIAL_ENDING,)


def test_reminders_that_were_missed_are_skipped_and_never_sent_in_a_burst() -> None:
    step = trial.reminded(a_trial(), DEFAULT_POLICY, TRIAL_END - 2 * DAY, CAUSE)
    assert [(entry.kind, entry.summary) for entry in step.entries] == [
        ("reminder_skipped", "7-day reminder skipped: its time has passed"),
        ("trial_ending", "Reminder: the trial ends in 2 days"),
    ]
    assert [mail.facts["days_left"] for mail in step.mails] == ["2"]
    assert [rung.days for rung in step.subscription.reminders] == [1]


@given(hours=st.integers(min_value=0, max_value=24 * 8))
def test_however_late_we_are_at_most_one_mail_goes_out_with_the_days_that_are_left(hours: int) -> None:
    before = a_trial()
    now = TRIAL_END - 7 * DAY + timedelta(hours=hours)
    step = trial.reminded(before, DEFAULT_POLICY, now, CAUSE)
    next_one = step.subscription.reminders[:1]
    is_close = any(rung.at - now < timedelta(hours=12) for rung in next_one)
    assert len(step.mails) == (0 if is_close else 1)
    for mail in step.mails:
        assert abs(TRIAL_END - now - int(mail.facts["days_left"]) * DAY) <= max(DAY / 2, now - TRIAL_END + DAY)
    assert len(step.entries) + len(step.subscription.reminders) == len(before.reminders)
    assert all(rung.at > now for rung in step.subscription.reminders)


def test_the_same_reminder_is_one_mail_and_that_of_an_extended_trial_another() -> None:
    now = TRIAL_END - 7 * DAY
    first = trial.reminded(a_trial(), DEFAULT_POLICY, now, CAUSE).mails[0]
    assert trial.reminded(a_trial(sequence=9), DEFAULT_POLICY, now, CAUSE).mails[0].key == first.key
    assert trial.reminded(a_trial(trial_ends_at=TRIAL_END + DAY), DEFAULT_POLICY, now, CAUSE).mails[0].key != first.key


def test_a_trial_without_a_card_is_suspended_with_its_data_kept_for_as_long_as_the_policy_says() -> None:
    policy = Policy(trial=TrialPolicy(cancel_after_days=45))
    step = trial.expired(a_trial(), policy, TRIAL_END, CAUSE)
    after = step.subscription
    assert (after.status, after.access, after.status_reason) == (Status.SUSPENDED, Access.NONE, "trial_expired")
    assert after.reminders == ()
    assert after.suspension is not None
    assert after.suspension.kind is SuspensionKind.TRIAL_EXPIRED
    assert after.suspension.returns_to is Status.TRIALING
    assert after.suspension.cancel_at == TRIAL_END + 45 * DAY
    assert [(mail.occasion, mail.facts["keep_data_until"]) for mail in step.mails] == [
        (Occasion.TRIAL_EXPIRED, "2026-04-30T12:00:00Z")
    ]
    assert step.withdraws == (Occasion.TRIAL_ENDING,)


def test_mails_of_a_trial_whose_card_was_declined_for_good_ask_for_another() -> None:
    before = a_trial(card=VISA, barred_card=VISA.ref)
    (reminder,) = trial.reminded(before, DEFAULT_POLICY, TRIAL_END - DAY, CAUSE).mails
    (end,) = trial.expired(before, DEFAULT_POLICY, TRIAL_END, CAUSE).mails

    for mail in (reminder, end):
        assert (mail.facts["has_card"], mail.facts["card_is_barred"], mail.facts["card_last4"]) == ("no", "yes", "4242")
    assert of_mail(reminder.occasion, reminder.facts) is Tone.URGENT
    (chargeable,) = trial.reminded(a_trial(card=VISA), DEFAULT_POLICY, TRIAL_END - DAY, CAUSE).mails
    assert chargeable.facts["has_card"] == "yes"
    assert "card_is_barred" not in chargeable.facts


@pytest.mark.parametrize("days", [1, 90])
def test_a_trial_can_be_extended_by_1_to_90_days(days: int) -> None:
    trial.check_extension(a_trial(), days, "asked for it")
    trial.check_extension(EXPIRED, days, "came back")


@pytest.mark.parametrize(
    ("days", "reason", "field", "words"),
    [
        (0, "kindness", "days", "days must be 1 to 90, not 0"),
        (91, "kindness", "days", "days must be 1 to 90, not 91"),
        (-5, "kindness", "days", "days must be 1 to 90, not -5"),
        (5, " \n", "reason", "an extension needs a reason for the audit log"),
    ],
)
def test_an_invalid_extension_names_the_field_to_fix(days: int, reason: str, field: str, words: str) -> None:
    with pytest.raises(Malformed) as refused:
        trial.check_extension(a_trial(), days, reason)
    assert (refused.value.field, refused.value.message) == (field, words)


@pytest.mark.parametrize(
    "subscription",
    [
        a_paid_subscription(),
        a_past_due_subscription(),
        a_suspended_subscription(SuspensionKind.NONPAYMENT),
        a_suspended_subscription(SuspensionKind.OPERATOR),
    ],
    ids=["active", "past due", "suspended for nonpayment", "held by an operator"],
)
def test_only_a_trial_can_be_extended(subscription: Subscription) -> None:
    with pytest.raises(Rejected) as refused:
        trial.check_extension(subscription, 5, "kindness")
    assert refused.value.code == "not_in_trial"
    assert str(subscription.status) in refused.value.message


@given(days=st.integers(min_value=1, max_value=90), hours=st.integers(min_value=0, max_value=24 * 60))
def test_a_running_trial_is_extended_from_its_end_and_an_expired_one_from_now(days: int, hours: int) -> None:
    now = NOW + timedelta(hours=hours)
    assert trial.end_after_extension(a_trial(), days, now) == TRIAL_END + days * DAY
    assert trial.end_after_extension(EXPIRED, days, now) == now + days * DAY


def test_an_extension_opens_an_expired_trial_again_with_new_reminders() -> None:
    ends_at, rungs = NOW + 10 * DAY, (Reminder(3, NOW + 7 * DAY),)
    step = trial.extended(EXPIRED, ends_at, rungs, "came back", NOW, CAUSE)
    after = step.subscription
    assert (after.status, after.access, after.status_reason) == (Status.TRIALING, Access.FULL, "")
    assert (after.trial_ends_at, after.reminders, after.suspension) == (ends_at, rungs, None)
    assert step.entries[0].details == {"trial_ends_at": "2026-03-12T12:00:00Z", "reason": "came back"}
    assert set(step.withdraws) == {Occasion.TRIAL_ENDING, Occasion.TRIAL_EXPIRED}
    assert step.mails == ()


def test_an_extension_keeps_the_card_on_file() -> None:
    step = trial.extended(a_trial(card=VISA), TRIAL_END + DAY, (), "kindness", NOW, CAUSE)
    assert step.subscription.card == VISA
