"""Our own proration: each line rounded down, nothing lost and nothing credited twice."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.plans import Interval
from domain.provider.payments import Charge, ChargeOutcome
from domain.provider.proration import ALL, Terms, kept_of, left_of
from domain.subscription import pause, plan_changes
from domain.subscription.own_period import own_period
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Subscription
from tests.builders import CAUSE, NOW, PERIOD_END, PRO, a_paid_charge, a_paid_subscription

DAY = timedelta(days=1)
CENTS = st.integers(0, 10**9)


@pytest.mark.parametrize(("whole", "cents"), [(-5, -3), (9, 4), (-4, -2), (8, 4), (0, 0)])
def test_half_of_a_line_is_its_floor(whole: int, cents: int) -> None:
    assert Terms(Fraction(1, 2)).of(whole) == cents


@given(whole=CENTS, minutes=st.integers(0, 31 * 24 * 60))
def test_what_is_credited_and_charged_for_the_same_time_differs_by_less_than_a_cent(whole: int, minutes: int) -> None:
    left = left_of(NOW, NOW + 31 * DAY, NOW + timedelta(minutes=minutes))
    assert -1 <= Terms(left).of(-whole) + Terms(left).of(whole) <= 0


@given(whole=CENTS, paid=CENTS, gone_back=CENTS, minutes=st.integers(-60, 32 * 24 * 60))
def test_no_more_is_credited_than_was_kept_and_never_less_than_nothing(
    whole: int, paid: int, gone_back: int, minutes: int
) -> None:
    terms = Terms(left_of(NOW, NOW + 31 * DAY, NOW + timedelta(minutes=minutes)), kept_of(paid, gone_back))
    credit = -terms.of(-whole)
    assert 0 <= credit <= whole
    if gone_back >= paid > 0:
        assert credit == 0
    assert terms.of(whole) == Terms(terms.left).of(whole), "what is charged has nothing to do with it"


def test_a_refund_in_part_leaves_the_unused_share_of_what_was_kept() -> None:
    assert Terms(Fraction(1, 2), kept_of(19900, 5000)).of(-19900) == -7450


@pytest.mark.parametrize(
    ("paid", "gone_back", "settled", "kept"),
    [(23300, 19900, 19900, ALL), (19900, 19900, 1000, Fraction(0)), (23300, 21600, 19900, Fraction(1, 2))],
    ids=["settled", "the-rest-went-back-too", "half-of-what-came-since"],
)
def test_what_was_deducted_before_is_not_deducted_again(
    paid: int, gone_back: int, settled: int, kept: Fraction
) -> None:
    assert kept_of(paid, gone_back, settled) == kept


def test_if_no_card_was_charged_nothing_was_refunded() -> None:
    assert kept_of(0, 0) == ALL


def resumed_after(days: int, *, paused_on: int = 10) -> Subscription:
    life = a_paid_subscription(billing_anchor=NOW, agreement_anchor=NOW)
    stopped = pause.paused(life, None, NOW + paused_on * DAY, CAUSE).subscription
    return pause.resumed(stopped, NOW + (paused_on + days) * DAY, CAUSE).subscription


@pytest.mark.parametrize("days", [1, 5, 60])
def test_the_days_of_a_pause_are_not_part_of_the_paid_period(days: int) -> None:
    after = resumed_after(days)
    own = own_period(after)
    assert own is not None
    assert own.end - own.start == PERIOD_END - NOW
    assert (own.end, own.paid_since) == (after.period_end, NOW)
    left = left_of(own.start, own.end, NOW + (10 + days) * DAY)
    assert left == left_of(NOW, PERIOD_END, NOW + 10 * DAY), "what was left when it was paused"


def test_a_period_of_the_provider_is_not_our_own() -> None:
    assert own_period(a_paid_subscription()) is None


def test_of_a_life_whose_pauses_were_not_counted_no_more_than_an_interval_was_paid_for() -> None:
    old = a_paid_subscription(begins_own_period=True, owes_new_period=True, period_end=NOW + 90 * DAY)
    own = own_period(old)
    assert own is not None
    assert own.end - own.start == 31 * DAY


# The subscription afterwards


def billed_apart(**changes: Any) -> Charge:
    charge = a_paid_charge("in_apart", amount=7500, period_start=NOW, period_end=PERIOD_END, anchor=NOW, is_apart=True)
    return replace(charge, **changes)


def test_after_a_change_our_own_period_continues() -> None:
    before = replace(resumed_after(5), is_held=True)
    step = plan_changes.changed_at_cost(before, PRO, billed_apart(), DEFAULT_POLICY, NOW + 16 * DAY, CAUSE)
    after = step.subscription
    assert (after.plan, after.period_start, after.period_end) == ("professional", NOW, before.period_end)
    assert (after.owes_new_period, after.begins_own_period, after.wants_hold, after.is_held) == (True, True, True, True)
    assert after.settled_invoice == before.settled_invoice, "the agreement's newest bill is what it was"
    assert step.invoice is not None
    assert step.invoice.ref == "in_apart"
    assert [mail.key.split("/")[0] for mail in step.mails] == ["plan_changed", "receipt"]


def test_another_interval_ends_the_period_of_our_own() -> None:
    before, now = replace(resumed_after(5), is_held=True), NOW + 16 * DAY
    charge = billed_apart(period_start=now, period_end=now + 365 * DAY, anchor=now)
    yearly = replace(PRO, interval=Interval.YEAR)
    after = plan_changes.changed_at_cost(before, yearly, charge, DEFAULT_POLICY, now, CAUSE).subscription
    assert (after.begins_own_period, after.owes_new_period, after.wants_hold) == (False, False, False)
    assert after.is_held, "it was begun under a hold, which is taken back now"
    assert (after.billing_anchor, after.period_end) == (now, now + 365 * DAY)


def test_a_change_after_a_refund_leaves_the_providers_period_as_it_is() -> None:
    before = a_paid_subscription(billing_anchor=NOW, agreement_anchor=NOW)
    step = plan_changes.changed_at_cost(before, PRO, billed_apart(), DEFAULT_POLICY, NOW + DAY, CAUSE)
    after = step.subscription
    assert (after.period_end, after.wants_hold, after.is_held) == (PERIOD_END, False, False)
    assert after.settled_invoice == before.settled_invoice
    assert after.ask_at == PERIOD_END + DEFAULT_POLICY.ask_after


def test_a_separate_change_without_an_invoice_is_reported_as_free() -> None:
    before = resumed_after(5)
    charge = Charge(ChargeOutcome.PAID, None, None, "sub_1", NOW, PERIOD_END, anchor=NOW, is_apart=True)
    step = plan_changes.changed_at_cost(before, PRO, charge, DEFAULT_POLICY, NOW + 16 * DAY, CAUSE)
    assert "due_now" not in step.mails[0].facts
