"""Entitlement checks at fixed times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.billing_pages.usage_bars import bars_of, reached_limits
from api.entitlements.check import EntitlementCheck
from domain.access import Basis
from domain.catalog.features import Feature, FeatureKind, Value
from domain.catalog.plans import Catalog, Interval
from domain.entitlements.grants import EntitlementBasis
from domain.entitlements.snapshot import Denial, EntitlementSnapshot, refusing
from domain.entitlements.usage import Counter, Tally
from domain.entitlements.usage_periods import period
from domain.entitlements.usage_texts import hint
from domain.errors import LimitReached
from domain.formatting import moment
from tests.harness.shop import CATALOG

WEDNESDAY = datetime(2026, 3, 4, 15, tzinfo=UTC)
TOMORROW, NEXT_WEEK = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)
FREE = EntitlementBasis(WEDNESDAY, Basis.FREE_PLAN, plan="free", catalog=CATALOG.name)
SSO = Feature("sso", "SSO", FeatureKind.SWITCH)


def on(plan: str, **more: Any) -> EntitlementBasis:
    """The basis of a paying subscriber."""
    told: dict[str, Any] = {"basis": Basis.PLAN, "subscription": "s", "status": "active", "access": "full"}
    told |= {"own_plan": plan, "plan": plan, "is_billed": True, "billed_every": Interval.MONTH}
    told["by_use"] = tuple(CATALOG.overage_key(plan, code, Interval.MONTH) for code in CATALOG.plans[plan].overage)
    return replace(FREE, **(told | more))


def holding(standing: EntitlementBasis = FREE, today: Catalog = CATALOG, **used: int) -> EntitlementSnapshot:
    """The snapshot of a customer with this usage."""
    tallies = []
    for feature, much in used.items():
        window = CATALOG.features[feature].window
        assert window is not None
        now = period(window, standing)
        tallies.append(Tally(feature, much, now.starts, None))
    return EntitlementSnapshot(standing, CATALOG, today, tuple(tallies))


def asked(
    held: EntitlementSnapshot, feature: str, quantity: int | None = None, value: str | None = None
) -> dict[str, Any]:
    """The result of a check."""
    return EntitlementCheck("ada", held, held.features[feature], quantity, value).entitlement().model_dump(mode="json")


def plans(answer: dict[str, Any]) -> list[str]:
    return [one["code"] for one in answer["plans"]]


def next_version(**entitlements: Value) -> Catalog:
    """Today's catalog: plan pro differs, and every plan has SSO."""
    given: dict[str, dict[str, Value]] = {
        code: {**plan.entitlements, "sso": True} for code, plan in CATALOG.plans.items()
    }
    given["pro"] |= entitlements
    changed = {code: replace(plan, entitlements=given[code]) for code, plan in CATALOG.plans.items()}
    return replace(CATALOG, version=2, plans=changed, features={**CATALOG.features, "sso": SSO})


def test_of_two_reached_limits_the_one_that_lasts_longer_is_reported() -> None:
    held = holding(posts_a_day=2, posts_a_week=3)
    feature = held.features["posts_a_day"]

    found = held.refusing(feature, 1, Denial.LIMIT_REACHED)

    assert found is not None
    assert (found.feature, found.ends) == ("posts_a_week", NEXT_WEEK)
    refusal = EntitlementCheck("ada", held, held.features[found.feature], 1).refusal(Denial.LIMIT_REACHED, found)
    assert isinstance(refusal, LimitReached)
    assert refusal.retry_after == (NEXT_WEEK - WEDNESDAY).total_seconds()


def test_gauges_and_more_than_a_whole_period_count_as_blocked_the_longest() -> None:
    day = Counter("day", 5, 5, 5, 5, WEDNESDAY, TOMORROW)
    small = replace(day, feature="small", included=3, ceiling=3, used=0)
    gauge = replace(day, feature="gauge", starts=None, ends=None)

    assert refusing((day, gauge), 1, Denial.LIMIT_REACHED) == gauge
    assert refusing((day, small), 4, Denial.LIMIT_REACHED) == small
    assert refusing((day, small), 1, Denial.LIMIT_REACHED) == day
    assert refusing((small,), 3, Denial.LIMIT_REACHED) is None
    assert refusing((day, replace(day, included=0)), 1, Denial.NOT_IN_PLAN) == replace(day, included=0)


