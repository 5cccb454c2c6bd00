"""A subscription's state survives a round trip through JSON."""

import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import HealthCheck, given, settings

from domain.subscription.agenda import Action, Due
from domain.subscription.lifecycle import Status
from domain.subscription.state import Subscription
from storage.db.codec import due_to_json, rfc3339, state_from_json, state_to_json
from tests.builders import a_suspended_subscription, in_status
from tests.storage.values import MOMENTS, any_value


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_value(Subscription))
def test_every_subscription_comes_back_as_it_was(subscription: Subscription) -> None:
    written = json.dumps(state_to_json(subscription))
    assert state_from_json(json.loads(written)) == subscription


def test_the_usual_ones_come_back_with_all_their_types() -> None:
    for subscription in (*(in_status(status) for status in Status), a_suspended_subscription()):
        back = state_from_json(json.loads(json.dumps(state_to_json(subscription))))
        assert back == subscription
        assert type(back.status) is Status
        assert isinstance(back.items, tuple)
        assert back.created_at.tzinfo is not None


def test_a_state_is_read_when_it_was_written_before_a_field_was_added() -> None:
    subscription = in_status(Status.TRIALING)
    state = state_to_json(subscription)
    del state["recent_tries"], state["charge_tries"], state["add_ons"]
    assert state_from_json(state) == subscription


@settings(deadline=None)
@given(MOMENTS)
def test_a_moment_reads_the_same_to_the_second(at: datetime) -> None:
    assert datetime.fromisoformat(rfc3339(at)) == at.replace(microsecond=0)


def test_due_times_are_in_utc() -> None:
    at = datetime(2026, 3, 2, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert due_to_json(Due(at, Action.CONVERT, "the trial ends")) == {
        "at": "2026-03-01T23:30:00Z",
        "action": "convert",
        "why": "the trial ends",
    }
    assert rfc3339(at.astimezone(UTC)) == rfc3339(at)
