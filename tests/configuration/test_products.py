"""The catalogs of four products say what each product asks for: its plans, row by row."""

from collections.abc import Iterable
from functools import cache
from itertools import pairwise

import pytest

from configuration.catalog_file import load_catalog
from domain.catalog.comparison import ComparisonVerdict, side_by_side
from domain.catalog.features import HARD, FeatureKind, LimitRule, Overage, UsageWindow, Value
from domain.catalog.plans import Catalog, Interval
from domain.money import Money
from tests.harness.catalogs import CATALOGS

PRODUCTS = ("social", "attribution", "jobs", "manufacturing")


@cache
def catalog_of(product: str) -> Catalog:
    return load_catalog(CATALOGS / f"{product}.yaml")


def row(product: str, feature: str) -> list[Value]:
    """What the plans give of a feature, from the least plan to the most."""
    return [plan.entitlements[feature] for plan in catalog_of(product).plans.values()]


def counts(product: str, feature: str) -> list[int]:
    """Of how many values the plans' sets are."""
    return [len(value) for value in row(product, feature) if isinstance(value, tuple)]


def prices(product: str, interval: Interval) -> list[int | None]:
    plans = catalog_of(product).plans.values()
    return [plan.prices[interval].amount if interval in plan.prices else None for plan in plans]


def windows(product: str, features: Iterable[str]) -> list[UsageWindow | None]:
    return [catalog_of(product).features[code].window for code in features]


@pytest.mark.parametrize("product", PRODUCTS)
def test_every_plan_includes_what_the_plan_below_includes(product: str) -> None:
    catalog = catalog_of(product)
    plans = list(catalog.plans.values())
    for below, above in pairwise(plans):
        lines = side_by_side(catalog, below, above)
        assert [line.feature.code for line in lines if line.verdict is ComparisonVerdict.WORSE] == []
        assert any(line.verdict is ComparisonVerdict.BETTER for line in lines)


# ── A. Social media suite ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_sells_free_starter_pro_and_enterprise_by_month_and_year() -> None:
    assert list(catalog_of("social").plans) == ["free", "starter", "pro", "enterprise"]
    assert prices("social", Interval.MONTH) == [None, 2900, 7900, 19900]
    for month, year in zip(prices("social", Interval.MONTH), prices("social", Interval.YEAR), strict=True):
        assert (month is None and year is None) or (month and year and year < 12 * month)
    assert catalog_of("social").free_plan is not None


def test_a_gives_trials_of_14_days() -> None:
    assert [plan.trial_days for plan in catalog_of("social").plans.values()] == [None, 14, 14, 14]


@pytest.mark.parametrize(
    ("feature", "numbers"),
    [
        ("social_profiles", [1, 5, 25, 100]),
        ("images_per_month", [5, 10, 50, 200]),
        ("posts_per_day", [3, 5, 15, 50]),
    ],
)
def test_a_limits_profiles_images_and_posts(feature: str, numbers: list[int]) -> None:
    assert row("social", feature) == numbers


def test_a_counts_profiles_as_they_are_images_by_the_month_and_posts_by_the_day() -> None:
    assert windows("social", ["social_profiles", "images_per_month", "posts_per_day"]) == [
        UsageWindow.GAUGE,
        UsageWindow.MONTH,
        UsageWindow.DAY,
    ]


def test_a_counts_a_post_for_its_day_and_for_its_week_at_once() -> None:
    features = catalog_of("social").features
    assert features["posts_per_day"].meter == features["posts_per_week"].meter == "posts"
    assert features["posts_per_week"].window is UsageWindow.WEEK
    for day, week in zip(row("social", "posts_per_day"), row("social", "posts_per_week"), strict=True):
        # A week's limit that seven days could not reach would say nothing; one below a day's would take it back.
        assert isinstance(day, int)
        assert isinstance(week, int)
        assert day < week < 7 * day


def test_a_limits_users_and_workspaces_as_they_are() -> None:
    assert windows("social", ["users", "workspaces"]) == [UsageWindow.GAUGE, UsageWindow.GAUGE]
    assert row("social", "users")[0] == row("social", "workspaces")[0] == 1


