"""What is sent again, when, and for how long."""

from typing import Any

import pytest

from tenure.client import (
    Conflict,
    Denied,
    Event,
    FeatureNotInPlan,
    LimitReached,
    Malformed,
    NotFound,
    Options,
    PaymentDeclined,
    PlanRequired,
    Refused,
    RetryPolicy,
    Unauthorized,
    Unavailable,
)
from tenure.client.errors import error_of
from tenure.client.requests import Answer, Reply
from tenure.client.subscription_operations import cancel, change_plan
from tenure.client.usage_operations import check, consume, entitlements, record
from tests.client.steps import GONE, Other, answer, entitlement, keys, problem, standing

COUNTED = {"feature": "images", "used": 1, "customer": "ada"}
SUBSCRIPTION = {
    "id": "s1",
    "customer": {"external_id": "ada"},
    "plan": "pro",
    "status": "active",
    "access": "full",
}


@pytest.mark.parametrize(
    "failed", [GONE, answer({}, 500), answer({}, 503), Answer(502, {}, b"<html>"), answer({}, 408)]
)
def test_a_question_that_got_no_answer_is_asked_again(failed: Reply) -> None:
    other = Other()

    found = other.carry_out(check(other.core, "ada", "ai_inbox"), failed, failed, answer(entitlement()))

    assert found.allowed
    assert len(other.waited) == 2


def test_a_use_keeps_the_key_that_was_made_for_it_over_all_its_tries() -> None:
    other = Other()

    other.carry_out(consume(other.core, "ada", "images"), GONE, GONE, answer(COUNTED))
    assert len(keys(other.sent)) == 1
    other.carry_out(consume(other.core, "ada", "images"), answer(COUNTED))

    assert len(keys(other.sent)) == 2
    assert None not in keys(other.sent)


def test_a_key_that_is_given_is_the_one_that_is_sent() -> None:
    other = Other()

    other.carry_out(consume(other.core, "ada", "images", key="image-1"), GONE, answer(COUNTED))
    other.carry_out(cancel(other.core, "s1", key="cancel-1"), GONE, answer(SUBSCRIPTION))

    assert keys(other.sent) == {"image-1", "cancel-1"}


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 413, 422])
def test_what_was_refused_is_never_asked_again(status: int) -> None:
    other = Other()

    with pytest.raises(Refused) as refusal:
        other.carry_out(consume(other.core, "ada", "images"), problem(status, "some_code"))

    assert (refusal.value.status, refusal.value.code) == (status, "some_code")


def test_a_limit_is_no_reason_to_ask_again_and_a_rate_limit_is() -> None:
    other = Other()
    with pytest.raises(LimitReached):
        other.carry_out(consume(other.core, "ada", "images"), problem(429, "limit_reached", retry_after=1))

    other.carry_out(consume(other.core, "ada", "images"), problem(429, "rate_limited"), answer(COUNTED))

    assert len(other.waited) == 1


@pytest.mark.parametrize("code", ["request_in_progress", "subscription_busy"])
def test_who_is_told_that_the_first_try_is_still_under_way_or_others_are_waits_for_it(code: str) -> None:
    other = Other()

    steps = change_plan(other.core, "s1", plan="pro")
    after = other.carry_out(steps, GONE, problem(409, code, retry_after=1), answer(SUBSCRIPTION))

    assert after.plan == "pro"
    assert other.waited[1] >= 1


def test_pauses_grow_and_are_left_to_chance_in_part() -> None:
    policy = RetryPolicy(total_timeout=100, attempts=10)
    pauses = [[policy.pause(Unavailable(""), tries, 100.0) or 0 for _ in range(50)] for tries in (1, 2, 3, 9)]

    for some, longest in zip(pauses, (0.1, 0.2, 0.4, 2.0), strict=True):
        assert longest / 2 <= min(some) < max(some) <= longest


def test_tenure_says_how_long_to_wait_at_least() -> None:
    other = Other()

    other.carry_out(check(other.core, "ada", "x"), problem(503, "away", retry_after=3), answer(entitlement()))

    assert other.waited == [3.0]


def test_who_is_asked_to_wait_longer_than_there_is_time_hears_of_it_at_once() -> None:
    other = Other(Options(quick=RetryPolicy(total_timeout=5)))

    with pytest.raises(Unavailable) as away:
        other.carry_out(check(other.core, "ada", "x"), problem(503, "database_unavailable", retry_after=30))

    assert away.value.retry_after == 30
    assert away.value.code == "database_unavailable"
    assert other.waited == []


def test_all_tries_together_have_their_time() -> None:
    other = Other(Options(quick=RetryPolicy(total_timeout=2.5, attempt_timeout=2, attempts=100)))
    # Waits of one second each: pauses of the client's own are left to chance.
    busy = problem(503, "away", retry_after=1)

    with pytest.raises(Unavailable, match="it is away"):
        other.carry_out(check(other.core, "ada", "x"), busy, busy, busy)

    assert other.waited == [1, 1]
    assert other.within == [2, 1.5, 0.5]


