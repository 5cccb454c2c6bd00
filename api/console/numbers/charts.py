"""Which figures of a report its page draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from api.console.numbers.tables import Column
from api.console.numbers.writing import Unit, group_called, written
from api.web.charts.axis import Number
from api.web.charts.frame import KINDS, Chart, Series
from localization.formats import Formats


@dataclass(frozen=True)
class Drawing:
    """What is drawn, and how. The figures are in the table below it."""

    title: str
    draw: Callable[[Chart], Markup]
    columns: Sequence[Column]

    def of(self, rows: Sequence[Any], formats: Formats, currency: str, *, id_: str = "chart") -> Markup:
        """Return the chart of a row for each period."""
        shown = [one for one in self.columns if not one.is_rare or any(one.of(row) for row in rows)]
        series = [Series(one.label, [one.of(row) for row in rows]) for one in shown]
        return self._drawn([row.period for row in rows], series, formats, currency, id_)

    def of_groups(self, rows: Sequence[Any], group: str, formats: Formats, currency: str) -> Markup:
        """Return the chart of the first figure, by group; empty if there are more groups than can be told apart."""
        first = self.columns[0]
        periods = list(dict.fromkeys(row.period for row in rows))
        names = list(dict.fromkeys(group_called(row, group) for row in rows))
        found = {(group_called(row, group), row.period): first.of(row) for row in rows}
        series = [Series(name, [found.get((name, period)) for period in periods]) for name in names]
        return self._drawn(periods, series, formats, currency, "chart") if len(names) <= KINDS else Markup()

    def _drawn(
        self, periods: Sequence[str], series: Sequence[Series], formats: Formats, currency: str, id_: str
    ) -> Markup:
        unit = self.columns[0].unit

        def show(value: Number) -> str:
            return written(float(value) if unit is Unit.SHARE else round(value), unit, formats, currency)

        said = f"{', '.join(one.name for one in series)}, from {periods[0]} to {periods[-1]}: see the table."
        return self.draw(Chart(id_, self.title, said, periods, series, show))
