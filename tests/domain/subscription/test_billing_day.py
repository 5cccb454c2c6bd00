"""The billing day: kept for the whole subscription, however late a period begins; a pause moves it by its days."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.catalog.plans import Interval
from domain.notifications.mail_types import Occasion
from domain.provider.payments import Charge, ChargeOutcome, Decline, Invoice
from domain.subscription import billing_day, pause, payments_received, plan_changes, recovery, suspension
from domain.subscription.agenda import Action, next_due
from domain.subscription.billing_day import A_DAY, NEAR, boundary, boundary_after
from domain.subscription.lifecycle import Status
from domain.subscription.policy import DEFAULT_POLICY
from domain.subscription.state import Subscription, SuspensionKind
from tests.builders import CAUSE, FREE, PRO, a_paid_subscription, a_trial

HOUR, MOMENT = timedelta(hours=1), timedelta(seconds=3)
"""A moment is what a step of ours takes."""


def at(year: int, month: int, day: int, hour: int = 12, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, 0, second, tzinfo=UTC)


@dataclass
class ProviderCalendar:
    """Bills from its own anchor; to begin a period there moves the anchor to the present."""

    anchor: datetime
    interval: Interval = Interval.MONTH
    bills: int = 0
    paid: list[tuple[datetime, datetime]] = field(default_factory=list)

    def charge(self, now: datetime, key: str = "") -> Charge:
        self.bills += 1
        begins = max(self.anchor, boundary_after(self.anchor, self.interval, now - A_DAY * 400))
        while (end := boundary_after(self.anchor, self.interval, begins)) <= now:
            begins = end
        self.paid.append((begins, end))
        bill = Invoice(f"in_{self.bills}", "", "paid", 4900, "usd", period_start=begins, period_end=end)
        return Charge(ChargeOutcome.PAID, bill, None, "sub_1", begins, end, key=key, anchor=self.anchor)

    def restart(self, now: datetime) -> Charge:
        self.anchor = now.replace(microsecond=0)
        return self.charge(now, key=f"try {self.bills}")


def converted(anchor: datetime, interval: Interval = Interval.MONTH) -> tuple[Subscription, ProviderCalendar]:
    provider = ProviderCalendar(anchor, interval)
    trial = replace(a_trial(created_at=anchor, interval=interval), customer_ref="cus_1")
    return payments_received.paid(trial, provider.charge(anchor), DEFAULT_POLICY, anchor, CAUSE).subscription, provider


def next_period(subscription: Subscription, provider: ProviderCalendar, late: timedelta = MOMENT) -> Subscription:
    """The next period begins: by the provider if allowed, else by us, *late*."""
    assert subscription.period_end is not None
    now = subscription.period_end + late
    due = next_due(subscription, DEFAULT_POLICY)
    assert due is not None
    if due.action is Action.CHANGE_PLAN and subscription.pending_change is not None:
        subscription = plan_changes.change_begins(subscription, subscription.pending_change.to, now, CAUSE).subscription
    elif due.action is Action.ASK_PROVIDER:
        assert not subscription.wants_hold
        assert subscription.period_end is not None
        renewed_at = boundary_after(provider.anchor, provider.interval, subscription.period_end - NEAR)
        charge = provider.charge(renewed_at)
        return payments_received.paid(subscription, charge, DEFAULT_POLICY, now, CAUSE).subscription
    charge = provider.restart(now)
    return payments_received.paid(subscription, charge, DEFAULT_POLICY, now, CAUSE).subscription


def paused_for(subscription: Subscription, since: datetime, length: timedelta) -> Subscription:
    stopped = pause.paused(subscription, None, since, CAUSE).subscription
    return pause.resumed(stopped, since + length, CAUSE).subscription


def ends(subscription: Subscription, provider: ProviderCalendar, periods: int) -> list[datetime | None]:
    """When the coming periods end."""
    found = []
    for _ in range(periods):
        subscription = next_period(subscription, provider)
        found.append(subscription.period_end)
    return found


def test_periods_are_counted_from_the_anchor_and_not_from_each_other() -> None:
    anchor = at(2027, 1, 31)
    assert [boundary(anchor, Interval.MONTH, n) for n in (1, 2, 3)] == [
        at(2027, 2, 28),
        at(2027, 3, 31),
        at(2027, 4, 30),
    ]
    leap = at(2028, 2, 29)
    assert [boundary(leap, Interval.YEAR, n).day for n in range(5)] == [29, 28, 28, 28, 29]


@given(
    anchor=st.integers(0, 20 * 366 * 86_400).map(lambda seconds: at(2020, 1, 1) + timedelta(seconds=seconds)),
    moment=st.integers(0, 60 * 366 * 86_400).map(lambda seconds: at(2000, 1, 1) + timedelta(seconds=seconds)),
    interval=st.sampled_from(Interval),
)
def test_the_boundary_after_a_moment_is_the_first_one(anchor: datetime, moment: datetime, interval: Interval) -> None:
    found = boundary_after(anchor, interval, moment)
    assert found > moment
    number = next(n for n in range(-1000, 1000) if boundary(anchor, interval, n) == found)
    assert boundary(anchor, interval, number - 1) <= moment


def test_the_31st_is_still_the_billing_day_after_a_very_short_pause() -> None:
    life, provider = converted(at(2027, 1, 31))

    after = paused_for(life, at(2027, 2, 10), MOMENT)

    assert (after.period_end, after.wants_hold) == (at(2027, 2, 28), False)
    assert next_due(after, DEFAULT_POLICY) == next_due(life, DEFAULT_POLICY), "the provider renews it, on its day"
    assert ends(after, provider, 3) == [at(2027, 3, 31), at(2027, 4, 30), at(2027, 5, 31)]


@pytest.mark.parametrize("late", [MOMENT, timedelta(days=3)], ids=["on-time", "after-an-outage"])
def test_the_31st_is_still_the_billing_day_after_a_scheduled_change(late: timedelta) -> None:
    life, provider = converted(at(2027, 1, 31))
    planned = plan_changes.change_scheduled(life, PRO, at(2027, 2, 10), CAUSE).subscription

    begun = next_period(planned, provider, late)

    assert (begun.plan, begun.period_start, begun.period_end) == ("professional", at(2027, 2, 28), at(2027, 3, 31))
    assert begun.wants_hold, "the provider's own date is another one: it must not bill"
    assert not begun.is_held, "to begin a period has ended the hold: it must be told again"
    assert ends(begun, provider, 3) == [at(2027, 4, 30), at(2027, 5, 31), at(2027, 6, 30)]


def test_once_the_providers_date_is_ours_again_it_renews_automatically() -> None:
    life, provider = converted(at(2027, 1, 31))
    begun = next_period(plan_changes.change_scheduled(life, PRO, at(2027, 2, 10), CAUSE).subscription, provider)

    after = next_period(begun, provider)

    assert (after.wants_hold, after.begins_own_period, after.period_end) == (False, False, at(2027, 4, 30))


def test_our_own_period_shows_its_own_end() -> None:
    life, provider = converted(at(2027, 1, 31))
    planned = plan_changes.change_begins(
        plan_changes.change_scheduled(life, PRO, at(2027, 2, 10), CAUSE).subscription, PRO, at(2027, 2, 28), CAUSE
    ).subscription

    step = payments_received.paid(
        planned, provider.restart(at(2027, 2, 28, second=9)), DEFAULT_POLICY, at(2027, 2, 28), CAUSE
    )

    (receipt,) = (mail for mail in step.mails if mail.occasion is Occasion.RECEIPT)
    assert receipt.facts["period_end"] == "2027-03-31T12:00:00Z"
    assert step.invoice is not None
    assert (step.invoice.period_start, step.invoice.period_end) == (at(2027, 2, 28), at(2027, 3, 31))


@pytest.mark.parametrize("days", [1, 10, 40])
def test_a_pause_moves_the_billing_day_by_its_days(days: int) -> None:
    life, provider = converted(at(2027, 1, 15))

    after = paused_for(life, at(2027, 2, 1), timedelta(days=days) + MOMENT)

    day = at(2027, 2, 15) + timedelta(days=days)
    assert after.period_end == day
    assert ends(after, provider, 2) == [boundary(day, Interval.MONTH, 1), boundary(day, Interval.MONTH, 2)]


def test_a_yearly_29_february_comes_back_every_four_years() -> None:
    life, provider = converted(at(2028, 2, 29), Interval.YEAR)
    after = paused_for(life, at(2028, 6, 1), HOUR)
    assert ends(after, provider, 4) == [at(2030, 2, 28), at(2031, 2, 28), at(2032, 2, 29), at(2033, 2, 28)]
    planned = plan_changes.change_scheduled(
        life, replace(PRO, interval=Interval.YEAR), at(2028, 6, 1), CAUSE
    ).subscription
    assert ends(planned, ProviderCalendar(at(2028, 2, 29), Interval.YEAR), 4)[-2:] == [at(2032, 2, 29), at(2033, 2, 28)]


def test_pauses_of_less_than_a_day_add_up_to_days() -> None:
    life, _ = converted(at(2027, 1, 31))
    for day in range(1, 5):
        life = paused_for(life, at(2027, 2, day), timedelta(hours=11))
    assert life.period_end == at(2027, 3, 1), "44 hours: one day given back"
    assert life.paused_seconds == 20 * 3600


@given(
    anchor=st.integers(0, 2 * 366 * 86_400).map(lambda seconds: at(2027, 1, 1) + timedelta(seconds=seconds)),
    interval=st.sampled_from(Interval),
    turns=st.lists(
        st.one_of(
            st.tuples(st.just("pause"), st.integers(0, 60 * 24 * 70)),
            st.tuples(st.just("plan"), st.integers(0, 60 * 24 * 5)),
            st.tuples(st.just("renew"), st.integers(0, 60 * 24 * 5)),
        ),
        max_size=12,
    ),
)
@example(anchor=at(2027, 1, 1), interval=Interval.MONTH, turns=[("plan", 60), ("pause", 0)])
def test_whatever_happens_no_paid_day_is_lost_and_the_day_and_second_are_kept(
    anchor: datetime, interval: Interval, turns: list[tuple[str, int]]
) -> None:
    life, provider = converted(anchor, interval)
    day, given_back, away = anchor, timedelta(), timedelta()
    for kind, minutes in turns:
        assert life.period_end is not None
        assert life.period_start is not None
        end, length = life.period_end, timedelta(minutes=minutes)
        if kind == "pause":
            since = life.period_start + (end - life.period_start) / 2
            life = paused_for(life, since, length)
            assert life.period_end is not None
            moved = life.period_end - end
            given_back, away = given_back + moved, away + length
            assert moved % A_DAY == timedelta()
            assert -billing_day.ON_TIME <= away - given_back < A_DAY, "no whole day is kept from the customer"
            if moved:
                day = life.period_end
            end = life.period_end
            if life.period_end <= since + length:
                continue
        if kind == "plan":
            life = plan_changes.change_scheduled(life, replace(PRO, interval=interval), end - HOUR, CAUSE).subscription
        life = next_period(life, provider, max(MOMENT, length if kind != "pause" else MOMENT))
        assert life.period_start == end, "the next paid period follows without a gap"
        assert life.period_end == boundary_after(day, interval, end), "and is a whole one of the billing day"
        assert life.period_end.time() == anchor.time()


# Where the day does move


def test_access_that_was_off_when_the_period_was_due_is_not_paid_for() -> None:
    life, provider = converted(at(2027, 1, 31))
    held = suspension.suspended(life, "fraud check", at(2027, 2, 20), CAUSE).subscription
    now = at(2027, 3, 4)
    back = suspension.way_back(held, timedelta(), now)
    returned = suspension.returned(held, back, (), "fine", now, CAUSE).subscription

    begun = payments_received.paid(returned, provider.restart(now), DEFAULT_POLICY, now, CAUSE).subscription

    assert (begun.period_start, begun.period_end, begun.sets_billing_day) == (now, at(2027, 4, 4), False)


def test_a_hold_within_the_paid_period_moves_nothing() -> None:
    life, provider = converted(at(2027, 1, 31))
    held = suspension.suspended(life, "fraud check", at(2027, 2, 10), CAUSE).subscription
    back = suspension.way_back(held, timedelta(), at(2027, 2, 20))
    after = suspension.returned(held, back, (), "fine", at(2027, 2, 20), CAUSE).subscription
    assert ends(after, provider, 2) == [at(2027, 3, 31), at(2027, 4, 30)]


def recovered(status: Status, paid_at: datetime) -> Subscription:
    life, provider = converted(at(2027, 1, 31))
    planned = plan_changes.change_scheduled(life, PRO, at(2027, 2, 10), CAUSE).subscription
    owing = plan_changes.change_begins(planned, PRO, at(2027, 2, 28), CAUSE).subscription
    declined = Charge(ChargeOutcome.DECLINED, decline=Decline("insufficient_funds"))
    failed = recovery.failed(owing, declined, DEFAULT_POLICY, at(2027, 2, 28), CAUSE).subscription
    return payments_received.paid(
        replace(failed, status=status), provider.restart(paid_at), DEFAULT_POLICY, paid_at, CAUSE
    ).subscription


def test_a_first_period_that_is_paid_late_while_it_could_be_used_ends_on_its_day() -> None:
    assert recovered(Status.PAST_DUE, at(2027, 3, 3)).period_end == at(2027, 3, 31)


@pytest.mark.parametrize(
    ("status", "paid_at"),
    [(Status.SUSPENDED, at(2027, 3, 20)), (Status.PAST_DUE, at(2027, 4, 9))],
    ids=["access-was-off", "its-time-is-over"],
)
def test_a_first_period_that_is_paid_for_too_late_begins_with_the_payment(status: Status, paid_at: datetime) -> None:
    after = recovered(status, paid_at)
    assert (after.period_start, after.period_end) == (paid_at, boundary(paid_at, Interval.MONTH, 1))


def test_a_day_that_is_moved_at_the_provider_counts() -> None:
    life, provider = converted(at(2027, 1, 31))
    provider.anchor = at(2027, 2, 15)
    renewed = payments_received.paid(
        life, provider.charge(at(2027, 2, 15)), DEFAULT_POLICY, at(2027, 2, 15), CAUSE
    ).subscription
    assert (renewed.billing_anchor, renewed.period_end, renewed.wants_hold) == (at(2027, 2, 15), at(2027, 3, 15), False)


def test_another_interval_begins_a_period_and_a_billing_day() -> None:
    life, provider = converted(at(2027, 1, 31))
    provider.interval, now = Interval.YEAR, at(2027, 2, 10)
    yearly = replace(PRO, interval=Interval.YEAR)
    after = plan_changes.changed_at_cost(life, yearly, provider.restart(now), DEFAULT_POLICY, now, CAUSE).subscription
    assert (after.billing_anchor, after.period_end) == (now, at(2028, 2, 10))


def test_a_change_at_once_leaves_the_period_as_it_was() -> None:
    life, provider = converted(at(2027, 1, 31))
    begun = next_period(plan_changes.change_scheduled(life, PRO, at(2027, 2, 10), CAUSE).subscription, provider)
    back = next_period(begun, provider)
    charge = provider.charge(at(2027, 4, 2))
    after = plan_changes.changed_at_cost(back, PRO, charge, DEFAULT_POLICY, at(2027, 4, 2), CAUSE).subscription
    assert (after.period_start, after.period_end) == (at(2027, 3, 31), at(2027, 4, 30))


def test_on_the_free_plan_there_is_no_billing_day() -> None:
    life, _ = converted(at(2027, 1, 31))
    free = plan_changes.moved_to_free(life, FREE, at(2027, 2, 28), CAUSE).subscription
    assert (free.billing_anchor, free.agreement_anchor) == (None, None)


# Lives that began before the day was noted


@pytest.mark.parametrize(
    ("start", "end", "day"),
    [
        (at(2027, 1, 31), at(2027, 2, 28), 31),
        (at(2027, 2, 28), at(2027, 3, 31), 31),
        (at(2027, 3, 15), at(2027, 4, 15), 15),
        (at(2028, 2, 29), at(2029, 2, 28), 29),
    ],
)
def test_an_older_subscriptions_day_follows_from_its_period(start: datetime, end: datetime, day: int) -> None:
    found = billing_day.derived(start, end)
    assert found is not None
    assert found.day == day


def test_an_old_life_keeps_its_day_through_a_planned_change() -> None:
    old = a_paid_subscription(period_start=at(2027, 1, 31), period_end=at(2027, 2, 28))
    provider = ProviderCalendar(at(2027, 1, 31))
    begun = next_period(plan_changes.change_scheduled(old, PRO, at(2027, 2, 10), CAUSE).subscription, provider)
    assert (begun.period_end, begun.billing_anchor) == (at(2027, 3, 31), at(2027, 1, 31))


def test_an_older_subscription_adopts_its_day_from_the_provider() -> None:
    old = a_paid_subscription(period_start=at(2027, 1, 31), period_end=at(2027, 2, 28))
    renewed = next_period(old, ProviderCalendar(at(2026, 8, 31)))
    assert (renewed.billing_anchor, renewed.period_end) == (at(2026, 8, 31), at(2027, 3, 31))


def test_a_provider_without_an_anchor_is_followed_as_it_is() -> None:
    old = a_paid_subscription(period_start=at(2027, 1, 31), period_end=at(2027, 2, 28))
    charge = replace(ProviderCalendar(at(2027, 2, 28)).restart(at(2027, 2, 28)), anchor=None)
    after = payments_received.paid(old, charge, DEFAULT_POLICY, at(2027, 2, 28), CAUSE).subscription
    assert (after.billing_anchor, after.period_end) == (None, at(2027, 3, 28))


def test_an_operators_hold_on_a_trial_sets_no_billing_day() -> None:
    held = suspension.suspended(a_trial(), "fraud check", at(2027, 1, 1), CAUSE).subscription
    assert held.suspension is not None
    assert held.suspension.kind is SuspensionKind.OPERATOR
    back = suspension.way_back(held, timedelta(), at(2027, 1, 2))
    assert not suspension.returned(held, back, (), "fine", at(2027, 1, 2), CAUSE).subscription.sets_billing_day
