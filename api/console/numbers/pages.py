"""The pages of the numbers, and their files."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.console.numbers.forms import Form, form_of, given_in, numbers_page
from api.console.numbers.overview import overview_page
from api.console.numbers.queries import WrongQueryError, read_query
from api.console.numbers.report import PATH, Report
from api.console.numbers.reports import REPORTS
from api.console.numbers.revenue import OVERVIEW
from api.console.numbers.tables import Table
from api.console.numbers.tiles import Tiles
from api.console.numbers.writing import called
from api.console.sessions import ConsoleRoute, WithVisit
from api.console.visits import Visit
from api.metrics.reports import Reading
from domain.errors import Malformed
from domain.revenue.queries import day_named

MOST_ROWS: Final = 60
"""Of a table: a page stays small, and the file has all."""

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def overview(visit: WithVisit, request: Request) -> Response:
    """What there is now."""
    given = given_in(request, OVERVIEW)
    try:
        return await overview_page(visit, given)
    except WrongQueryError as error:
        return _wrong(visit, OVERVIEW, given, error)


@router.get("/{name}.csv")
async def file(name: str, visit: WithVisit, request: Request) -> Response:
    """A report as the file that its endpoint makes."""
    report = OVERVIEW if name == OVERVIEW.name else _report(name)
    given = given_in(request, report)
    try:
        made = await _read(visit, request, report, given, "csv")
    except WrongQueryError as error:
        return _wrong(visit, report, given, error)
    assert isinstance(made, Response)  # noqa: S101 - as was asked for
    return made


@router.get("/{name}")
async def report_page(name: str, visit: WithVisit, request: Request) -> Response:
    """A report with its table."""
    report = _report(name)
    given = given_in(request, report)
    try:
        view = await _read(visit, request, report, given, "json")
    except WrongQueryError as error:
        return _wrong(visit, report, given, error)
    return _shown(visit, report, form_of(visit, report, given, view.currencies), view)


def _report(name: str) -> Report:
    found = REPORTS.get(name)
    if found is None:
        raise HTTPException(404)
    return found


async def _read(
    visit: Visit, request: Request, report: Report, given: Mapping[str, str], form: Literal["json", "csv"]
) -> Any:
    """Return the report, or its file.

    Raises:
        WrongQueryError: what is asked for cannot be read.
    """
    repositories = visit.repositories
    reading = Reading(repositories.revenue, visit.tenant, visit.dependencies.catalog.currency, request)
    try:
        return await report.read(read_query(report.query, given, form), reading, repositories)
    except Malformed as error:
        raise WrongQueryError.of(error) from error


def _wrong(visit: Visit, report: Report, given: Mapping[str, str], error: WrongQueryError) -> Response:
    """Return the form alone, with what is wrong at its fields."""
    form = form_of(visit, report, given)
    shown = {"sums": [], "heads": [], "tables": [], "now": [], "left_out": 0, "meanings": {}}
    template = "overview" if report is OVERVIEW else "report"
    return numbers_page(visit, template, report, form, None, status=422, errors=error.errors, **shown)


def _shown(visit: Visit, report: Report, form: Form, view: Any) -> Response:
    rows, group = _newest(view.data), form.given.get("group", "")
    currency = getattr(view, "currency", "")
    is_empty = not any(column.of(row) for table in report.tables for column in table.columns for row in rows)
    now = getattr(view, "now", None)
    tables = (
        []
        if is_empty
        else [_cells(visit, table, rows, group, currency, view.complete_until) for table in report.tables]
    )
    return numbers_page(
        visit,
        "report",
        report,
        form,
        view,
        now=Tiles(visit.reader.formats, currency).of_now(now) if now is not None else [],
        tables=tables,
        left_out=len(view.data) - len(rows),
        meanings=view.definitions,
    )


def _newest(rows: Sequence[Any]) -> Sequence[Any]:
    """Return the rows of so many of the newest periods as a page has room for."""
    periods = sorted({row.period for row in rows})
    many = max(MOST_ROWS * len(periods) // max(len(rows), 1), 1)
    shown = set(periods[-many:])
    return [row for row in rows if row.period in shown]


def _cells(
    visit: Visit, table: Table, rows: Sequence[Any], group: str, currency: str, complete_until: date
) -> dict[str, Any]:
    columns = table.shown(rows)
    heads = ["Period", *([called(group)] if group else []), *(column.label for column in columns)]
    return {
        "title": table.title,
        "heads": heads,
        "numeric": list(range(2 if group else 1, len(heads))),
        "rows": [
            [
                _period(row.period, complete_until),
                *([_group(row, group)] if group else []),
                *(column.cell(row, visit.reader.formats, currency) for column in columns),
            ]
            for row in rows
        ],
    }


def _period(period: str, complete_until: date) -> str:
    return f"{period}, so far" if day_named(period, "period") > complete_until else period


def _group(row: Any, group: str) -> str:
    found = getattr(row, group)
    return "none" if found is None else str(found).replace("_", " ")
