"""Maps prices that the catalog did not create to plans and add-ons: a YAML file for imports."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from configuration.validation import Strict, check
from configuration.yaml_source import Problem, read
from domain.catalog.plans import Catalog, is_lookup_key
from domain.did_you_mean import did_you_mean
from domain.imports.adoption import PriceMap


class _Entry(Strict):
    plan: str | None = None
    add_on: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.plan is None) == (self.add_on is None):
            raise ValueError("must name either a plan or an add_on")
        return self


class _Map(Strict):
    prices: dict[str, _Entry] = Field(min_length=1)


def load_price_map(path: Path, catalog: Catalog) -> PriceMap:
    """Read the price map.

    Raises:
        ConfigurationError: the file is invalid; the message has one line per error.
    """
    source = read(path)
    entries = check(source, _Map).prices
    problems = [problem for ref, entry in entries.items() for problem in _problems(ref, entry, catalog)]
    if problems:
        raise source.error(problems)
    return PriceMap(
        {ref: entry.plan for ref, entry in entries.items() if entry.plan is not None},
        {ref: entry.add_on for ref, entry in entries.items() if entry.add_on is not None},
    )


def _problems(ref: str, entry: _Entry, catalog: Catalog) -> list[Problem]:
    found = []
    if is_lookup_key(ref):
        message = "is a lookup key, or looks like one: use the price's id, like price_123"
        found.append(Problem(("prices", ref), message, at_key=True))
    sold = [code for code, plan in catalog.plans.items() if not plan.is_free]
    if entry.plan is not None and entry.plan not in sold:
        found.append(Problem(("prices", ref, "plan"), f"is not a plan for sale; {did_you_mean(entry.plan, sold)}"))
    if entry.add_on is not None and entry.add_on not in catalog.add_ons:
        message = f"is not an add-on; {did_you_mean(entry.add_on, catalog.add_ons)}"
        found.append(Problem(("prices", ref, "add_on"), message))
    return found
