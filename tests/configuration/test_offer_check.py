"""A policy and the catalog that it is used with."""

from pathlib import Path

import pytest

from configuration.offer_check import load_offer
from configuration.yaml_source import ConfigurationError
from tests.configuration.conftest import Written
from tests.harness.catalogs import CATALOG


def a_policy(plans: str) -> str:
    return f"version: spring\nself_service: {{switch_to: {plans}}}\n"


@pytest.mark.parametrize("plans", ["[]", "[starter, enterprise]"])
def test_plans_of_the_catalog_may_be_named(written: Written, plans: str) -> None:
    catalog, policy = load_offer(CATALOG, written(a_policy(plans)))

    assert policy.version == "spring"
    assert "starter" in catalog.plans


def test_every_plan_that_the_catalog_lacks_is_named_with_what_to_do(written: Written) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_offer(CATALOG, written(a_policy("[Starter, gold]")))

    near, far = refused.value.message.split("\n")
    assert near.startswith("file.yaml:2: self_service.switch_to.0: ")
    assert near.endswith("has no plan 'Starter', which customers could switch to: did you mean 'starter'?")
    assert "'gold', which customers could switch to: name one of starter, professional, enterprise" in far


def test_a_bad_catalog_is_reported_first(written: Written) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml: file not found"):
        load_offer(Path("nowhere.yaml"), written(a_policy("[gold]")))