def test_a_opens_2_4_6_and_7_platforms() -> None:
    assert counts("social", "platforms") == [2, 4, 6, 7]


def test_a_gives_basic_basic_premium_and_all_image_models() -> None:
    assert row("social", "image_models") == [
        ("grok2_basic",),
        ("grok2_basic",),
        ("grok2_basic", "grok2_premium"),
        ("grok2_basic", "grok2_premium", "dalle3", "gpt_image_1"),
    ]


def test_a_makes_images_of_draft_standard_and_premium_quality() -> None:
    assert catalog_of("social").features["image_quality"].values == ("draft", "standard", "premium")
    assert row("social", "image_quality") == ["draft", "standard", "premium", "premium"]


@pytest.mark.parametrize(
    ("switch", "given"),
    [
        ("auto_posting", [False, True, True, True]),
        ("bulk_operations", [False, False, True, True]),
        ("advanced_analytics", [False, False, True, True]),
    ],
)
def test_a_has_auto_posting_from_starter_bulk_operations_and_analytics_from_pro(switch: str, given: list[bool]) -> None:
    assert row("social", switch) == given


@pytest.mark.parametrize(
    "switch",
    [
        "full_ai",
        "premium_ai_models",
        "enhanced_autopilot",
        "ai_inbox",
        "crm_integration",
        "predictive_analytics",
        "white_label",
    ],
)
def test_a_has_switches_that_the_greatest_plan_turns_on_and_the_free_one_does_not(switch: str) -> None:
    assert catalog_of("social").features[switch].kind is FeatureKind.SWITCH
    assert (row("social", switch)[0], row("social", switch)[-1]) == (False, True)


def test_a_answers_429_where_a_limit_is_reached() -> None:
    counted = [one for one in catalog_of("social").features.values() if one.window is not None]
    assert len(counted) == 6
    assert {(one.limit.is_for_sale, one.limit.hard) for one in counted} == {(False, 100)}


# ── B. Attribution analytics ───────────────────────────────────────────────────────────────────────────────────────


def test_b_sells_free_pro_and_scale() -> None:
    assert list(catalog_of("attribution").plans) == ["free", "pro", "scale"]
    assert prices("attribution", Interval.MONTH) == [None, 4900, 19900]
    assert catalog_of("attribution").free_plan is not None


def test_b_limits_runs_a_month() -> None:
    assert row("attribution", "runs_per_month") == [100, 5000, 25000]
    # From bill to bill, which are a month apart: nothing is sold by the year.
    assert windows("attribution", ["runs_per_month"]) == [UsageWindow.BILLING_PERIOD]
    assert set(prices("attribution", Interval.YEAR)) == {None}


def test_b_gives_1_3_and_10_models() -> None:
    assert counts("attribution", "attribution_models") == [1, 3, 10]


def test_b_exports_from_pro() -> None:
    assert row("attribution", "export") == [False, True, True]


def test_b_looks_back_60_days_from_pro() -> None:
    free, *paid = row("attribution", "attribution_window_days")
    assert paid == [60, 60]
    assert isinstance(free, int)
    assert free < 60


def test_b_bills_overage_on_scale_alone() -> None:
    overage = [dict(plan.overage) for plan in catalog_of("attribution").plans.values()]
    assert overage == [{}, {}, {"runs_per_month": Overage(Money(100, "usd"), units=100, at_most=75_000)}]


def test_b_hints_at_80_mails_at_90_and_100_and_refuses_beyond_110_with_402_after_7_days_of_grace() -> None:
    rule = catalog_of("attribution").features["runs_per_month"].limit
    assert rule == LimitRule(warn=80, mails=(90, 100), hard=110, grace_days=7, is_for_sale=True)


# ── C. Job platform ────────────────────────────────────────────────────────────────────────────────────────────────


def test_c_sells_free_pro_and_enterprise_and_free_is_the_default() -> None:
    assert list(catalog_of("jobs").plans) == ["free", "pro", "enterprise"]
    assert prices("jobs", Interval.MONTH) == [None, 1999, 9999]
    free = catalog_of("jobs").free_plan
    assert free is not None
    assert free.plan == "free"


