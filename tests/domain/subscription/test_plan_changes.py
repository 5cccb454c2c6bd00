"""Changes of plan: when they take effect, what they leave behind, and how they are undone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Access
from domain.catalog.plans import Interval, Selection
from domain.notifications.mail_types import REQUIRED_FACTS, Occasion
from domain.provider.payments import Charge, ChargeOutcome
from domain.subscription import commands, pause, payments_received, plan_changes, recovery, suspension, trial
from domain.subscription.agenda import Action, agenda, next_due
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Step
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY, ChangeAt, TrialEnd
from domain.subscription.state import PendingChange, Subscription, SuspensionKind
from domain.subscription.unanswered_attempts import UnansweredChange
from tests.builders import (
    CAUSE,
    FREE,
    NOW,
    PERIOD_END,
    PRO,
    TRIAL_END,
    VISA,
    a_declined_charge,
    a_free_subscription,
    a_paid_charge,
    a_paid_subscription,
    a_suspended_subscription,
    a_trial,
)

POLICY = DEFAULT_POLICY
DAY = timedelta(days=1)


def planned(to: Selection = PRO, subscription: Subscription | None = None) -> Subscription:
    return plan_changes.change_scheduled(subscription or a_paid_subscription(), to, NOW, CAUSE).subscription


def actions(subscription: Subscription) -> list[Action]:
    return [due.action for due in agenda(subscription, POLICY)]


@pytest.mark.parametrize("is_upgrade", [True, False], ids=["upgrade", "downgrade"])
def test_a_change_takes_effect_as_requested_else_by_policy(is_upgrade: bool) -> None:
    paid = a_paid_subscription()
    for wished in ChangeAt:
        assert plan_changes.takes_effect(paid, POLICY, wished, is_upgrade=is_upgrade) is wished
    otherwise = replace(POLICY, upgrade=ChangeAt.PERIOD_END, downgrade=ChangeAt.NOW)
    assert plan_changes.takes_effect(paid, POLICY, None, is_upgrade=is_upgrade) is (
        ChangeAt.NOW if is_upgrade else ChangeAt.PERIOD_END
    )
    assert plan_changes.takes_effect(paid, otherwise, None, is_upgrade=is_upgrade) is (
        ChangeAt.PERIOD_END if is_upgrade else ChangeAt.NOW
    )


@pytest.mark.parametrize("subscription", [a_trial(), a_free_subscription()], ids=["trial", "free-plan"])
def test_where_no_period_is_paid_for_a_change_is_at_once(subscription: Subscription) -> None:
    for wished in (*ChangeAt, None):
        assert plan_changes.takes_effect(subscription, POLICY, wished, is_upgrade=False) is ChangeAt.NOW


@given(minutes=st.integers(0, 60 * 24 * 31))
def test_a_change_is_counted_from_the_full_hour_and_never_from_before_its_period(minutes: int) -> None:
    began = NOW + timedelta(minutes=17)
    now = began + timedelta(minutes=minutes)
    counted = plan_changes.counted_from(a_paid_subscription(period_start=began), now)
    assert began <= counted <= now
    assert now - counted < timedelta(hours=1)
    ends_hour = now.replace(minute=59, second=59)
    assert plan_changes.counted_from(a_paid_subscription(period_start=began), ends_hour) == counted


def test_a_scheduled_change_keeps_the_paid_period_and_holds_billing() -> None:
    after = planned()
    assert after.pending_change == PendingChange(PRO, PERIOD_END, NOW)
    assert (after.plan, after.amount) == ("starter", 4900)
    assert [(due.at, due.action) for due in agenda(after, POLICY)] == [(PERIOD_END, Action.CHANGE_PLAN)]
    assert after.wants_hold


def test_a_later_plan_replaces_the_one_before() -> None:
    after = planned(FREE, planned(PRO))
    assert after.pending_change == PendingChange(FREE, PERIOD_END, NOW)


def test_a_request_that_follows_builds_on_what_is_planned_else_on_what_there_is() -> None:
    assert plan_changes.basis(a_paid_subscription()).plan == "starter"
    assert plan_changes.basis(planned(PRO)) == PRO


def test_the_name_of_a_basis_changes_with_everything_a_request_could_leave_out() -> None:
    two, at_work = replace(PRO, quantity=2), replace(PRO, add_ons={"users": 2})
    standings = [
        a_paid_subscription(),
        planned(PRO),
        planned(two),
        planned(at_work),
        planned(replace(PRO, interval=Interval.YEAR)),
        planned(replace(PRO, catalog="manufacturing_v2")),
        a_paid_subscription().choosing(PRO),
    ]
    assert len({plan_changes.basis_name(one) for one in standings}) == len(standings)
    assert plan_changes.basis_name(planned(PRO)) == plan_changes.basis_name(replace(planned(PRO), sequence=99))


def test_a_later_plan_says_which_one_it_replaces_and_by_mail_too() -> None:
    step = plan_changes.change_scheduled(planned(PRO), FREE, NOW + DAY, CAUSE)
    (mail,) = step.mails
    assert step.entries[0].details["replaces"] == "Professional by the month"
    assert step.entries[0].summary.endswith(", replacing the planned change to Professional by the month")
    assert mail.facts["replaced_plan_name"] == "Professional"
    assert mail.facts["replaced_at"] == mail.facts["change_at"]


def test_a_change_at_once_says_which_planned_one_it_replaces() -> None:
    step = plan_changes.changed_at_cost(planned(FREE), PRO, a_paid_charge("in_7"), POLICY, NOW, CAUSE)
    assert step.mails[0].facts["replaced_plan_name"] == "Free"
    assert step.entries[0].details["replaces"] == "Free by the month"


@pytest.mark.parametrize(
    "step",
    [
        plan_changes.change_begins(planned(), PRO, PERIOD_END, CAUSE),
        plan_changes.changed_at_cost(planned(), PRO, a_paid_charge("in_7"), POLICY, NOW, CAUSE),
        plan_changes.change_scheduled(a_paid_subscription(), PRO, NOW, CAUSE),
    ],
    ids=["it-begins", "it-is-brought-forward", "nothing-was-planned"],
)
def test_what_was_planned_is_not_replaced_by_itself(step: Step) -> None:
    assert "replaces" not in step.entries[0].details
    assert "replaced_plan_name" not in step.mails[0].facts


def test_a_change_withdrawn_is_as_if_it_had_never_been_planned() -> None:
    step = plan_changes.change_withdrawn(planned(), NOW + DAY, CAUSE)
    assert replace(step.subscription, sequence=1) == a_paid_subscription()
    assert step.withdraws == (Occasion.PLAN_CHANGE_SCHEDULED,)
    assert not step.mails


def test_what_was_planned_begins_with_a_period_still_to_be_paid_for() -> None:
    after = plan_changes.change_begins(planned(), PRO, PERIOD_END, CAUSE).subscription
    assert (after.plan, after.amount, after.pending_change) == ("professional", 19900, None)
    assert after.agreement_is_stale
    assert actions(after) == [Action.BEGIN_PERIOD]
    paid = payments_received.paid(after, a_paid_charge(key="k"), POLICY, PERIOD_END, CAUSE).subscription
    assert (paid.agreement_is_stale, paid.owes_new_period, paid.wants_hold) == (False, False, False)


def test_a_first_period_of_a_new_plan_that_is_declined_is_recovered_at_the_new_price() -> None:
    begun = plan_changes.change_begins(planned(), PRO, PERIOD_END, CAUSE).subscription
    owing = recovery.failed(begun, a_declined_charge(), POLICY, PERIOD_END, CAUSE).subscription
    assert (owing.status, owing.amount, owing.agreement_is_stale) == (Status.PAST_DUE, 19900, True)
    noticed = payments_received.paid(owing, a_paid_charge(), POLICY, PERIOD_END + DAY, CAUSE).subscription
    assert noticed.agreement_is_stale, "a payment that was only looked at has put nothing right"


def test_a_billed_change_replaces_the_scheduled_one_and_reports_its_invoice_once() -> None:
    charge = a_paid_charge("in_7", amount=15000, period_start=NOW, period_end=PERIOD_END)
    step = plan_changes.changed_at_cost(planned(FREE), PRO, charge, POLICY, NOW + DAY, CAUSE)
    after = step.subscription
    assert (after.plan, after.pending_change, after.wants_hold) == ("professional", None, False)
    assert (after.period_end, after.ask_at) == (PERIOD_END, PERIOD_END + POLICY.ask_after)
    assert [mail.key for mail in step.mails] == [f"plan_changed/{after.sequence}", "receipt/in_7"]
    assert step.mails[0].facts["due_now"] == "15000"
    assert after.settled_invoice == "in_7", "its webhook is an echo"


@pytest.mark.parametrize(
    "charge",
    [
        a_paid_charge("in_7", amount=-3000),
        a_paid_charge("in_7", amount=0),
        Charge(ChargeOutcome.PAID, None, None, "sub_1", NOW, PERIOD_END),
    ],
    ids=["credit", "nothing", "no-bill"],
)
def test_a_change_that_costs_nothing_has_no_receipt(charge: Charge) -> None:
    step = plan_changes.changed_at_cost(a_paid_subscription(), PRO, charge, POLICY, NOW, CAUSE)
    assert [mail.occasion for mail in step.mails] == [Occasion.PLAN_CHANGED]


def test_a_change_in_a_trial_costs_nothing_and_moves_nothing() -> None:
    after = plan_changes.changed(a_trial(card=VISA), PRO, NOW, CAUSE).subscription
    assert agenda(after, POLICY) == agenda(a_trial(card=VISA), POLICY)
    assert (after.plan, after.amount, after.items) == ("professional", 19900, PRO.items)


# The free plan


def test_what_was_paid_for_leaves_nothing_behind_on_the_free_plan() -> None:
    step = plan_changes.moved_to_free(planned(FREE), FREE, PERIOD_END, CAUSE)
    after = step.subscription
    assert (after.status, after.access, after.status_reason) == (Status.ACTIVE, Access.FULL, "free_plan")
    assert after.is_free
    assert agenda(after, POLICY) == ()
    assert not after.wants_hold
    assert step.entries[0].summary == "Starter is over: continues on Free, data kept"


def test_a_trial_that_falls_to_the_free_plan_is_over_and_silent() -> None:
    policy = replace(POLICY, trial=replace(POLICY.trial, without_card=TrialEnd.FREE_PLAN))
    ending = a_trial(free_plan=FREE)
    assert agenda(ending, policy)[-1].why == "the trial ends and no card is on file: continues on Free"
    assert trial.falls_to(ending, policy) == FREE
    assert trial.falls_to(a_trial(), policy) is None, "the catalog has none: suspended"
    assert trial.falls_to(ending, POLICY) is None, "the policy wants none"
    step = plan_changes.moved_to_free(ending, FREE, TRIAL_END, CAUSE)
    assert (step.subscription.reminders, agenda(step.subscription, policy)) == ((), ())
    assert step.entries[0].summary == "The trial is over: continues on Free, data kept"
    assert Occasion.TRIAL_ENDING in step.withdraws


def test_after_an_expired_trial_the_free_plan_is_a_way_back() -> None:
    step = plan_changes.moved_to_free(a_suspended_subscription(SuspensionKind.TRIAL_EXPIRED), FREE, NOW, CAUSE)
    after = step.subscription
    assert (after.status, after.access, after.suspension) == (Status.ACTIVE, Access.FULL, None)
    assert agenda(after, POLICY) == (), "no cancellation is left ahead"
    assert Occasion.TRIAL_EXPIRED in step.withdraws


def test_the_first_payment_leaves_the_free_plan() -> None:
    leaving = a_free_subscription().choosing(PRO)
    step = payments_received.paid(leaving, a_paid_charge(), POLICY, NOW, CAUSE)
    after = step.subscription
    assert (after.status, after.plan, after.status_reason) == (Status.ACTIVE, "professional", "")
    assert [mail.occasion for mail in step.mails] == [Occasion.CONVERTED, Occasion.RECEIPT]
    assert Action.RENEW in actions(after)


def test_an_operators_hold_on_the_free_plan_leaves_nothing_to_ask_the_provider() -> None:
    held = suspension.suspended(a_free_subscription(), "fraud check", NOW, CAUSE).subscription
    back = suspension.way_back(held, timedelta(), NOW + DAY)
    after = suspension.returned(held, back, (), "fine", NOW + DAY, CAUSE).subscription
    assert (after.status, after.access) == (Status.ACTIVE, Access.FULL)
    assert agenda(after, POLICY) == ()


# What else may happen to what is planned


def test_a_cancellation_replaces_what_was_planned_for_good() -> None:
    ending = commands.cancel_scheduled(planned(), PERIOD_END, End(EndKind.CUSTOMER), NOW, CAUSE)
    assert actions(ending.subscription) == [Action.CANCEL]
    assert Occasion.PLAN_CHANGE_SCHEDULED in ending.withdraws
    assert ending.entries[0].details["replaces"] == "Professional by the month"
    undone = commands.cancel_withdrawn(ending.subscription, NOW + DAY, CAUSE).subscription
    assert (undone.pending_change, undone.wants_hold) == (None, False)
    assert Action.RENEW in actions(undone)


def test_a_hold_that_outlasts_the_period_does_not_lose_what_was_planned() -> None:
    held = suspension.suspended(planned(), "fraud check", NOW + DAY, CAUSE).subscription
    assert agenda(held, POLICY) == ()
    now = PERIOD_END + 9 * DAY
    back = suspension.way_back(held, timedelta(), now)
    after = suspension.returned(held, back, (), "fine", now, CAUSE).subscription
    due = next_due(after, POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.CHANGE_PLAN, PERIOD_END)


def test_a_renewal_that_came_all_the_same_does_not_lose_what_was_planned() -> None:
    after = payments_received.paid(planned(), a_paid_charge(), POLICY, PERIOD_END, CAUSE).subscription
    assert actions(after) == [Action.CHANGE_PLAN]


def test_nothing_of_a_plan_outlives_the_end() -> None:
    stopped = pause.paused(planned(), None, NOW, CAUSE).subscription
    over = commands.canceled(stopped, End(EndKind.CUSTOMER), NOW, CAUSE).subscription
    assert (over.pending_change, over.pause) == (None, None)
    assert not over.wants_hold


def _every_step() -> list[Step]:
    return [
        plan_changes.changed(a_trial(), PRO, NOW, CAUSE),
        plan_changes.changed_at_cost(a_paid_subscription(), PRO, a_paid_charge(), POLICY, NOW, CAUSE),
        plan_changes.change_scheduled(a_paid_subscription(), PRO, NOW, CAUSE),
        plan_changes.change_begins(planned(), PRO, PERIOD_END, CAUSE),
        plan_changes.moved_to_free(a_trial(), FREE, NOW, CAUSE),
    ]


@pytest.mark.parametrize("step", _every_step(), ids=lambda step: step.entries[0].kind)
def test_every_mail_of_a_change_has_the_facts_that_its_occasion_requires(step: Step) -> None:
    assert step.mails
    for mail in step.mails:
        assert not REQUIRED_FACTS[mail.occasion] - mail.facts.keys()


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (PRO, "Professional by the month"),
        (replace(PRO, quantity=3, add_ons={"users": 2}), "3 x Professional by the month, 2 x users"),
    ],
    ids=["plain", "with-all"],
)
def test_a_choice_in_words(selection: Selection, expected: str) -> None:
    assert plan_changes.words(selection) == expected


def test_an_agreement_that_ends_once_the_free_plan_is_due_was_ended_for_it() -> None:
    ahead = planned(FREE)
    assert ahead.pending_change is not None
    due = ahead.pending_change.at

    assert plan_changes.free_plan_due(ahead, due - timedelta(seconds=1)) is None
    assert plan_changes.free_plan_due(ahead, due) == FREE
    assert plan_changes.free_plan_due(planned(PRO), due) is None
    assert plan_changes.free_plan_due(a_paid_subscription(), due) is None
    asked = UnansweredChange("s/change/1", FREE, NOW, NOW, "1")
    assert plan_changes.free_plan_due(a_paid_subscription(unheard_change=asked), NOW) == FREE
    assert plan_changes.free_plan_due(a_paid_subscription(unheard_change=replace(asked, to=PRO)), NOW) is None
