"""Policies as operators write them, and what is reported about mistakes."""

from dataclasses import replace

import pytest

from configuration.policy_file import load_policy
from configuration.policy_summary import check_policy
from configuration.yaml_source import ConfigurationError
from domain.access import Access
from domain.subscription.policy import (
    DEFAULT_POLICY,
    ChangeAt,
    LadderStep,
    Reaction,
    SelfCancel,
    SelfService,
    TrialEnd,
    TrialMark,
    TrialPolicy,
)
from tests.configuration.conftest import Written

GOOD = """\
version: spring
trial:
  days: 30
  reminders: [1, 10]
  earliest: "08:00"
  latest: "20:00"
  without_card: cancel
recovery:
  - {day: 0, mail: true}
  - {day: 2, retry: true, access: limited}
  - {day: 9, cancel: true}
ask_every_hours: 12
"""

DELAY = "must be hours or days after the first decline, at most 366d, like 12h or 3d"
GOES_ON = "the subscription continues"

EVERY_OTHER_KEY = """\
version: summer
trial: {without_card: free_plan}
recovery:
  - {day: 0, mail: true}
  - {after: 12h, retry: true}
  - {after: 36h, retry: true, mail: true}
  - {after: 9d, cancel: true}
retries: {earliest: "07:30", latest: "21:00"}
notices: {card_expiring: [2, 20], renewal_ahead: []}
changes: {upgrade: period_end, downgrade: now}
reversals: {disputed_access: none, dispute_lost: keep, fully_refunded: cancel}
paused_counts: true
refund_limit: 2500
self_service: {change: true, pause: false, pause_longest_days: 45, cancel: period_end, switch_to: [starter, pro]}
"""

LADDER = "  - {day: 2, retry: true, access: limited}\n"

