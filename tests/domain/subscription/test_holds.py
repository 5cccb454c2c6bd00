"""Holds of billing that are lifted close to the end of the paid period."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.provider.payments import Charge, ChargeOutcome, Invoice
from domain.subscription import holds, payments_received
from domain.subscription.billing_day import NEAR
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY as POLICY
from domain.subscription.state import Subscription
from tests.builders import CAUSE, PERIOD_END, a_paid_charge, a_paid_subscription

A_MINUTE = timedelta(minutes=1)


def to_be_lifted(**changes: Any) -> Subscription:
    """Nothing needs the hold any more, and the provider still has it."""
    return a_paid_subscription(is_held=True, **changes)


def a_bill(outcome: ChargeOutcome, start: datetime = PERIOD_END) -> Charge:
    status = {ChargeOutcome.GONE: "void", ChargeOutcome.PENDING: "draft"}.get(outcome, "paid")
    return Charge(outcome, Invoice("in_7", "N-7", status, 4900, "usd", period_start=start))


@pytest.mark.parametrize("early", [-NEAR, timedelta(), A_MINUTE, NEAR])
def test_a_hold_that_is_lifted_close_to_the_end_of_the_period_may_meet_the_renewal(early: timedelta) -> None:
    assert holds.may_miss_renewal(to_be_lifted(), PERIOD_END - early)


@pytest.mark.parametrize(
    ("subscription", "now"),
    [
        pytest.param(to_be_lifted(), PERIOD_END - NEAR - A_MINUTE, id="there is time enough"),
        pytest.param(a_paid_subscription(), PERIOD_END, id="there is no hold"),
        pytest.param(to_be_lifted(begins_own_period=True), PERIOD_END, id="it is not to be lifted"),
        pytest.param(to_be_lifted(status=Status.PAST_DUE), PERIOD_END, id="a payment is owed"),
        pytest.param(to_be_lifted(cancel_at=PERIOD_END), PERIOD_END, id="no period follows"),
        pytest.param(to_be_lifted(owes_new_period=True), PERIOD_END + NEAR + A_MINUTE, id="it was missed long ago"),
    ],
)
def test_other_holds_meet_no_renewal_once_they_are_lifted(subscription: Subscription, now: datetime) -> None:
    assert not holds.may_miss_renewal(subscription, now)


def test_a_period_whose_renewal_meets_the_hold_is_begun_by_us_on_its_day() -> None:
    after = holds.renewal_missed(to_be_lifted()).subscription

    assert (after.owes_new_period, after.wants_hold, after.is_held) == (True, True, True), "it stays until then"
    paid = payments_received.paid(after, a_paid_charge(key="charge/2"), POLICY, PERIOD_END, CAUSE).subscription
    assert (paid.owes_new_period, paid.wants_hold) == (False, False)


@pytest.mark.parametrize("latest", [None, a_bill(ChargeOutcome.PENDING), a_bill(ChargeOutcome.PAID)])
def test_where_the_provider_has_lifted_the_hold_it_renews_by_itself(latest: Charge | None) -> None:
    after = holds.found_lifted(to_be_lifted(owes_new_period=True), latest)

    assert (after.is_held, after.owes_new_period) == (False, False)


def test_a_renewal_that_was_voided_before_the_hold_was_lifted_is_owed() -> None:
    after = holds.found_lifted(to_be_lifted(), a_bill(ChargeOutcome.GONE))

    assert (after.is_held, after.owes_new_period) == (False, True)
    step = holds.renewal_missed(after)
    assert not step.subscription.wants_hold, "the provider's next renewal is a whole period away"


@pytest.mark.parametrize(
    "subscription", [to_be_lifted(), to_be_lifted(settled_invoice="in_7", period_end=PERIOD_END - timedelta(days=31))]
)
def test_an_invoice_that_was_voided_for_an_earlier_period_says_nothing_of_the_next(subscription: Subscription) -> None:
    earlier = a_bill(ChargeOutcome.GONE, PERIOD_END - timedelta(days=31))

    assert not holds.found_lifted(subscription, earlier).owes_new_period
