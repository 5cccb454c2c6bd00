"""Features, meters, limits, overage and upgrade paths as operators write them, and what is reported about mistakes."""

import pytest

from configuration.catalog_file import load_catalog
from configuration.catalog_summary import check_catalog
from configuration.yaml_source import ConfigurationError
from domain.catalog.features import FeatureKind, LimitRule, Overage, UsageWindow
from domain.money import Money
from tests.configuration.conftest import Written

GOOD = """\
product: shop
version: 1
currency: usd
limits:
  default: {warn: 70%, mails: [95%], hard: 120%, grace_days: 3, status: 402}
  hard: {mails: [], hard: 100%}
  open: {hard: never}
features:
  seats: {name: Seats, kind: number, gauge: true, limit: hard}
  posts_a_day: {name: Posts a day, kind: number, per: day, meter: posts, limit: hard}
  posts_a_week: {name: Posts a week, kind: number, per: week, meter: posts}
  runs: {name: Runs, kind: number, per: billing_period}
  clicks: {name: Clicks, kind: number, per: month, limit: open}
  projects: {name: Projects, kind: number, per_unit: true}
  rate: {name: Rate, kind: rate}
plans:
  free:
    name: Free
    prices: free
    entitlements: {seats: 1, posts_a_day: 1, posts_a_week: 2, runs: 10, clicks: 0, projects: 1, rate: x1}
  pro:
    name: Pro
    prices: {month: 49, year: 490}
    entitlements: {seats: 5, posts_a_day: 3, posts_a_week: 9, runs: 100, clicks: 9, projects: 2, rate: x5}
    overage:
      runs: {price: 0.5, units: 10, at_most: 500}
      posts_a_week: {price: 1}
    upgrades_to: [max]
  max:
    name: Max
    prices: {month: 99}
    entitlements: {seats: 9, posts_a_day: 9, posts_a_week: unlimited, runs: 500, clicks: 9, projects: 2, rate: x10}
    upgrades_to: [pro]
"""

