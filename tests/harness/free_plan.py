"""The stack's catalog with a plan that costs nothing, and a policy by which a trial without a card falls to it."""

from dataclasses import replace
from pathlib import Path

from configuration.catalog_file import load_catalog
from domain.catalog.plans import Catalog
from domain.subscription.policy import DEFAULT_POLICY, TrialEnd
from tests.harness.catalogs import CATALOG

FREE_PLAN = """plans:
  free:
    name: Free
    prices: free
    entitlements: {users: 1, plants: 1, storage_gb: 1, custom_fields: false, workflows: false, white_label: false}
"""
FALLS_TO_FREE = replace(
    DEFAULT_POLICY, version="free", trial=replace(DEFAULT_POLICY.trial, without_card=TrialEnd.FREE_PLAN)
)


def with_free_plan(folder: Path) -> Catalog:
    file = folder / "with-free.yaml"
    file.write_text(CATALOG.read_text().replace("plans:\n", FREE_PLAN, 1))
    return load_catalog(file)
