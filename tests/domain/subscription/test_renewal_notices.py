"""What customers are told ahead of a renewal: of what, when, and once."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog.plans import Interval
from domain.notifications.mail_types import REQUIRED_FACTS
from domain.provider.payments import Card, DisputeStatus, Reversal, ReversalKind, UpcomingInvoice
from domain.subscription import commands, pause, plan_changes, renewal_notices, reversals, suspension
from domain.subscription.agenda import Action, agenda, next_due
from domain.subscription.contact_hours import Hours
from domain.subscription.ends import End, EndKind
from domain.subscription.policy import DEFAULT_POLICY, Policy
from domain.subscription.state import Notice, NoticeKind, Subscription
from tests.builders import (
    CAUSE,
    NOW,
    PERIOD_END,
    PRO,
    VISA,
    a_free_subscription,
    a_paid_subscription,
    a_past_due_subscription,
    a_trial,
)

POLICY = DEFAULT_POLICY
HOURS = Hours("09:00", "18:00")
DAY = timedelta(days=1)
YEAR_END = datetime(2027, 3, 2, 12, tzinfo=UTC)
EXPIRES_BEFORE = replace(VISA, exp_month=3, exp_year=2026)


def yearly(**changes: object) -> Subscription:
    return a_paid_subscription(
        **({"interval": Interval.YEAR, "period_end": YEAR_END, "ask_at": YEAR_END + POLICY.ask_after} | changes)
    )


def told(subscription: Subscription, policy: Policy = POLICY) -> list[tuple[NoticeKind, int]]:
    return [(notice.kind, notice.days) for notice in renewal_notices.wanted(subscription, policy)]


def laid_out(subscription: Subscription, now: datetime = NOW, zone: str = "UTC") -> Subscription:
    """As the keeper does after a step."""
    placed = renewal_notices.laid_out(renewal_notices.wanted(subscription, POLICY), HOURS, zone, now)
    return replace(subscription, notices=placed, noticed_for=renewal_notices.key_of(subscription, POLICY))


@pytest.mark.parametrize(
    ("card", "good_until"),
    [
        (replace(VISA, exp_month=3, exp_year=2026), datetime(2026, 4, 1, tzinfo=UTC)),
        (replace(VISA, exp_month=12, exp_year=2026), datetime(2027, 1, 1, tzinfo=UTC)),
        (replace(VISA, exp_month=0, exp_year=0), None),
        (replace(VISA, exp_month=13), None),
    ],
    ids=["march", "december", "unknown", "nonsense"],
)
def test_a_card_is_good_until_its_last_month_is_over(card: Card, good_until: datetime | None) -> None:
    assert renewal_notices.expires(card) == good_until


def test_a_yearly_renewal_is_announced_and_a_monthly_one_is_not() -> None:
    assert told(yearly()) == [(NoticeKind.RENEWAL_AHEAD, 30)]
    assert told(a_paid_subscription()) == []


def test_customers_are_notified_of_a_card_that_will_have_expired_for_every_interval() -> None:
    assert told(a_paid_subscription(card=EXPIRES_BEFORE)) == [
        (NoticeKind.CARD_EXPIRING, 30),
        (NoticeKind.CARD_EXPIRING, 7),
    ]
    assert (NoticeKind.CARD_EXPIRING, 7) in told(yearly(card=replace(VISA, exp_month=2, exp_year=2027)))
    assert told(a_paid_subscription(card=replace(VISA, exp_month=4, exp_year=2026))) == []
    assert told(a_paid_subscription(card=None)) == []


def test_a_policy_older_than_notices_sends_none() -> None:
    assert told(yearly(card=EXPIRES_BEFORE), Policy()) == []


def test_a_notice_states_the_amount_of_the_renewal_if_known() -> None:
    due = Notice(NoticeKind.RENEWAL_AHEAD, 30, NOW)
    subscription = a_paid_subscription(notices=(due,))

    (quoted,) = renewal_notices.notified(subscription, NOW, CAUSE, UpcomingInvoice(0, "usd")).mails
    (unknown,) = renewal_notices.notified(subscription, NOW, CAUSE).mails

    assert (quoted.facts["amount_due"], quoted.facts["currency"]) == ("0", "usd")
    assert "amount_due" not in unknown.facts
    assert quoted.key == unknown.key


@pytest.mark.parametrize("changes", [{"begins_own_period": True}, {"agreement_is_stale": True}, {"period_end": NOW}])
def test_a_renewal_that_the_provider_will_not_bill_as_it_is_is_not_quoted(changes: dict[str, Any]) -> None:
    assert renewal_notices.can_be_quoted(a_paid_subscription(), NOW)
    assert not renewal_notices.can_be_quoted(a_paid_subscription(**changes), NOW)


DISPUTE = Reversal(ReversalKind.DISPUTE, "dp_1", "in_1", 4900, "usd", status=DisputeStatus.OPEN)


@pytest.mark.parametrize(
    "subscription",
    [
        a_trial(card=EXPIRES_BEFORE),
        a_free_subscription(card=EXPIRES_BEFORE),
        a_past_due_subscription(card=EXPIRES_BEFORE),
        yearly(cancel_at=YEAR_END),
        plan_changes.change_scheduled(yearly(), PRO, NOW, CAUSE).subscription,
        pause.paused(yearly(), None, NOW, CAUSE).subscription,
        suspension.suspended(yearly(), "fraud check", NOW, CAUSE).subscription,
        reversals.disputed(yearly(), DISPUTE, POLICY, NOW, CAUSE).subscription,
        commands.canceled(yearly(), End(EndKind.CUSTOMER), NOW, CAUSE).subscription,
    ],
    ids=["trial", "free", "owing", "ending", "changing", "paused", "held", "disputed", "over"],
)
def test_without_an_automatic_renewal_nothing_is_announced(subscription: Subscription) -> None:
    assert told(subscription) == []
    assert renewal_notices.key_of(subscription, POLICY) == ""


@given(
    renews_at=st.datetimes(datetime(2026, 6, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    zone=st.sampled_from(["Pacific/Auckland", "America/New_York", "Asia/Kolkata", "Europe/Berlin"]),
)
def test_a_notice_is_sent_at_a_decent_hour_its_number_of_calendar_days_before(renews_at: datetime, zone: str) -> None:
    place = ZoneInfo(zone)
    placed = laid_out(yearly(period_end=renews_at, card=EXPIRES_BEFORE), zone=zone).notices
    assert [notice.at for notice in placed] == sorted(notice.at for notice in placed)
    for notice in placed:
        local = notice.at.astimezone(place)
        renewal = renews_at.astimezone(place)
        assert local.date() == renewal.date() - timedelta(days=notice.days + (renewal.time() < time(9)))
        assert time(9) <= local.time() <= time(17, 30)


def test_a_notice_whose_day_has_passed_is_left_out() -> None:
    late = laid_out(a_paid_subscription(card=EXPIRES_BEFORE), now=PERIOD_END - 10 * DAY)
    assert [notice.days for notice in late.notices] == [7]


def test_each_notice_is_sent_once() -> None:
    ready = laid_out(yearly())
    due = next_due(ready, POLICY)
    assert due is not None
    assert (due.action, due.at) == (Action.NOTIFY, YEAR_END - 30 * DAY)
    step = renewal_notices.notified(ready, due.at, CAUSE)
    assert [mail.key for mail in step.mails] == ["renewal_ahead/2027-03-02T12:00:00Z/30"]
    assert not REQUIRED_FACTS[step.mails[0].occasion] - step.mails[0].facts.keys()
    assert Action.NOTIFY not in [each.action for each in agenda(step.subscription, POLICY)]
    assert renewal_notices.key_of(step.subscription, POLICY) == ready.noticed_for, "nothing is rescheduled"


def test_of_several_late_notices_only_the_latest_of_each_kind_is_sent() -> None:
    ready = laid_out(yearly(card=replace(VISA, exp_month=2, exp_year=2027)))
    step = renewal_notices.notified(ready, YEAR_END - DAY, CAUSE)
    assert sorted(mail.key for mail in step.mails) == [
        "card_expiring/2027-03-02T12:00:00Z/7",
        "renewal_ahead/2027-03-02T12:00:00Z/30",
    ]
    assert not step.subscription.notices


def test_a_card_notice_names_the_card_and_its_last_month() -> None:
    ready = laid_out(a_paid_subscription(card=EXPIRES_BEFORE))
    (mail,) = renewal_notices.notified(ready, PERIOD_END - 7 * DAY, CAUSE).mails
    assert (mail.facts["card_last4"], mail.facts["card_exp"]) == ("4242", "03/2026")
    assert not REQUIRED_FACTS[mail.occasion] - mail.facts.keys()


def test_a_notice_whose_renewal_has_passed_is_not_sent() -> None:
    ready = laid_out(yearly())
    step = renewal_notices.notified(ready, YEAR_END + DAY, CAUSE)
    assert not step.mails
    assert [entry.kind for entry in step.entries] == ["notice_skipped"]
    assert not step.subscription.notices


def test_what_the_notices_are_for_changes_with_the_renewal_and_the_card() -> None:
    keys = {
        renewal_notices.key_of(subscription, POLICY)
        for subscription in (
            yearly(),
            yearly(period_end=YEAR_END + DAY),
            yearly(card=EXPIRES_BEFORE),
            yearly(cancel_at=YEAR_END),
        )
    }
    assert len(keys) == 4


def test_a_paused_year_is_announced_ahead_of_its_new_end() -> None:
    stopped = pause.paused(yearly(), None, NOW + DAY, CAUSE).subscription
    after = laid_out(pause.resumed(stopped, NOW + 41 * DAY, CAUSE).subscription, now=NOW + 41 * DAY)
    assert after.notices == (Notice(NoticeKind.RENEWAL_AHEAD, 30, YEAR_END + 10 * DAY),)
    assert agenda(after, POLICY)[-1].action is Action.BEGIN_PERIOD