NO_CODE = "must be lower-case letters, digits and _, start with a letter, and have at most 40 characters"
MISTAKES: dict[str, tuple[str, str, str]] = {
    "a hint beyond the limit": (
        "warn: 70%",
        "warn: 101%",
        "5: limits.default.warn: must be at most 100%: beyond that a hint comes too late",
    ),
    "a share without percent": (
        "warn: 70%",
        "warn: 70",
        "5: limits.default.warn: must be a share of the limit in whole percent, like 80%, not 70",
    ),
    "a share of nothing": (
        "[95%]",
        "[0%]",
        "5: limits.default.mails.0: must be a share of the limit in whole percent, like 80%, not '0%'",
    ),
    "mails that go down": (
        "[95%]",
        "[95%, 90%]",
        "5: limits.default.mails: must be in ascending order, without repetition",
    ),
    "a mail where use never comes": (
        "[95%]",
        "[95%, 130%]",
        "5: limits.default.mails: usage never reaches 130%: it is refused beyond 120%",
    ),
    "a refusal below the limit": (
        "hard: 120%",
        "hard: 99%",
        "5: limits.default.hard: must be at least 100%, or never: below that the limit itself could not be reached",
    ),
    "grace where there is none": (
        "{mails: [], hard: 100%}",
        "{mails: [], hard: 100%, grace_days: 7}",
        "6: limits.hard.grace_days: there is no grace when usage is refused at 100%: raise `hard`",
    ),
    "no grace where there must be some": (
        "grace_days: 3",
        "grace_days: 0",
        "5: limits.default.grace_days: must be at least 1 when usage may continue beyond 100%",
    ),
    "a grace of years": (
        "grace_days: 3",
        "grace_days: 366",
        "5: limits.default.grace_days: must be at most 365, not 366",
    ),
    "another status": ("status: 402", "status: 403", "5: limits.default.status: must be 429 or 402, not 403"),
    "a misspelt key of a rule": (
        "hard: 120%",
        "hrad: 120%",
        "5: limits.default.hrad: unknown key; did you mean 'hard'?",
    ),
    "a rule's name with capitals": (
        "  open:",
        "  Open:",
        f"7: limits.Open: {NO_CODE}",
    ),
    "a rule that is not there": (
        "limit: open",
        "limit: opn",
        "13: features.clicks.limit: there is no such rule under 'limits'; did you mean 'open'?",
    ),
    "another window": (
        "per: day",
        "per: hour",
        "10: features.posts_a_day.per: must be 'day', 'week', 'month', 'billing_period' or 'gauge', not 'hour'",
    ),
    "a gauge as a window": (
        "per: day",
        "per: gauge",
        "10: features.posts_a_day.per: must be a time span; for a current amount, write `gauge: true`",
    ),
    "both a gauge and per time": (
        "gauge: true",
        "gauge: true, per: day",
        "9: features.seats.gauge: a feature is either counted per time span or a gauge, not both",
    ),
    "a meter of what is not counted": (
        "per_unit: true",
        "meter: things",
        "14: features.projects.meter: usage is not counted: add `per: month` (or another time span) or `gauge: true`",
    ),
    "a multiplier that is counted": (
        "kind: rate",
        "kind: rate, per: day",
        "15: features.rate.per: a rate is not counted: only numbers can have this",
    ),
    "a meter with capitals": (
        "per: billing_period",
        "per: billing_period, meter: Runs",
        f"12: features.runs.meter: {NO_CODE}",
    ),
    "a gauge and a counter by one meter": (
        "per: billing_period",
        "per: billing_period, meter: seats",
        (
            "12: features.runs.meter: 'seats' counts this meter differently: a gauge shares its meter with no other "
            "feature"
        ),
    ),
    "two counts of the same over the same time": (
        "per: month, limit: open",
        "per: week, meter: posts, limit: open",
        "13: features.clicks.meter: 'posts_a_week' counts the same meter over the same time: one of them is enough",
    ),
    "a meter by the name of a feature of another": (
        "per: week, meter: posts",
        "per: week, meter: posts_a_day",
        (
            "11: features.posts_a_week.meter: 'posts_a_day' is a feature that does not use this meter: give the meter "
            "another name"
        ),
    ),
    "a meter by the name of what is not counted": (
        "per: billing_period",
        "per: billing_period, meter: rate",
        "12: features.runs.meter: 'rate' is a feature that does not use this meter: give the meter another name",
    ),
    "a multiplier without its x": (
        "rate: x5",
        "rate: 5",
        "24: plans.pro.entitlements.rate: must be a multiplier like x5, not 5",
    ),
    "more than can be counted": (
        "runs: 100,",
        "runs: 1000000000001,",
        "24: plans.pro.entitlements.runs: must be at most 1000000000000, or unlimited, not 1000000000001",
    ),
    "overage of nothing there is": (
        "      posts_a_week: {price: 1}",
        "      posts: {price: 1}",
        "27: plans.pro.overage.posts: is not counted; did you mean 'posts_a_day'?",
    ),
    "overage of a gauge": (
        "      posts_a_week: {price: 1}",
        "      seats: {price: 1}",
        "27: plans.pro.overage.seats: is a gauge: sell more of it as an add-on; overage needs `per`",
    ),
    "overage of a number that is not counted": (
        "      posts_a_week: {price: 1}",
        "      projects: {price: 1}",
        "27: plans.pro.overage.projects: is not counted: add `per: month` (or another time span) to its declaration",
    ),
    "overage twice of one meter": (
        "      posts_a_week: {price: 1}",
        "      posts_a_week: {price: 1}\n      posts_a_day: {price: 1}",
        (
            "28: plans.pro.overage.posts_a_day: 'posts_a_week' counts the same meter, and its overage is already "
            "billed: customers would pay twice"
        ),
    ),
    "overage of what is unlimited": (
        "runs: 100,",
        "runs: unlimited,",
        "26: plans.pro.overage.runs: is unlimited on this plan: there is no overage",
    ),
    "overage of what is not in the plan": (
        "runs: 100,",
        "runs: 0,",
        "26: plans.pro.overage.runs: is not included in this plan: give it a number first",
    ),
    "an end below one sale": (
        "at_most: 500",
        "at_most: 9",
        "26: plans.pro.overage.runs.at_most: must be at least 10, the number sold together",
    ),
    "no units": ("units: 10", "units: 0", "26: plans.pro.overage.runs.units: must be at least 1, not 0"),
    "an upgrade to itself": (
        "upgrades_to: [max]",
        "upgrades_to: [pro]",
        "28: plans.pro.upgrades_to.0: is the same plan; known: max",
    ),
    "an upgrade to nowhere": (
        "upgrades_to: [max]",
        "upgrades_to: [mx]",
        "28: plans.pro.upgrades_to.0: no plan 'mx'; did you mean 'max'?",
    ),
    "an upgrade to the free plan": (
        "upgrades_to: [max]",
        "upgrades_to: [free]",
        "28: plans.pro.upgrades_to.0: 'free' is free: it is not an upgrade",
    ),
    "an upgrade twice": (
        "upgrades_to: [max]",
        "upgrades_to: [max, max]",
        "28: plans.pro.upgrades_to.1: 'max' is listed twice",
    ),
    "a trial of what is free": (
        "prices: free",
        "prices: free\n    trial_days: 14",
        "20: plans.free.trial_days: a free plan has no trial: remove this, or give the plan prices",
    ),
    "a plan by the name of a page": (
        "  max:",
        "  compare:",
        "29: plans.compare: /v1/plans/compare is another page: use another code",
    ),
    "codes that differ by a _": (
        "  clicks:",
        "  run_s:",
        "13: features.run_s: differs from 'runs' only by _: the two would be confused",
    ),
    "two features of one name": (
        "name: Clicks",
        "name: RUNS",
        "13: features.clicks.name: 'runs' already has this name: customers could not tell the two apart",
    ),
}