def test_a_denied_check_names_the_limit_that_blocks_it() -> None:
    told = asked(holding(posts_a_week=3), "posts_a_day")

    assert (told["allowed"], told["reason"], told["limited_by"]) == (False, "limit_reached", "posts_a_week")
    assert told["detail"].startswith("Posts a week: 3 of 3 used this week")
    assert (told["used"], told["limit"]) == (0, 2), "the numbers are of what was asked for"
    assert [(one["plan"], one["limit"]) for one in told["upgrades"]] == [("pro", 50), ("scale", 500)]
    assert asked(holding(posts_a_week=3), "posts_a_week")["limited_by"] is None
    assert asked(holding(posts_a_week=2), "posts_a_day")["limited_by"] is None


@pytest.mark.parametrize(
    ("used", "nearest"),
    [
        # Less is left of the day, but a larger share of the week is used.
        ({"posts_a_day": 3, "posts_a_week": 41}, "posts_a_week"),
        ({"posts_a_day": 8, "posts_a_week": 39}, "posts_a_day"),
        ({"posts_a_day": 12, "posts_a_week": 55}, "posts_a_day"),
    ],
)
def test_the_hint_is_about_the_feature_nearest_to_its_limit(used: dict[str, int], nearest: str) -> None:
    held = holding(on("pro"), CATALOG, **used)
    counters = tuple(held.counter(held.features[one]) for one in used)

    told = EntitlementCheck("ada", held, held.features["posts_a_day"], 1).consumed(counters, "k")

    assert held.nearest(counters) == held.counter(held.features[nearest])
    assert told.hint is not None
    assert told.hint.startswith(held.features[nearest].name)


def test_a_hard_limit_counts_as_nearer_than_one_with_overage() -> None:
    counters = [Counter("calls", 60, 80, 70, 70, None, None), Counter("seats", 10, 10, 10, 10, None, None)]
    nearest = holding(on("scale")).nearest(counters)
    assert nearest is not None
    assert nearest.feature == "seats"


def test_unlimited_and_excluded_features_are_never_near_a_limit() -> None:
    held = holding(on("scale"))
    runs, calls = (held.counter(held.features[one]) for one in ("runs", "calls"))
    assert runs.included is None
    assert held.nearest((runs, calls)) == calls
    assert held.nearest((runs,)) == runs
    assert held.nearest(()) is None


def test_a_refusal_lists_the_plans_that_would_allow_it() -> None:
    assert plans(asked(holding(on("pro"), seats=3), "seats")) == ["scale"], "their own is used up"
    assert plans(asked(holding(calls=3), "calls", 48)) == ["scale"]
    assert plans(asked(holding(calls=3), "calls", 58)) == []
    assert plans(asked(holding(), "rate", 6)) == ["scale"]
    assert plans(asked(holding(), "window_days", 60)) == ["pro", "scale"]
    assert plans(asked(holding(), "jobs", 6)) == ["scale"]
    assert "it is in Pro, Scale" in asked(holding(), "jobs", 6)["detail"]
    refusal = EntitlementCheck("ada", holding(calls=3), CATALOG.features["calls"], 48).refusal(
        Denial.LIMIT_REACHED, holding(calls=3).counter(CATALOG.features["calls"])
    )
    assert [one["code"] for one in refusal.details["plans"]] == ["scale"]  # type: ignore[attr-defined]


def test_an_allowed_check_lists_the_plans_that_include_it() -> None:
    assert plans(asked(holding(calls=2), "calls")) == ["free", "pro", "scale"]
    assert plans(asked(holding(on("pro")), "models", value="dalle3")) == ["pro", "scale"]
    assert plans(asked(holding(on("pro")), "calls", 50)) == ["pro", "scale"]


def test_only_plans_with_a_sufficient_rate_are_suggested() -> None:
    told = asked(holding(), "rate", 6)

    assert [one["plan"] for one in told["upgrades"]] == ["scale"]
    assert told["detail"] == "Rate (x6) is not in the plan Free; it is in Scale"


