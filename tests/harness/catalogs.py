"""The catalogs and the policy that Tenure ships, as files."""

from pathlib import Path

CATALOGS = Path(__file__).parents[2] / "catalogs"
CATALOG, POLICY = CATALOGS / "manufacturing.yaml", CATALOGS / "policy.yaml"