MISTAKES: dict[str, tuple[str, str, list[str]]] = {
    "no version": ("version: spring\n", "", ["1: version: is missing"]),
    "a misspelt key": ("  days: 30", "  day: 30", ["3: trial.day: unknown key; did you mean 'days'?"]),
    "no days": ("days: 30", "days: 0", ["3: trial.days: must be at least 1, not 0"]),
    "days in words": ("days: 30", "days: thirty", ["3: trial.days: must be a whole number, not 'thirty'"]),
    "half a day": ("days: 30", "days: 1.5", ["3: trial.days: must be a whole number, not 1.5"]),
    "nothing after a key": (
        "days: 30",
        "days:",
        ["3: trial.days: is empty: give it a value, or remove it"],
    ),
    "a reminder twice": ("[1, 10]", "[1, 10, 1]", ["4: trial.reminders.2: day 1 is listed twice"]),
    "a reminder too late": ("[1, 10]", "[1, 0]", ["4: trial.reminders.1: must be at least 1, not 0"]),
    "one reminder, no list": ("[1, 10]", "1", ["4: trial.reminders: must be a list, not 1"]),
    "an hour of one digit": (
        '"08:00"',
        "8:00",
        ["5: trial.earliest: must be a time of day like 09:00, not '8:00'"],
    ),
    "an hour there is not": (
        '"20:00"',
        '"24:00"',
        ["6: trial.latest: must be a time of day like 09:00, not '24:00'"],
    ),
    "a window too narrow": (
        '"20:00"',
        '"08:30"',
        ["6: trial.latest: must be more than 30 minutes after the earliest hour, 08:00"],
    ),
    "a window that ends before the default begins": (
        '  earliest: "08:00"\n  latest: "20:00"',
        '  latest: "08:00"',
        ["5: trial.latest: must be more than 30 minutes after the earliest hour, 09:00"],
    ),
    "another end of the trial": (
        "without_card: cancel",
        "without_card: delete",
        ["7: trial.without_card: must be 'suspend', 'cancel' or 'free_plan', not 'delete'"],
    ),
    "a mark there is not": (
        "without_card: cancel",
        "one_per: [customer, iban]",
        ["7: trial.one_per.1: must be 'customer', 'email' or 'card', not 'iban'"],
    ),
    "a mark twice": (
        "without_card: cancel",
        "one_per: [email, email]",
        ["7: trial.one_per.1: 'email' is listed twice"],
    ),
    "a yes in the ladder": ("mail: true", "mail: yes", ["9: recovery.0.mail: must be true or false, not 'yes'"]),
    "a misspelt access": (
        "access: limited",
        "access: limit",
        ["10: recovery.1.access: must be 'full', 'limited' or 'none', not 'limit'"],
    ),
    "a misspelt step": (
        "access: limited",
        "acess: limited",
        ["10: recovery.1.acess: unknown key; did you mean 'access'?"],
    ),
    "a step without a day": (
        "{day: 2, ",
        "{",
        ["10: recovery.1: has no time: add `day: 3` or `after: 12h`"],
    ),
    "a step with day and hours": (
        "{day: 2, ",
        "{day: 2, after: 12h, ",
        ["10: recovery.1: has two times: remove either day or after"],
    ),
    "hours without their unit": (
        "{day: 2, ",
        "{after: 12, ",
        [f"10: recovery.1.after: {DELAY}, not 12"],
    ),
    "a delay of years": (
        "{day: 2, ",
        "{after: 9999h, ",
        [f"10: recovery.1.after: {DELAY}, not '9999h'"],
    ),
    "hours that are past": (
        LADDER,
        LADDER + "  - {after: 47h, mail: true}\n",
        ["11: recovery.2: day 1, hour 23 must come after day 2"],
    ),
    "steps of hours that do nothing": (
        LADDER,
        "  - {after: 12h}\n",
        ["10: recovery.1: does nothing: add retry, mail, access, suspend or cancel"],
    ),
    "retries at hours too narrow": (
        "ask_every_hours: 12",
        'retries: {earliest: "17:45"}',
        ["12: retries.latest: must be more than 30 minutes after the earliest hour, 17:45"],
    ),
    "a notice twice": (
        "ask_every_hours: 12",
        "notices: {card_expiring: [7, 30, 7]}",
        ["12: notices.card_expiring.2: day 7 is listed twice"],
    ),
    "a pause of no days": (
        "ask_every_hours: 12",
        "self_service: {pause_longest_days: 0}",
        ["12: self_service.pause_longest_days: must be at least 1, not 0"],
    ),
    "an end there is not": (
        "ask_every_hours: 12",
        "self_service: {cancel: never}",
        ["12: self_service.cancel: must be 'now' or 'period_end', not 'never'"],
    ),
    "a plan twice": (
        "ask_every_hours: 12",
        "self_service: {switch_to: [pro, pro]}",
        ["12: self_service.switch_to.1: 'pro' is listed twice"],
    ),
    "a misspelt self-service": (
        "ask_every_hours: 12",
        "self_service: {pauses: true}",
        ["12: self_service.pauses: unknown key; did you mean 'pause'?"],
    ),
    "a notice of no days": (
        "ask_every_hours: 12",
        "notices: {renewal_ahead: [0]}",
        ["12: notices.renewal_ahead.0: must be at least 1, not 0"],
    ),
    "a misspelt notice": (
        "ask_every_hours: 12",
        "notices: {card_expires: [7]}",
        ["12: notices.card_expires: unknown key; did you mean 'card_expiring'?"],
    ),
    "a change at another time": (
        "ask_every_hours: 12",
        "changes: {upgrade: later}",
        ["12: changes.upgrade: must be 'now' or 'period_end', not 'later'"],
    ),
    "another reaction to a lost dispute": (
        "ask_every_hours: 12",
        "reversals: {dispute_lost: suspend}",
        ["12: reversals.dispute_lost: must be 'keep' or 'cancel', not 'suspend'"],
    ),
    "a misspelt access while disputed": (
        "ask_every_hours: 12",
        "reversals: {disputed_access: some}",
        ["12: reversals.disputed_access: must be 'full', 'limited' or 'none', not 'some'"],
    ),
    "a day that is past": ("day: 9", "day: 2", ["11: recovery.2: day 2 must come after day 2"]),
    "no end": ("cancel: true", "suspend: true", ["11: recovery.2: the ladder must end with a step that cancels"]),
    "a late start": (
        "{day: 0, mail: true}",
        "{day: 1, mail: true}",
        ["9: recovery.0: the ladder starts on day 0, the day of the decline itself, without a retry"],
    ),
    "a retry as it ends": (
        "cancel: true",
        "cancel: true, retry: true",
        ["11: recovery.2: the step that cancels cannot retry: put the retry on an earlier day"],
    ),
    "steps that do nothing": (
        LADDER,
        "  - day: 2\n  - {day: 3}\n",
        [
            "10: recovery.1: does nothing: add retry, mail, access, suspend or cancel",
            "11: recovery.2: does nothing: add retry, mail, access, suspend or cancel",
        ],
    ),
    "a softer step after a harsher one": (
        LADDER,
        "  - {day: 2, suspend: true}\n  - {day: 3, access: limited}\n",
        ["11: recovery.2: a softer access level cannot follow a harsher one"],
    ),
    "more tries than card networks allow": (
        LADDER + "  - {day: 9, ",
        "".join(f"  - {{day: {day}, retry: true}}\n" for day in range(1, 17)) + "  - {day: 40, ",
        ["8: recovery: more than 15 retries within 30 days exceed the card networks' limits"],
    ),
    "an empty ladder": (
        GOOD[GOOD.index("recovery:") : GOOD.index("ask_every")],
        "recovery: []\n",
        ["8: recovery: the ladder must end with a step that cancels"],
    ),
    "hours of more than a week": (
        "ask_every_hours: 12",
        "ask_every_hours: 999",
        ["12: ask_every_hours: must be at most 168, not 999"],
    ),
}