def and_all_of(text: str, code: str, other: str) -> str:
    """The file with a code changed wherever it stands, so that nothing else is wrong with it."""
    return text.replace(f"{code}:", f"{other}:").replace(f"[{code}]", f"[{other}]")


@pytest.mark.parametrize(("right", "wrong", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_reported_with_its_line_and_place(written: Written, right: str, wrong: str, message: str) -> None:
    assert right in GOOD
    text = GOOD.replace(right, wrong, 1)
    if right.endswith(":"):
        text = and_all_of(text, right.strip(" :"), wrong.strip(" :"))
    with pytest.raises(ConfigurationError) as refused:
        load_catalog(written(text))
    assert str(refused.value).splitlines() == [f"file.yaml:{message}"]


def test_a_free_plan_has_no_billed_overage(written: Written) -> None:
    text = GOOD.replace("prices: free", "prices: free\n    overage: {runs: {price: 1}}")
    with pytest.raises(ConfigurationError) as refused:
        load_catalog(written(text))
    assert str(refused.value) == (
        "file.yaml:20: plans.free.overage.runs: a free plan is never billed: give the plan prices"
    )


# As the overage of `runs` on pro is named, and as it is named of all plans.
@pytest.mark.parametrize("code", ["pro_runs_overage", "runs_overage"])
def test_no_code_may_equal_the_name_of_overage_at_the_provider(written: Written, code: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_catalog(written(and_all_of(GOOD, "max", code)))
    assert str(refused.value) == (
        f"file.yaml:26: plans.pro.overage.runs: a plan or add-on has the name {code!r} at the payment provider "
        "too: use another code"
    )


def test_upgrade_paths_may_be_circular(written: Written) -> None:
    plans = load_catalog(written(GOOD)).plans
    assert [plans[code].upgrades_to for code in ("free", "pro", "max")] == [None, ("max",), ("pro",)]


def test_a_counted_feature_uses_its_own_rule_or_the_default(written: Written) -> None:
    features = load_catalog(written(GOOD)).features
    default = LimitRule(warn=70, mails=(95,), hard=120, grace_days=3, is_for_sale=True)
    assert {code: features[code].limit for code in ("seats", "posts_a_week", "runs", "clicks")} == {
        "seats": LimitRule(mails=(), hard=100, grace_days=0),
        "posts_a_week": default,
        "runs": default,
        "clicks": LimitRule(hard=None),
    }


def test_a_file_without_rules_has_the_soft_limit(written: Written) -> None:
    start, end = GOOD.index("limits:"), GOOD.index("features:")
    text = (GOOD[:start] + GOOD[end:]).replace(", limit: hard", "").replace(", limit: open", "")
    assert {feature.limit for feature in load_catalog(written(text)).features.values()} == {LimitRule()}


def test_features_say_how_they_are_counted(written: Written) -> None:
    catalog = load_catalog(written(GOOD))
    assert [(one.code, one.kind, one.window, one.meter, one.per_unit) for one in catalog.features.values()] == [
        ("seats", FeatureKind.NUMBER, UsageWindow.GAUGE, "seats", False),
        ("posts_a_day", FeatureKind.NUMBER, UsageWindow.DAY, "posts", False),
        ("posts_a_week", FeatureKind.NUMBER, UsageWindow.WEEK, "posts", False),
        ("runs", FeatureKind.NUMBER, UsageWindow.BILLING_PERIOD, "runs", False),
        ("clicks", FeatureKind.NUMBER, UsageWindow.MONTH, "clicks", False),
        ("projects", FeatureKind.NUMBER, None, "", True),
        ("rate", FeatureKind.RATE, None, "", False),
    ]
    assert catalog.plans["pro"].overage == {
        "runs": Overage(Money(50, "usd"), 10, 500),
        "posts_a_week": Overage(Money(100, "usd"), 1, None),
    }


def test_limits_overage_and_upgrades_are_described_in_words(written: Written) -> None:
    lines = [line.strip() for line in check_catalog(written(GOOD)).splitlines()]
    for told in (
        "Seats: 5; Posts a day: 3; Posts a week: 9; Runs: 100; Clicks: 9; Projects: 2 a unit; Rate: x5",
        "beyond the limit Runs cost $0.50 for each 10, 500 more at most",
        "beyond the limit Posts a week cost $1.00 each",
        "upgrades to max",
        "seats: Seats, a current amount",
        "posts_a_day: Posts a day, counted by the day as posts",
        "runs: Runs, counted by the billing period",
        "projects: Projects, a number, not counted here",
        "rate: Rate, a multiplier of the product's own rate limits",
        "Seats, Posts a day: hint from 80%, no mails, refused beyond 100% with 429",
        "Posts a week, Runs: hint from 70%, mails at 95%, up to 120% for 3 days, refused beyond with 402",
        "Clicks: hint from 80%, mails at 90% and 100%, never refused",
    ):
        assert told in lines
