"""The first page of the numbers: what there is now in each currency, and how it came to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import Response

from api.console.numbers.content import ShownChart
from api.console.numbers.forms import form_of, numbers_page
from api.console.numbers.queries import read_query
from api.console.numbers.revenue import DRAWN_MOVEMENTS, DRAWN_MRR, MOVEMENTS, MRR, OVERVIEW
from api.console.numbers.tables import count, money
from api.console.numbers.tiles import Tile, Tiles
from api.console.visits import Visit
from api.metrics.churn import ChurnPeriodView
from api.metrics.overview import AskedOverview, CurrencyOverviewView, StandingView
from api.metrics.ranges import segment
from api.metrics.views import MovementsPeriodView, MrrPeriodView
from domain.revenue.definitions import CHURN, CUSTOMERS, GROWTH, REVENUE, definitions
from domain.revenue.definitions import MOVEMENTS as MOVED
from domain.revenue.figures import ALL, Period, PeriodLength
from domain.revenue.overview import Overview
from localization.formats import Formats

MONTHS: Final = 12
"""Of the charts, the current one included."""
_COLUMNS: Final = (
    money("MRR", "mrr"),
    money("Committed", "committed"),
    money("At risk", "at_risk"),
    money("Paused", "paused"),
    count("Customers", "customers"),
)
"""The figures of plans, billing intervals and statuses."""


@dataclass(frozen=True)
class Part:
    """What there is now of one plan, one billing interval or one status."""

    name: str
    figures: Sequence[str]
    rows: Mapping[str, str]
    """The filter of the list of what is behind it."""


@dataclass(frozen=True)
class Sums:
    """The figures of one currency."""

    currency: str
    tiles: Sequence[Tile]
    parts: Mapping[str, Sequence[Part]]
    """By what they are told apart."""
    charts: Sequence["SumChart"]


@dataclass(frozen=True)
class SumChart(ShownChart):
    """The same, and the page whose table has its figures."""

    path: str
    words: str


async def overview_page(visit: Visit, given: Mapping[str, str]) -> Response:
    """Return the page of what there is now.

    Raises:
        WrongQueryError: what is asked for cannot be read.
    """
    asked: AskedOverview = read_query(OVERVIEW.query, given, "json")
    report = await visit.repositories.revenue.overview(
        visit.tenant, segment(asked.plan, asked.billing_interval), asked.currency, months_before=MONTHS - 1
    )
    formats = visit.reader.formats
    return numbers_page(
        visit,
        "overview",
        OVERVIEW,
        form_of(visit, OVERVIEW, given, report.extent.currencies),
        report.extent,
        sums=[_sums(each, report.months[each.currency], formats) for each in report.overviews],
        heads=[column.label for column in _COLUMNS],
        meanings=definitions(*REVENUE, *CUSTOMERS, *GROWTH, *MOVED, *CHURN),
    )


def _sums(overview: Overview, months: Sequence[Period], formats: Formats) -> Sums:
    now = CurrencyOverviewView.of_all(overview)
    lost = [ChurnPeriodView.of(month, PeriodLength.MONTH, ALL) for month in (overview.last_month, overview.this_month)]
    parts = {
        "Plan": [_part(each, each.plan, {"plan": each.plan}, overview, formats) for each in now.by_plan],
        "Billing interval": [
            _part(each, each.billing_interval, {"interval": each.billing_interval}, overview, formats)
            for each in now.by_billing_interval
        ],
        "Status": [_part(each, each.status, {"status": each.status}, overview, formats) for each in now.by_status],
    }
    tiles = Tiles(formats, overview.currency).of_overview(now, *lost)
    return Sums(overview.currency, tiles, parts, _charts(overview.currency, months, formats))


def _charts(currency: str, months: Sequence[Period], formats: Formats) -> list[SumChart]:
    mrr = [MrrPeriodView.of(month, PeriodLength.MONTH, ALL) for month in months]
    moved = [MovementsPeriodView.of(month, PeriodLength.MONTH, ALL) for month in months]
    drawn_mrr = DRAWN_MRR.of(mrr, formats, currency, id_=f"mrr-{currency}")
    drawn_moved = DRAWN_MOVEMENTS.of(moved, formats, currency, id_=f"movements-{currency}")
    return [
        SumChart(f"MRR in {currency.upper()}", drawn_mrr, MRR.path, "MRR by period"),
        SumChart(f"Movements in {currency.upper()}", drawn_moved, MOVEMENTS.path, "Movements by period"),
    ]


def _part(found: StandingView, name: str, rows: Mapping[str, str], overview: Overview, formats: Formats) -> Part:
    return Part(name.replace("_", " "), [one.cell(found, formats, overview.currency) for one in _COLUMNS], rows)
