"""Refunds and disputes: what they change, and what goes on where it was."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import Access
from domain.notifications.mail_types import REQUIRED_FACTS, Occasion
from domain.provider.payments import DisputeStatus, Reversal, ReversalKind
from domain.subscription import commands, pause, payments_received, plan_changes, reversals, suspension
from domain.subscription.agenda import Action, agenda, next_due
from domain.subscription.ends import End, EndKind
from domain.subscription.journal import Cause, CauseKind
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_LADDER, DEFAULT_POLICY, Policy, Reaction
from domain.subscription.state import Subscription
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    PRO,
    a_paid_charge,
    a_paid_subscription,
    a_past_due_subscription,
    a_paused_subscription,
    a_recovery,
    a_suspended_subscription,
    a_trial,
)

POLICY = DEFAULT_POLICY
DAY = timedelta(days=1)
OPEN = Reversal(
    ReversalKind.DISPUTE,
    "dp_1",
    "in_1",
    4900,
    "usd",
    is_full=True,
    status=DisputeStatus.OPEN,
    reason="fraudulent",
    agreement_ref="sub_1",
)
WON, LOST = replace(OPEN, status=DisputeStatus.WON), replace(OPEN, status=DisputeStatus.LOST)
REFUND = Reversal(ReversalKind.REFUND, "ch_1", "in_1", 4900, "usd", is_full=True, agreement_ref="sub_1")


def disputed(subscription: Subscription, day: float = 0, policy: Policy = POLICY) -> Subscription:
    return reversals.recorded(subscription, OPEN, policy, NOW + day * DAY, CAUSE).subscription


def decided(subscription: Subscription, day: float = 1, how: Reversal = WON) -> Subscription:
    return reversals.recorded(subscription, how, POLICY, NOW + day * DAY, CAUSE).subscription


def held(subscription: Subscription, day: float) -> Subscription:
    return suspension.suspended(subscription, "fraud check", NOW + day * DAY, CAUSE).subscription


def given_back(subscription: Subscription, day: float) -> Subscription:
    now = NOW + day * DAY
    back = suspension.way_back(subscription, 7 * DAY, now)
    return suspension.returned(subscription, back, (), "fine", now, CAUSE).subscription


def days_ahead(subscription: Subscription, day: float) -> list[float]:
    return [(due.at - NOW) / DAY - day for due in agenda(subscription, POLICY)]


@pytest.mark.parametrize(
    "subscription",
    [a_paid_subscription(), a_past_due_subscription(), a_paused_subscription(), a_suspended_subscription()],
    ids=["active", "past-due", "paused", "suspended"],
)
def test_nothing_is_billed_retried_or_started_while_a_payment_is_disputed(subscription: Subscription) -> None:
    after = disputed(subscription)
    assert agenda(after, POLICY) == ()
    assert after.wants_hold
    assert after.status is subscription.status


def test_a_pause_with_a_date_does_not_end_while_a_payment_is_disputed() -> None:
    until = NOW + 5 * DAY
    after = disputed(pause.paused(a_paid_subscription(), until, NOW, CAUSE).subscription)
    assert next_due(after, POLICY) is None
    due = next_due(decided(after, 30), POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.RESUME, until)


@pytest.mark.parametrize(
    ("policy_says", "had", "has"),
    [
        (Access.LIMITED, Access.FULL, Access.LIMITED),
        (Access.NONE, Access.FULL, Access.NONE),
        (Access.FULL, Access.LIMITED, Access.LIMITED),
    ],
)
def test_access_while_disputed_is_as_the_policy_says_and_never_more_than_there_was(
    policy_says: Access, had: Access, has: Access
) -> None:
    policy = replace(POLICY, disputed_access=policy_says)
    after = disputed(a_past_due_subscription(access=had), policy=policy)
    assert after.access is has
    assert decided(after).access is had


def test_a_dispute_sends_no_mail_and_withdraws_queued_ones() -> None:
    step = reversals.recorded(a_past_due_subscription(), OPEN, POLICY, NOW, CAUSE)
    assert not step.mails
    assert {Occasion.PAYMENT_FAILED, Occasion.RENEWAL_AHEAD, Occasion.CARD_EXPIRING} <= set(step.withdraws)
    assert step.reversal == OPEN


@given(started=st.floats(0, 43, allow_nan=False), lasts=st.floats(0, 200, allow_nan=False))
def test_a_ladder_stopped_by_a_dispute_continues_with_the_same_intervals(started: float, lasts: float) -> None:
    owing = a_past_due_subscription(recovery=a_recovery(step=sum(step.day <= started for step in DEFAULT_LADDER)))
    after = decided(disputed(owing, started), started + lasts)
    assert days_ahead(after, started + lasts) == pytest.approx(days_ahead(owing, started), abs=1e-4)
    assert after.recovery is not None
    assert after.recovery.rungs == (), "to be rescheduled within contact hours"


@pytest.mark.parametrize(
    ("dispute", "hold"),
    [
        pytest.param((2, 10), (4, 6), id="hold-within-the-dispute"),
        pytest.param((4, 6), (2, 10), id="dispute-within-the-hold"),
        pytest.param((2, 6), (4, 10), id="hold-outlasts-the-dispute"),
        pytest.param((4, 10), (2, 6), id="dispute-outlasts-the-hold"),
    ],
)
def test_time_lost_to_both_a_dispute_and_a_hold_is_given_back_once(
    dispute: tuple[int, int], hold: tuple[int, int]
) -> None:
    owing = a_past_due_subscription(recovery=a_recovery(step=2))
    happens: dict[int, Callable[[Subscription, int], Subscription]] = {
        dispute[0]: disputed,
        dispute[1]: decided,
        hold[0]: held,
        hold[1]: given_back,
    }
    after = owing
    for day in sorted(happens):
        after = happens[day](after, day)
    assert after.status is Status.PAST_DUE
    assert days_ahead(after, 10) == days_ahead(owing, 2)


def test_a_ladder_restarted_by_an_operator_during_a_dispute_starts_after_the_dispute() -> None:
    off = disputed(a_suspended_subscription(recovery=a_recovery(step=6)), 20)
    after = decided(given_back(off, 25), 30)
    assert days_ahead(after, 30)[0] == 1


def test_a_recovery_that_begins_during_a_dispute_is_not_put_off_by_what_went_before() -> None:
    after = disputed(a_past_due_subscription(recovery=a_recovery(since=NOW + 10 * DAY)))
    assert days_ahead(decided(after, 12), 12)[0] == 1


# Access, whatever else happens meanwhile


def test_what_was_paid_while_disputed_gives_full_access_once_the_dispute_is_over() -> None:
    after = disputed(a_past_due_subscription(access=Access.LIMITED))
    paid = payments_received.paid(after, a_paid_charge(), POLICY, NOW + DAY, CAUSE).subscription
    assert (paid.status, paid.access, paid.status_reason) == (Status.ACTIVE, Access.LIMITED, "disputed")
    assert decided(paid, 5).access is Access.FULL


def test_what_was_paid_while_suspended_and_disputed_has_the_access_of_a_dispute_then_all_of_it() -> None:
    after = disputed(a_suspended_subscription())
    paid = payments_received.paid(after, a_paid_charge(), POLICY, NOW + DAY, CAUSE).subscription
    assert (paid.status, paid.access) == (Status.ACTIVE, Access.LIMITED)
    assert decided(paid, 5).access is Access.FULL


def test_a_dispute_during_a_hold_does_not_remove_access_permanently() -> None:
    off = disputed(held(a_paid_subscription(), 0), 1)
    assert off.access is Access.NONE
    back = given_back(off, 2)
    assert (back.status, back.access) == (Status.ACTIVE, Access.LIMITED)
    assert decided(back, 3).access is Access.FULL
    assert given_back(decided(off, 2), 3).access is Access.FULL


def test_a_dispute_that_ends_during_a_hold_leaves_access_to_the_operator() -> None:
    off = held(disputed(a_past_due_subscription()), 1)
    closed = decided(off, 2)
    assert (closed.status, closed.access) == (Status.SUSPENDED, Access.NONE)
    assert given_back(closed, 3).access is Access.FULL


def test_a_payment_during_hold_and_dispute_counts_for_both() -> None:
    owing = disputed(a_past_due_subscription(access=Access.LIMITED))
    paid = payments_received.paid(held(owing, 1), a_paid_charge(), POLICY, NOW + 2 * DAY, CAUSE).subscription
    back = given_back(paid, 3)
    assert (back.status, back.access) == (Status.ACTIVE, Access.LIMITED)
    assert decided(back, 4).access is Access.FULL


def test_a_dispute_that_ends_during_a_pause_does_not_end_the_pause() -> None:
    after = decided(disputed(a_paused_subscription()))
    assert (after.status, after.access) == (Status.PAUSED, Access.NONE)
    assert pause.resumed(after, NOW + 2 * DAY, CAUSE).subscription.access is Access.FULL


@pytest.mark.parametrize("policy_says", Access)
def test_a_pause_that_ends_while_disputed_gives_the_access_that_the_policy_says(policy_says: Access) -> None:
    policy = replace(POLICY, disputed_access=policy_says)
    paused = disputed(a_paused_subscription(), policy=policy)
    after = pause.resumed(paused, NOW + 2 * DAY, CAUSE, policy).subscription
    assert (after.status, after.access, after.status_reason) == (Status.ACTIVE, policy_says, "disputed")
    won = decided(after, 3)
    assert (won.access, won.status_reason) == (Access.FULL, "")


def test_a_hold_that_ends_while_disputed_says_so() -> None:
    back = given_back(held(disputed(a_paid_subscription()), 1), 2)
    assert (back.access, back.status_reason) == (Access.LIMITED, "disputed")


# Billing afterwards


def test_a_period_that_ended_while_disputed_is_followed_by_a_new_one_once() -> None:
    after = decided(disputed(a_paid_subscription()), 40)
    due = next_due(after, POLICY)
    assert due is not None
    assert due.action is Action.BEGIN_PERIOD
    paid = payments_received.paid(after, a_paid_charge(), POLICY, NOW + 40 * DAY, CAUSE).subscription
    assert not paid.owes_new_period


def test_a_period_that_still_runs_when_the_bank_decides_is_renewed_by_the_provider() -> None:
    after = decided(disputed(a_paid_subscription()), 10)
    assert (after.owes_new_period, after.wants_hold) == (False, False)


def test_a_planned_change_waits_until_the_bank_has_decided() -> None:
    planned = plan_changes.change_scheduled(a_paid_subscription(), PRO, NOW, CAUSE).subscription
    waiting = disputed(planned, 1)
    assert agenda(waiting, POLICY) == ()
    due = next_due(decided(waiting, 40), POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.CHANGE_PLAN, PERIOD_END)


def test_a_cancellation_keeps_the_dispute() -> None:
    over = commands.canceled(
        disputed(a_paid_subscription()), End(EndKind.CUSTOMER, "too dear"), NOW, CAUSE
    ).subscription
    assert over.dispute is None
    assert agenda(over, POLICY) == ()


# What is told, and told once


def test_a_dispute_is_known_by_its_name_until_it_is_decided() -> None:
    after = disputed(a_paid_subscription())
    assert reversals.is_known(after, OPEN)
    assert not reversals.is_known(after, replace(OPEN, ref="dp_2"))
    assert not reversals.is_known(after, WON)


SECOND, SECOND_WON = replace(OPEN, ref="dp_2"), replace(WON, ref="dp_2")


def twice_disputed(subscription: Subscription) -> Subscription:
    return reversals.recorded(disputed(subscription), SECOND, POLICY, NOW + DAY, CAUSE).subscription


@pytest.mark.parametrize(("first", "last"), [(WON, SECOND_WON), (SECOND_WON, WON)], ids=["in-order", "last-first"])
def test_of_two_disputes_the_last_to_be_decided_ends_what_the_first_began(first: Reversal, last: Reversal) -> None:
    before = a_paid_subscription()
    both = twice_disputed(before)
    assert both.dispute is not None

    one = decided(both, 2, first)

    assert one.dispute is not None
    assert (one.dispute.ref, one.other_disputes) == (last.ref, ())
    assert (one.dispute.since, one.dispute.access) == (both.dispute.since, both.dispute.access)
    assert (one.access, one.status_reason, one.wants_hold) == (both.access, "disputed", True)
    assert reversals.is_known(one, first)
    assert not reversals.is_known(one, last)

    none = decided(one, 3, last)

    assert (none.dispute, none.other_disputes, none.access, none.wants_hold) == (None, (), before.access, False)


def test_a_second_dispute_is_known_while_it_is_open() -> None:
    both = replace(twice_disputed(a_paid_subscription()), known_reversals=())
    assert reversals.is_known(both, OPEN)
    assert reversals.is_known(both, SECOND)


def test_of_two_disputes_that_are_decided_each_is_told_as_closed() -> None:
    both = twice_disputed(a_paid_subscription())
    step = reversals.recorded(both, LOST, POLICY, NOW + 2 * DAY, CAUSE)
    assert [(entry.kind, entry.summary) for entry in step.entries] == [
        ("dispute_closed", "Dispute lost; another one is still open")
    ]
    assert step.reversal == LOST


def test_a_payment_for_something_else_that_is_disputed_does_not_take_the_place_of_one_decided() -> None:
    other = replace(SECOND, agreement_ref="sub_9")
    after = reversals.recorded(disputed(a_paid_subscription()), other, POLICY, NOW + DAY, CAUSE).subscription
    assert decided(after, 2).dispute is None


def test_a_run_of_before_remembers_no_second_dispute() -> None:
    before = disputed(a_paid_subscription())
    step = reversals.recorded(before, SECOND, POLICY, NOW + DAY, CAUSE, keeps_others=False)
    assert step.subscription.other_disputes == ()


def test_a_dispute_that_only_begins_or_the_end_of_another_changes_nothing() -> None:
    before = disputed(a_paid_subscription())
    for other in (SECOND_WON, replace(OPEN, status=DisputeStatus.INQUIRY)):
        step = reversals.recorded(before, other, POLICY, NOW + DAY, CAUSE)
        assert replace(step.subscription, sequence=before.sequence, known_reversals=()) == before
        assert step.reversal == other, "it is written down all the same"
        assert reversals.is_known(step.subscription, other), "and not again when it is told again"


def test_a_trial_has_nothing_that_a_dispute_could_stop() -> None:
    after = disputed(a_trial())
    assert (after.dispute, after.access) == (None, Access.FULL)


def test_each_total_of_refunds_is_reported_once() -> None:
    part = replace(REFUND, amount=1000, is_full=False)
    step = reversals.recorded(a_paid_subscription(), part, POLICY, NOW, CAUSE)
    (mail,) = step.mails
    assert (mail.key, mail.facts["refund_amount"], mail.facts["is_full_refund"]) == (
        "refunded/ch_1/1000",
        "1000",
        "no",
    )
    assert not REQUIRED_FACTS[mail.occasion] - mail.facts.keys()
    assert reversals.is_known(step.subscription, part)
    assert not reversals.is_known(step.subscription, REFUND)
    assert (step.subscription.status, step.subscription.access) == (Status.ACTIVE, Access.FULL)


def test_a_second_refund_states_its_own_amount_and_what_was_paid() -> None:
    whose = replace(REFUND, amount_paid=12503, invoice_number="T-0001", card_brand="mastercard", card_last4="5454")
    first = replace(whose, amount=1000, is_full=False)
    before = reversals.recorded(a_paid_subscription(), first, POLICY, NOW, CAUSE).subscription

    step = reversals.recorded(before, replace(first, amount=1500), POLICY, NOW + DAY, CAUSE)

    (mail,) = step.mails
    told = {"refund_amount": "500", "refunded_in_all": "1500", "amount_paid": "12503", "invoice_number": "T-0001"}
    assert mail.facts.items() >= (told | {"is_full_refund": "no", "card_last4": "5454"}).items()
    assert step.entries[0].summary == "Refunded in part: $5.00, $15.00 in total"


def test_a_fully_refunded_charge_is_not_a_full_refund_of_an_invoice_paid_by_more() -> None:
    whole = replace(REFUND, amount=4900, is_full=True, amount_paid=9800)
    (mail,) = reversals.refunded(a_paid_subscription(), whole, NOW, CAUSE).mails
    assert mail.facts["is_full_refund"] == "no"


def test_a_refund_that_did_not_go_through_is_written_down_and_no_money_is_said_to_come() -> None:
    before = reversals.refunded(a_paid_subscription(), replace(REFUND, amount=1500), NOW, CAUSE).subscription

    step = reversals.refunded(before, replace(REFUND, amount=1000, is_full=False), NOW + DAY, CAUSE)

    assert step.mails == ()
    assert step.entries[0].summary.startswith("A refund failed: $10.00")


def test_a_refund_that_a_command_asked_for_has_that_command_as_its_cause_whoever_reports_it_first() -> None:
    paid, ours = a_paid_subscription(), replace(REFUND, amount=1000, command="sha256:1", actor="operator 7c0b")
    webhook = Cause(CauseKind.WEBHOOK, "evt_1")

    assert reversals.cause_of(paid, ours, webhook) == Cause(CauseKind.COMMAND, "sha256:1", "operator 7c0b")
    assert reversals.cause_of(paid, replace(ours, command="", actor=""), webhook) == webhook


def test_what_a_refund_that_failed_took_back_was_not_asked_for() -> None:
    ours = replace(REFUND, amount=1000, command="sha256:1", actor="operator 7c0b")
    known = reversals.refunded(a_paid_subscription(), replace(ours, amount=2000), NOW, CAUSE).subscription

    assert reversals.cause_of(known, ours, CAUSE) == CAUSE


def test_the_reason_of_a_command_is_in_the_journal_and_not_among_the_reversals() -> None:
    step = reversals.refunded(a_paid_subscription(), REFUND, NOW, CAUSE, "a day of downtime")

    assert step.entries[0].details["reason"] == "a day of downtime"
    assert step.reversal is not None
    assert step.reversal.reason == ""
    assert all("downtime" not in fact for mail in step.mails for fact in mail.facts.values())


def test_only_the_latest_refunds_are_remembered() -> None:
    subscription = a_paid_subscription()
    for amount in range(20):
        refund = replace(REFUND, amount=amount)
        subscription = reversals.refunded(subscription, refund, NOW, CAUSE).subscription
    assert subscription.known_reversals == tuple(f"ch_1/{amount}" for amount in range(12, 20))


@pytest.mark.parametrize(
    ("reversal", "policy", "end"),
    [
        pytest.param(LOST, POLICY, End(EndKind.DISPUTE_LOST, "dispute_lost"), id="lost"),
        pytest.param(LOST, replace(POLICY, dispute_lost=Reaction.KEEP), None, id="lost-and-kept"),
        pytest.param(WON, POLICY, None, id="won"),
        pytest.param(OPEN, POLICY, None, id="open"),
        pytest.param(REFUND, POLICY, None, id="refunded"),
        pytest.param(
            REFUND,
            replace(POLICY, fully_refunded=Reaction.CANCEL),
            End(EndKind.REFUNDED, "refunded"),
            id="refunded-and-canceled",
        ),
        pytest.param(
            replace(REFUND, is_full=False), replace(POLICY, fully_refunded=Reaction.CANCEL), None, id="refunded-in-part"
        ),
    ],
)
def test_whether_money_that_went_back_ends_the_subscription_is_the_policys(
    reversal: Reversal, policy: Policy, end: End | None
) -> None:
    assert reversals.end_by(a_paid_subscription(), reversal, policy) == end


@pytest.mark.parametrize("of", ["sub_of_an_earlier_life", ""])
def test_money_of_something_else_neither_freezes_nor_ends_what_runs_now(of: str) -> None:
    policy = replace(POLICY, fully_refunded=Reaction.CANCEL)
    for reversal in (replace(each, agreement_ref=of) for each in (OPEN, LOST, REFUND)):
        after = reversals.recorded(a_paid_subscription(), reversal, policy, NOW, CAUSE).subscription
        assert (after.dispute, after.access) == (None, Access.FULL)
        assert reversals.end_by(after, reversal, policy) is None


def test_a_refund_of_an_older_invoice_ends_nothing() -> None:
    policy = replace(POLICY, fully_refunded=Reaction.CANCEL)
    assert reversals.end_by(a_paid_subscription(settled_invoice="in_9"), REFUND, policy) is None
