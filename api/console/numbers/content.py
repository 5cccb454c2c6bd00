"""What a page shows of a report: a chart, and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from markupsafe import Markup

from api.console.numbers.report import Report
from api.console.numbers.tables import Table
from api.console.numbers.writing import Unit, called, group_called
from domain.revenue.queries import day_named
from localization.formats import Formats

MOST_ROWS: Final = 48
"""Of a table: a page stays small, and the file has all."""


@dataclass(frozen=True)
class ShownTable:
    """A table as it is written."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: Sequence[int]
    """Which columns are numbers, from 0."""


@dataclass(frozen=True)
class ShownChart:
    """A chart as it is drawn."""

    title: str
    drawn: Markup


@dataclass(frozen=True)
class Content:
    """What is between the form and the definitions."""

    charts: Sequence[ShownChart] = ()
    tables: Sequence[ShownTable] = ()
    grids: Sequence[Markup] = ()
    """Tables that are drawn."""
    left_out: int = 0
    """How many rows there are besides."""

    @property
    def is_empty(self) -> bool:
        return not (self.charts or self.tables or self.grids)


def content_of(report: Report, view: Any, group: str, formats: Formats) -> Content:
    """Return what is shown of the newest periods; *group*: by what the rows are told apart."""
    rows, currency = newest(view.data), getattr(view, "currency", "")
    if not any(column.of(row) for table in report.tables for column in table.columns for row in rows):
        return Content()
    charts = []
    if drawing := report.drawing:
        drawn = drawing.of_groups(rows, group, formats, currency) if group else drawing.of(rows, formats, currency)
        charts = [ShownChart(drawing.title, drawn)] if drawn else []
    return Content(
        charts=charts,
        tables=[_table(table, rows, group, formats, currency, view.complete_until) for table in report.tables],
        left_out=len(view.data) - len(rows),
    )


def newest(rows: Sequence[Any]) -> list[Any]:
    """Return the rows of this many of the newest periods as a page has room for."""
    periods = sorted({row.period for row in rows})
    many = max(MOST_ROWS * len(periods) // max(len(rows), 1), 1)
    shown = set(periods[-many:])
    return [row for row in rows if row.period in shown]


def _table(
    table: Table, rows: Sequence[Any], group: str, formats: Formats, currency: str, complete_until: date
) -> ShownTable:
    columns = table.shown(rows)
    first = ["Period", *([called(group)] if group else [])]
    return ShownTable(
        table.title,
        [*first, *(column.label for column in columns)],
        [
            [
                _period(row.period, complete_until),
                *([group_called(row, group)] if group else []),
                *(column.cell(row, formats, currency) for column in columns),
            ]
            for row in rows
        ],
        [number for number, column in enumerate(columns, len(first)) if column.unit is not Unit.WORD],
    )


def _period(period: str, complete_until: date) -> str:
    return f"{period}, so far" if day_named(period, "period") > complete_until else period
