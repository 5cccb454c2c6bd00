"""The catalog and the policy that come with Tenure say what they are meant to say."""

from importlib.resources import as_file, files

from configuration.catalog_file import load_catalog
from configuration.catalog_summary import check_catalog
from configuration.policy_file import load_policy
from domain.catalog.plans import Interval
from domain.subscription.policy import DEFAULT_POLICY


def test_the_policy_that_comes_with_tenure_is_the_default_one() -> None:
    with as_file(files("catalogs") / "policy.yaml") as path:
        assert load_policy(path) == DEFAULT_POLICY


def test_the_manufacturing_plans_cost_what_their_product_asks() -> None:
    with as_file(files("catalogs") / "manufacturing.yaml") as path:
        catalog = load_catalog(path)
    assert list(catalog.plans) == ["starter", "professional", "enterprise"]
    assert [catalog.plans[code].prices[Interval.MONTH].amount for code in catalog.plans] == [4900, 19900, 99900]
    assert [catalog.plans[code].prices[Interval.YEAR].amount for code in catalog.plans] == [52920, 214920, 1078920]
    assert {code: one.prices[Interval.MONTH].amount for code, one in catalog.add_ons.items()} == {
        "users": 500,
        "plants": 2500,
        "storage_gb": 50,
    }
    assert [one.prices[Interval.YEAR].amount for one in catalog.add_ons.values()] == [5400, 27000, 540]
    assert {price.currency for plan in catalog.plans.values() for price in plan.prices.values()} == {"usd"}


def test_every_manufacturing_plan_gives_a_trial_as_long_as_the_policy_says() -> None:
    with as_file(files("catalogs") / "manufacturing.yaml") as path:
        assert {plan.trial_days for plan in load_catalog(path).plans.values()} == {None}
    assert DEFAULT_POLICY.trial.days == 14


def test_the_manufacturing_plans_entitle_to_what_their_product_asks() -> None:
    with as_file(files("catalogs") / "manufacturing.yaml") as path:
        lines = [line.strip() for line in check_catalog(path).splitlines()]
    assert [line for line in lines if line.startswith("Users:")] == [
        "Users: 3; Plants: 1; Storage in GB: 10; no Custom fields; no Workflows; no White-labelling",
        "Users: 25; Plants: 5; Storage in GB: 100; Custom fields; Workflows; no White-labelling",
        "Users: unlimited; Plants: unlimited; Storage in GB: unlimited; Custom fields; Workflows; White-labelling",
    ]