def test_tries_are_counted_too() -> None:
    other = Other(Options(quick=RetryPolicy(total_timeout=1000, attempts=3)))

    with pytest.raises(Unavailable):
        other.carry_out(check(other.core, "ada", "x"), GONE, GONE, GONE)


def test_commands_are_given_more_time_than_questions() -> None:
    other = Other()

    other.carry_out(check(other.core, "ada", "x"), answer(entitlement()))
    other.carry_out(cancel(other.core, "s1"), answer(SUBSCRIPTION))

    assert other.within == [2.0, 30.0]


def test_events_are_reported_by_the_thousand_and_each_keeps_its_key() -> None:
    other = Other()
    events = [Event("ada", "images", 1, f"image-{number}") for number in range(2500)]
    batch = {"counted": 999, "repeated": 1, "refused": 0, "results": [{"key": "image-1", "outcome": "counted"}]}

    done = other.carry_out(record(other.core, events), answer(batch), GONE, answer(batch), answer(batch))

    assert [len((call.body or {})["events"]) for call in other.sent] == [1000, 1000, 1000, 500]
    assert other.sent[1] == other.sent[2]
    assert (done.counted, done.repeated, done.refused, len(done.results)) == (2997, 3, 0, 3)


def test_a_result_has_the_key_that_was_sent_also_where_it_could_not_be_answered() -> None:
    other = Other()
    said = {
        "counted": 0,
        "repeated": 0,
        "refused": 1,
        "results": [{"key": None, "customer": None, "outcome": "refused"}],
    }

    done = other.carry_out(record(other.core, [Event("ada", "images", 1, "a\ud83d")]), answer(said))

    assert [(one.customer, one.key, one.outcome) for one in done.results] == [("ada", "a\ud83d", "refused")]


def test_nothing_to_report_is_not_reported() -> None:
    other = Other()

    assert other.carry_out(record(other.core, [])).results == ()


@pytest.mark.parametrize("said", [b"<html>", b"[]", b"null", b'{"customer": 1}', b'{"customer": "ada"}'])
def test_an_answer_that_is_not_tenures_is_no_answer(said: bytes) -> None:
    other = Other(Options(quick=RetryPolicy(attempts=1)))

    with pytest.raises(Unavailable) as error:
        other.carry_out(entitlements(other.core, "ada"), Answer(200, {}, said))

    assert error.value.code == "unreadable_answer"


def test_what_is_not_known_in_an_answer_is_passed_over() -> None:
    other = Other()
    said = standing(of_tomorrow={"a": 1}, entitlements={"ai_inbox": entitlement() | {"of_tomorrow": [1]}})

    found = other.carry_out(entitlements(other.core, "ada"), answer(said))

    assert found["ai_inbox"].allowed
    assert found.allows("ai_inbox")
    assert not found.allows("of_yesterday")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "feature_not_in_plan", FeatureNotInPlan),
        (429, "limit_reached", LimitReached),
        (402, "limit_reached", LimitReached),
        (402, "payment_declined", PaymentDeclined),
        (403, "plan_required", PlanRequired),
        (403, "forbidden", Unauthorized),
        (401, "unauthorized", Unauthorized),
        (404, "unknown_customer", NotFound),
        (409, "key_reused", Conflict),
        (422, "malformed", Malformed),
        (418, "teapot", Refused),
        (500, "", Unavailable),
    ],
)
def test_every_refusal_has_its_kind(status: int, code: str, kind: type[Exception]) -> None:
    assert type(error_of(status, {"code": code}, {})) is kind


def test_a_denial_carries_what_there_is_to_tell_the_customer() -> None:
    said: dict[str, Any] = {
        "code": "limit_reached",
        "detail": "all 5 images are used",
        "customer": "ada",
        "feature": "images_per_month",
        "plan": {"code": "free", "name": "Free", "catalog": "social_v1"},
        "used": 5,
        "limit": 5,
        "resets_at": "2026-12-01T00:00:00Z",
        "grace_ends_at": None,
        "plans": [{"code": "pro", "name": "Pro"}],
        "available": [],
        "upgrades": [{"plan": "pro", "name": "Pro", "price_difference": 7900, "limit": 50}],
    }

    error = error_of(429, said, {"retry-after": "60"})

    assert isinstance(error, LimitReached)
    assert isinstance(error, Denied)
    assert str(error) == "all 5 images are used"
    assert error.plan is not None
    assert (error.plan.code, error.used, error.limit, error.remaining) == ("free", 5, 5, None)
    assert (error.resets_at.month if error.resets_at else None, error.grace_ends_at) == (12, None)
    assert [(one.plan, one.price_difference) for one in error.upgrades] == [("pro", 7900)]
    assert [one.code for one in error.plans] == ["pro"]
    assert error.retry_after == 60


def test_a_denial_with_strange_members_is_still_told() -> None:
    error = error_of(
        429, {"code": "limit_reached", "used": "many", "plans": 7, "upgrades": [{}]}, {"retry-after": "soon"}
    )

    assert isinstance(error, LimitReached)
    assert (error.used, error.plans, error.upgrades, error.retry_after) == (None, (), (), None)
