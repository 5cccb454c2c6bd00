"""Reports as tables: which figures of each period a page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.console.numbers.writing import Unit, written
from localization.formats import Formats


@dataclass(frozen=True)
class Column:
    """A figure of each period."""

    label: str
    path: str
    """Where it is in the report's rows, as `churn.mrr`."""
    unit: Unit
    is_rare: bool = False
    """Left out where there is none in any period."""

    def of(self, row: Any) -> Any:
        """Return the figure of a row of the report."""
        for name in self.path.split("."):
            row = row[name] if isinstance(row, Mapping) else getattr(row, name)
        return row

    def cell(self, row: Any, formats: Formats, currency: str) -> str:
        """Return the figure as it is written."""
        return written(self.of(row), self.unit, formats, currency)


@dataclass(frozen=True)
class Table:
    """Some of a report's figures."""

    title: str
    columns: Sequence[Column]

    def shown(self, rows: Sequence[Any]) -> list[Column]:
        """Return the columns that there is something in."""
        return [one for one in self.columns if not one.is_rare or any(one.of(row) for row in rows)]


def money(label: str, path: str, *, is_rare: bool = False) -> Column:
    """Return a column of amounts."""
    return Column(label, path, Unit.MONEY, is_rare)


def count(label: str, path: str, *, is_rare: bool = False) -> Column:
    """Return a column of numbers."""
    return Column(label, path, Unit.COUNT, is_rare)


def share(label: str, path: str) -> Column:
    """Return a column of shares, in percent."""
    return Column(label, path, Unit.SHARE)
