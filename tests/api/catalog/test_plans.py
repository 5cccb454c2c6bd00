"""The catalog over HTTP: what each plan includes, and comparisons."""

from collections.abc import AsyncIterator

import pytest

from configuration.catalog_file import load_catalog
from sandbox.stack import Stack
from tests.harness.callers import Caller, fields_of, problem_of
from tests.harness.catalogs import CATALOGS, shipped_policy


@pytest.fixture(scope="module")
async def attribution(stack: Stack) -> AsyncIterator[Caller]:
    """Product B: it has a free plan, and overage."""
    catalog = load_catalog(CATALOGS / "attribution.yaml")
    async with (
        stack.under(shipped_policy(), catalog) as addresses,
        Caller.at(addresses.api_url, stack.addresses.admin_key) as caller,
    ):
        yield caller


async def test_a_plan_lists_what_it_includes_of_every_feature(admin: Caller) -> None:
    plan = (await admin.get("/v1/plans/starter")).json()

    assert list(plan["entitlements"]) == ["users", "plants", "storage_gb", "custom_fields", "workflows", "white_label"]
    assert plan["entitlements"]["storage_gb"] == {
        "feature": "storage_gb",
        "name": "Storage in GB",
        "kind": "number",
        "value": 10,
        "unlimited": False,
        "window": "gauge",
        "per_unit": False,
        "limits": {"warn": 80, "mails": [90, 100], "hard": 110, "grace_days": 7, "status": 429},
        "overage": None,
    }
    switch = plan["entitlements"]["workflows"]
    assert (switch["value"], switch["unlimited"], switch["window"], switch["limits"]) == (False, False, None, None)
    most = (await admin.get("/v1/plans/enterprise")).json()["entitlements"]["users"]
    assert (most["value"], most["unlimited"]) == (None, True)


async def test_features_are_listed_in_catalog_order(admin: Caller) -> None:
    told = (await admin.get("/v1/plans")).json()

    assert [(one["code"], one["kind"], one["window"], one["meter"]) for one in told["features"]] == [
        ("users", "number", "gauge", "users"),
        ("plants", "number", "gauge", "plants"),
        ("storage_gb", "number", "gauge", "storage_gb"),
        ("custom_fields", "switch", None, None),
        ("workflows", "switch", None, None),
        ("white_label", "switch", None, None),
    ]
    assert told["features"][0]["limits"] == {"warn": 80, "mails": [], "hard": 100, "grace_days": 0, "status": 429}
    assert [one["adds"] for one in told["add_ons"]] == [{"users": 1}, {"plants": 1}, {"storage_gb": 1}]


async def test_a_free_plan_has_no_trial(attribution: Caller) -> None:
    told = (await attribution.get("/v1/plans")).json()["data"]

    assert [(one["code"], one["trial_days"]) for one in told] == [("free", 0), ("pro", 14), ("scale", 14)]
    assert (await attribution.get("/v1/plans/free")).json()["trial_days"] == 0


async def test_a_plan_shows_the_price_of_overage(attribution: Caller) -> None:
    plan = (await attribution.get("/v1/plans/scale")).json()

    assert plan["overage"] == {
        "runs_per_month": {"amount": 100, "currency": "usd", "units": 100, "at_most": 75000},
    }
    assert plan["entitlements"]["runs_per_month"]["overage"] == plan["overage"]["runs_per_month"]
    assert plan["entitlements"]["runs_per_month"]["limits"]["status"] == 402
    assert (await attribution.get("/v1/plans/pro")).json()["overage"] == {}


async def test_two_plans_are_compared(admin: Caller) -> None:
    told = (await admin.get("/v1/plans/compare", **{"from": "starter", "to": "professional"})).json()

    assert told["from"] == {"code": "starter", "name": "Starter"}
    assert told["to"] == {"code": "professional", "name": "Professional"}
    assert [(one["interval"], one["difference"], one["currency"]) for one in told["prices"]] == [
        ("month", 15000, "usd"),
        ("year", 162000, "usd"),
    ]
    assert told["prices"][0]["from"] == {"amount": 4900, "currency": "usd"}
    assert told["prices"][0]["to"] == {"amount": 19900, "currency": "usd"}
    assert [(one["feature"], one["from"], one["to"], one["change"]) for one in told["features"]] == [
        ("users", 3, 25, "better"),
        ("plants", 1, 5, "better"),
        ("storage_gb", 10, 100, "better"),
        ("custom_fields", False, True, "better"),
        ("workflows", False, True, "better"),
        ("white_label", False, False, "same"),
    ]


async def test_down_is_worse_and_unlimited_is_more_than_any_number(admin: Caller) -> None:
    told = (await admin.get("/v1/plans/compare", **{"from": "enterprise", "to": "professional"})).json()

    changes = {one["feature"]: (one["from"], one["to"], one["change"]) for one in told["features"]}
    assert changes["users"] == (None, 25, "worse")
    assert changes["workflows"] == (True, True, "same")
    assert told["prices"][0]["difference"] == -80000


async def test_the_free_plan_costs_nothing_in_a_comparison(attribution: Caller) -> None:
    told = (await attribution.get("/v1/plans/compare", **{"from": "free", "to": "pro"})).json()

    assert told["prices"] == [
        {
            "interval": "month",
            "from": {"amount": 0, "currency": "usd"},
            "to": {"amount": 4900, "currency": "usd"},
            "difference": 4900,
            "currency": "usd",
        }
    ]
    sets = next(one for one in told["features"] if one["feature"] == "attribution_models")
    assert (sets["from"], sets["to"]) == (["last_touch"], ["last_touch", "first_touch", "linear"])
    assert sets["change"] == "better"


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ({"from": "startr", "to": "professional"}, "there is no plan 'startr': did you mean 'starter'?"),
        ({"from": "starter", "to": "PROFESSIONAL"}, "there is no plan 'PROFESSIONAL': did you mean 'professional'?"),
        ({"from": "starter", "to": "zzz"}, "there is no plan 'zzz': known plans: starter, professional, enterprise"),
    ],
)
async def test_a_comparison_with_an_unknown_plan_suggests_similar_names(
    admin: Caller, asked: dict[str, str], near: str
) -> None:
    problem = problem_of(await admin.get("/v1/plans/compare", **asked), 404, "unknown_plan")

    assert near in problem["detail"]


async def test_a_comparison_needs_both_plans(admin: Caller) -> None:
    problem = problem_of(await admin.get("/v1/plans/compare", **{"from": "starter"}), 422, "malformed")

    assert fields_of(problem) == {"to"}