def test_subscribers_of_an_older_plan_version_are_offered_todays() -> None:
    told = asked(holding(on("scale"), next_version()), "sso")

    assert told["detail"] == "SSO is not in the plan Scale; it is in Free, Pro, today's version of Scale"
    assert [(one["plan"], one["price_difference"]) for one in told["upgrades"]] == [("scale", 0)]


def test_todays_version_of_the_own_plan_comes_first_if_it_has_more() -> None:
    more = asked(holding(on("pro"), next_version(calls=55), calls=50), "calls")
    same = asked(holding(on("pro"), next_version(), calls=50), "calls")

    assert [(one["plan"], one["limit"]) for one in more["upgrades"]] == [("pro", 55), ("scale", 60)]
    assert [one["plan"] for one in same["upgrades"]] == ["scale"]
    refusal = EntitlementCheck(
        "ada", holding(on("pro"), next_version(calls=55), calls=50), CATALOG.features["calls"], 1
    )
    said = refusal.refusal(Denial.LIMIT_REACHED, refusal.snapshot.counter(refusal.feature)).message
    assert said.endswith("; with today's version of Pro it is 55")


def test_overage_is_shown_where_usage_beyond_the_limit_is_sold() -> None:
    trial = on("scale", status="trialing", is_billed=False)

    assert asked(holding(on("scale")), "jobs")["overage"] == {
        "amount": 200,
        "currency": "usd",
        "units": 10,
        "at_most": None,
    }
    assert asked(holding(trial), "jobs")["overage"] is None
    assert asked(holding(on("scale")), "runs")["overage"] is None


def test_a_denied_check_says_how_a_use_is_refused_and_when_it_would_be_allowed() -> None:
    by_money = asked(holding(on("pro"), jobs=5), "jobs")
    by_time = asked(holding(posts_a_week=3), "posts_a_day")
    too_much = asked(holding(calls=3), "calls", quantity=4)
    not_sold = asked(holding(), "jobs")
    allowed = asked(holding(), "calls")

    assert by_money["refusal_status"] == 402
    assert (by_time["refusal_status"], by_time["retry_at"]) == (429, "2026-03-09T00:00:00Z"), "of the week that blocks"
    assert (too_much["refusal_status"], too_much["retry_at"]) == (429, None), "more than a whole day has"
    assert (not_sold["refusal_status"], not_sold["retry_at"]) == (403, None)
    assert (allowed["refusal_status"], allowed["retry_at"]) == (None, None)


def test_the_own_plan_is_listed_even_during_grace() -> None:
    told = asked(holding(replace(FREE, moment=WEDNESDAY + timedelta(hours=1)), runs=10), "runs")

    assert (told["allowed"], told["level"]) == (True, "grace")
    assert plans(told) == ["free", "pro", "scale"]


@pytest.mark.parametrize(
    ("reached", "ends"),
    [
        pytest.param(datetime(2026, 3, 24, 23, 59, tzinfo=UTC), datetime(2026, 3, 31, 23, 59, tzinfo=UTC), id="before"),
        pytest.param(datetime(2026, 3, 25, tzinfo=UTC), None, id="with it"),
        pytest.param(datetime(2026, 3, 28, 9, tzinfo=UTC), None, id="after"),
    ],
)
def test_grace_has_an_end_only_where_that_comes_before_the_reset(reached: datetime, ends: datetime | None) -> None:
    """The check, the billing page and the hint to the customer say so alike."""
    held = holding(replace(FREE, moment=datetime(2026, 3, 29, tzinfo=UTC)), runs=10)
    held = replace(held, tallies=(replace(held.tallies[0], over_since=reached),))
    runs = held.features["runs"]
    counter = held.counter(runs)

    found = asked(held, "runs")
    bar = next(one for one in bars_of(held) if one.code == "runs")
    told = hint(counter, runs, held.level(counter, runs))

    assert found["grace_ends_at"] == (ends.isoformat().replace("+00:00", "Z") if ends else None)
    assert (bar.level, bar.grace_ends_at, bar.ceiling) == ("grace", ends, 11)
    assert [one.grace_ends_at for one in reached_limits([bar])] == ([ends] if ends else [])
    until = f" until {moment(ends)}" if ends else "; it resets at 2026-04-01T00:00:00Z"
    assert told is not None
    assert told.endswith(f"; up to 11 are allowed{until}")