@pytest.mark.parametrize(("right", "wrong", "messages"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_reported_with_its_line_and_place(
    written: Written, right: str, wrong: str, messages: list[str]
) -> None:
    assert right in GOOD
    with pytest.raises(ConfigurationError) as refused:
        load_policy(written(GOOD.replace(right, wrong, 1)))
    assert str(refused.value).splitlines() == [f"file.yaml:{message}" for message in messages]


def test_a_policy_says_how_trials_and_recoveries_run(written: Written) -> None:
    assert load_policy(written(GOOD)) == replace(
        DEFAULT_POLICY,
        version="spring",
        trial=TrialPolicy(
            days=30,
            reminders=(10, 1),
            earliest="08:00",
            latest="20:00",
            without_card=TrialEnd.CANCEL,
            one_per=(TrialMark.CUSTOMER, TrialMark.EMAIL, TrialMark.CARD),
        ),
        recovery=(
            LadderStep(0, mail=True),
            LadderStep(2, retry=True, access=Access.LIMITED),
            LadderStep(9, cancel=True),
        ),
        ask_every_hours=12,
    )


def test_what_a_policy_leaves_out_is_as_in_the_default_one(written: Written) -> None:
    assert load_policy(written("version: default\n")) == DEFAULT_POLICY
    assert load_policy(written("version: 7\ntrial: {reminders: []}\n")) == replace(
        DEFAULT_POLICY, version="7", trial=replace(DEFAULT_POLICY.trial, reminders=())
    )
    later = load_policy(written('version: default\nretries: {latest: "20:00"}\nchanges: {upgrade: period_end}\n'))
    assert later == replace(DEFAULT_POLICY, retry_latest="20:00", upgrade=ChangeAt.PERIOD_END)


def test_a_policy_says_how_changes_notices_refunds_and_disputes_are_handled(written: Written) -> None:
    policy = load_policy(written(EVERY_OTHER_KEY))
    assert (policy.retry_earliest, policy.retry_latest) == ("07:30", "21:00")
    assert (policy.card_expiring, policy.renewal_ahead) == ((20, 2), ())
    assert (policy.upgrade, policy.downgrade) == (ChangeAt.PERIOD_END, ChangeAt.NOW)
    assert (policy.disputed_access, policy.dispute_lost) == (Access.NONE, Reaction.KEEP)
    assert policy.fully_refunded is Reaction.CANCEL
    assert policy.paused_counts
    assert policy.refund_limit == 2500
    assert policy.self_service == SelfService(
        pause=False, pause_longest_days=45, cancel=SelfCancel.PERIOD_END, switch_to=("starter", "pro")
    )
    assert policy.trial.without_card is TrialEnd.FREE_PLAN
    assert policy.recovery == (
        LadderStep(0, mail=True),
        LadderStep(0, retry=True, hours=12),
        LadderStep(1, retry=True, mail=True, hours=12),
        LadderStep(9, cancel=True),
    )


@pytest.mark.parametrize(
    ("told", "meant", "said"),
    [
        pytest.param("[]", (), ["  again whenever a customer signs up again"], id="no-limit"),
        pytest.param("[card]", (TrialMark.CARD,), ["  one per card, unless an operator allows another"], id="one"),
        pytest.param(
            "[email, customer]",
            (TrialMark.CUSTOMER, TrialMark.EMAIL),
            [f"  one per {mark}, unless an operator allows another" for mark in ("customer", "mail address")],
            id="in-any-order",
        ),
    ],
)
def test_a_policy_says_by_what_a_customer_gets_one_trial(
    written: Written, told: str, meant: tuple[TrialMark, ...], said: list[str]
) -> None:
    policy = written(f"version: 7\ntrial: {{one_per: {told}}}\n")
    assert load_policy(policy).trial.one_per == meant
    lines = check_policy(policy).splitlines()
    assert lines[lines.index("  an operator's reactivation reopens it for 7 days") + 1 :][: len(said)] == said


def test_mistakes_in_trial_and_ladder_are_reported_together(written: Written) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_policy(written(GOOD.replace("days: 30", "days: 0").replace("day: 9", "day: 1")))
    assert str(refused.value).splitlines() == [
        "file.yaml:3: trial.days: must be at least 1, not 0",
        "file.yaml:11: recovery.2: day 1 must come after day 2",
    ]


def test_a_policy_is_described_in_words(written: Written) -> None:
    assert check_policy(written(GOOD)).splitlines() == [
        "Policy 'spring'",
        "Trial of 30 days, unless the plan has its own",
        "  reminder 10 days before its end, between 08:00 and 20:00 customer time",
        "  reminder 1 day before its end, between 08:00 and 20:00 customer time",
        "  at its end without a card: canceled",
        "  an operator's reactivation reopens it for 7 days",
        "  one per customer, unless an operator allows another",
        "  one per mail address, unless an operator allows another",
        "  one per card, unless an operator allows another",
        "Recovery of a failed payment, counted from the first decline",
        "  day 0: mail",
        "  day 2: retry, else access limited",
        "  day 9: cancel",
        "  all steps but the first happen between 09:00 and 18:00 customer time",
        "Customers whose card will have expired by a renewal are notified 30 days before it",
        "Customers whose card will have expired by a renewal are notified 7 days before it",
        "A yearly renewal is announced 30 days before it",
        "Upgrades take effect immediately, prorated; downgrades when the paid period ends",
        "While a payment is disputed: access is limited, and nothing is billed; if the dispute is lost: canceled",
        "After a full refund: the subscription continues",
        "Entitlements when limited: the plan, but no further usage; when suspended or paused: nothing",
        "Paused subscriptions do not count as recurring revenue",
        "Operators may refund 10000 minor units at once, admins any amount",
        (
            "On the billing pages customers may change their plan (all plans for sale), may pause for 90 days at most, "
            "and cancel when they choose to"
        ),
        "The payment provider is asked 3 hours after a period's end if it has not reported, then every 12 hours",
    ]


def test_the_description_of_a_policy_has_every_key(written: Written) -> None:
    lines = check_policy(written(EVERY_OTHER_KEY)).splitlines()
    assert lines[5] == "  at its end without a card: continues on the catalog's free plan; suspended if there is none"
    assert lines[lines.index("Recovery of a failed payment, counted from the first decline") + 1 :] == [
        "  day 0: mail",
        "  day 0, hour 12: retry",
        "  day 1, hour 12: retry, else mail",
        "  day 9: cancel",
        "  all steps but the first happen between 07:30 and 21:00 customer time",
        "Customers whose card will have expired by a renewal are notified 20 days before it",
        "Customers whose card will have expired by a renewal are notified 2 days before it",
        "A yearly renewal is not announced",
        "Upgrades take effect when the paid period ends; downgrades immediately, prorated",
        f"While a payment is disputed: access is none, and nothing is billed; if the dispute is lost: {GOES_ON}",
        "After a full refund: canceled",
        "Entitlements when limited: the plan, but no further usage; when suspended or paused: nothing",
        "Paused subscriptions count as recurring revenue",
        "Operators may refund 2500 minor units at once, admins any amount",
        (
            "On the billing pages customers may change their plan (starter, pro), may not pause, and cancel when "
            "the paid period ends"
        ),
        "The payment provider is asked 3 hours after a period's end if it has not reported, then every 6 hours",
    ]
