"""The page of how plans use features."""

from typing import Any, Final

from pydantic import TypeAdapter

from api.console.numbers.content import Content, ShownChart, content_of
from api.console.numbers.report import Report
from api.console.numbers.tables import Column, Table, count, share
from api.console.numbers.writing import Unit, group_called, written
from api.metrics.usage import AskedUsage, UsageFiguresView, usage_figures
from api.web.charts.bars import Share, share_bars
from localization.formats import Formats

MOST_BARS: Final = 12
USAGE: Final = Report(
    "usage",
    "Usage",
    "How the customers of each plan use its features, and how near they are to their limits: those who have begun to"
    " use a feature in their current period.",
    lambda asked, reading, visit: usage_figures(asked, visit.caller, visit.repositories, reading.request),
    TypeAdapter(AskedUsage),
    ("from", "to", "interval", "plan", "feature"),
    (
        Table(
            "Usage by plan and feature",
            (
                Column("Plan", "plan", Unit.WORD),
                Column("Feature", "feature", Unit.WORD),
                count("Customers", "customers"),
                count("Active", "active"),
                count("Used", "used"),
                count("Median", "median"),
                count("Nine of ten", "p90"),
                count("Highest", "highest"),
                count("With a limit", "limited"),
                share("At 80% of it", "share_at_80"),
                share("At 90%", "share_at_90"),
                share("At all of it", "share_at_100"),
            ),
        ),
    ),
    None,
    {},
    nothing="There are no statistics of usage in these periods: they are taken every six hours.",
    groups=(),
)


def usage_content(view: UsageFiguresView, formats: Formats) -> Content:
    """Return the table, and above it how many customers are near their limits in the newest period."""
    found = content_of(USAGE, view, "", formats)
    last = max((row.period for row in view.data), default="")
    near = sorted(
        (row for row in view.data if row.period == last and row.share_at_80 is not None),
        key=lambda row: -(row.share_at_80 or 0),
    )
    shares = [Share(_named(row), row.share_at_80, written(row.share_at_80, Unit.SHARE, formats, "")) for row in near]
    said = (
        f"Customers at 80% of their limit or beyond, in {last}, of those who have begun to use the feature in their"
        " current period, by plan and feature: see the table."
    )
    title = f"Customers near their limit, {last}"
    charts = [ShownChart(title, share_bars("near", title, said, shares[:MOST_BARS]))] if shares else []
    return Content(charts, found.tables, left_out=found.left_out)


def _named(row: Any) -> str:
    return f"{group_called(row, 'plan')}, {row.feature.replace('_', ' ')}"
