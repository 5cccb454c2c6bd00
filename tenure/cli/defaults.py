"""Default files of the sandbox's commands."""

from pathlib import Path

CATALOGS = Path(__file__).parents[2] / "catalogs"
DEFAULT_CATALOG, DEFAULT_POLICY = CATALOGS / "manufacturing.yaml", CATALOGS / "policy.yaml"
