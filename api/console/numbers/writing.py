"""How figures are called and written on pages."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from localization.formats import Formats

MISSING: Final = "n/a"
"""For a ratio of nothing."""
_NAMES: Final[Mapping[str, str]] = {
    "mrr": "MRR",
    "arr": "ARR",
    "arpu": "ARPU",
    "ltv": "LTV",
    "grr": "GRR",
    "nrr": "NRR",
    "committed": "Committed MRR",
    "at_risk": "MRR at risk",
    "paused": "Paused MRR",
    "trialing": "MRR in trials",
    "customers": "Paying customers",
    "net_new": "Net new MRR",
}

Value = int | float | str | None


class Unit(StrEnum):
    """What a figure counts."""

    MONEY = "money"
    """Minor units of a currency."""
    COUNT = "count"
    SHARE = "share"
    """From 0 to 1, shown in percent."""
    TIMES = "times"
    WORD = "word"


def called(name: str) -> str:
    """Return what a figure is called, by its name in reports."""
    return _NAMES.get(name) or name.replace("_", " ").capitalize()


def group_called(row: Any, group: str) -> str:
    """Return what the group of a row of a report is called, by what the rows are told apart."""
    found = getattr(row, group)
    return "none" if found is None else str(found).replace("_", " ")


def written(value: Value, unit: Unit, formats: Formats, currency: str) -> str:
    """Return a figure as pages show it."""
    if value is None:
        return MISSING
    if isinstance(value, str) or unit is Unit.WORD:
        return str(value)
    match unit:
        case Unit.MONEY:
            return formats.money(round(value), currency)
        case Unit.SHARE:
            return f"{value:.1%}"
        case Unit.TIMES:
            return f"{value:.1f}"
    return f"{value:,}"
