"""Finds the client's sources, for the sdist and for the wheel."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACE = Path("tenure/client")


class Sources(BuildHookInterface[Any]):
    """They are beside this folder in Tenure's tree, and within it in an sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling names it
        """Have them in what is built, whatever it is built from."""
        here = Path(self.root)
        within = here / PLACE
        source = within if within.exists() else here.parents[1] / PLACE
        build_data["force_include"][str(source)] = str(PLACE)
