"""The catalogs and the policy that Tenure ships, as files and as read from them."""

from functools import cache
from pathlib import Path

from configuration.catalog_file import load_catalog
from configuration.policy_file import load_policy
from domain.catalog.plans import Catalog
from domain.subscription.policy import Policy

CATALOGS = Path(__file__).parents[2] / "catalogs"
CATALOG, POLICY = CATALOGS / "manufacturing.yaml", CATALOGS / "policy.yaml"


@cache
def shipped_catalog() -> Catalog:
    """What stories sell."""
    return load_catalog(CATALOG)


@cache
def shipped_policy() -> Policy:
    """The policy under which they sell it."""
    return load_policy(POLICY)