@pytest.mark.parametrize(
    ("feature", "numbers"),
    [
        ("jobs_per_month", [10, 500, None]),
        ("storage_mb", [100, 10_000, None]),
        ("api_calls_per_day", [100, 10_000, None]),
        ("rate_limit", [1, 5, 10]),
    ],
)
def test_c_limits_jobs_storage_and_calls_and_multiplies_rates(feature: str, numbers: list[int | None]) -> None:
    assert row("jobs", feature) == numbers


def test_c_counts_jobs_calls_and_compute_minutes_by_the_month_of_the_calendar() -> None:
    quotas = ["jobs_per_month", "api_calls_per_month", "compute_minutes_per_month"]
    assert windows("jobs", quotas) == [UsageWindow.MONTH] * 3
    assert windows("jobs", ["storage_mb", "api_calls_per_day"]) == [UsageWindow.GAUGE, UsageWindow.DAY]
    assert row("jobs", "compute_minutes_per_month")[-1] is None


def test_c_counts_a_call_for_its_day_and_for_its_month_and_the_day_is_met_first() -> None:
    features = catalog_of("jobs").features
    assert features["api_calls_per_day"].meter == features["api_calls_per_month"].meter == "api_calls"
    days, months = row("jobs", "api_calls_per_day")[:2], row("jobs", "api_calls_per_month")[:2]
    assert months == [31 * day for day in days if isinstance(day, int)]


def test_c_answers_402_over_quota() -> None:
    counted = [one for one in catalog_of("jobs").features.values() if one.window is not None]
    assert len(counted) == 5
    assert {(one.limit.is_for_sale, one.limit.hard) for one in counted} == {(True, 100)}


def test_c_has_switches() -> None:
    switches = [one.code for one in catalog_of("jobs").features.values() if one.kind is FeatureKind.SWITCH]
    assert switches
    for switch in switches:
        assert (row("jobs", switch)[0], row("jobs", switch)[-1]) == (False, True)


# ── D. Manufacturing platform ──────────────────────────────────────────────────────────────────────────────────────


def test_d_sells_starter_professional_and_enterprise_by_month_and_by_year_for_a_tenth_less() -> None:
    assert list(catalog_of("manufacturing").plans) == ["starter", "professional", "enterprise"]
    assert prices("manufacturing", Interval.MONTH) == [4900, 19900, 99900]
    assert prices("manufacturing", Interval.YEAR) == [52920, 214920, 1078920]
    assert catalog_of("manufacturing").free_plan is None


@pytest.mark.parametrize(
    ("feature", "numbers"),
    [("users", [3, 25, None]), ("plants", [1, 5, None]), ("storage_gb", [10, 100, None])],
)
def test_d_limits_users_plants_and_storage_as_they_are(feature: str, numbers: list[int | None]) -> None:
    assert row("manufacturing", feature) == numbers
    assert windows("manufacturing", [feature]) == [UsageWindow.GAUGE]


def test_d_sells_a_user_for_5_a_plant_for_25_and_a_gb_for_half_a_dollar() -> None:
    add_ons = catalog_of("manufacturing").add_ons.values()
    assert {one.code: (one.prices[Interval.MONTH].amount, dict(one.adds)) for one in add_ons} == {
        "users": (500, {"users": 1}),
        "plants": (2500, {"plants": 1}),
        "storage_gb": (50, {"storage_gb": 1}),
    }
    assert [one.prices[Interval.YEAR].amount for one in add_ons] == [5400, 27000, 540]


@pytest.mark.parametrize(
    ("switch", "given"),
    [
        ("custom_fields", [False, True, True]),
        ("workflows", [False, True, True]),
        ("white_label", [False, False, True]),
    ],
)
def test_d_has_custom_fields_and_workflows_not_on_starter_and_white_labelling_on_enterprise_only(
    switch: str, given: list[bool]
) -> None:
    assert row("manufacturing", switch) == given


def test_d_lets_nobody_have_more_users_and_plants_than_the_limit() -> None:
    features = catalog_of("manufacturing").features
    for code in ("users", "plants"):
        assert (features[code].limit.hard, features[code].limit.grace_days) == (HARD.hard, HARD.grace_days)
    assert features["storage_gb"].limit == LimitRule()
