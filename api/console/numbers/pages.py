"""The pages of the numbers, and their files."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.console.numbers.content import Content, content_of
from api.console.numbers.forms import Form, form_of, given_in, numbers_page
from api.console.numbers.overview import overview_page
from api.console.numbers.queries import WrongQueryError, read_query
from api.console.numbers.report import PATH, Report
from api.console.numbers.reports import CONTENT, REPORTS
from api.console.numbers.revenue import OVERVIEW
from api.console.numbers.tiles import Tiles
from api.console.sessions import ConsoleRoute, WithVisit
from api.console.visits import Visit
from api.metrics.reports import Reading
from domain.errors import Malformed

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
    return _shown(visit, report, form_of(visit, report, given, getattr(view, "currencies", ())), view)


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
    reading = Reading(visit.repositories.revenue, visit.tenant, visit.dependencies.catalog.currency, request)
    try:
        return await report.read(read_query(report.query, given, form), reading, visit)
    except Malformed as error:
        raise WrongQueryError.of(error) from error


def _wrong(visit: Visit, report: Report, given: Mapping[str, str], error: WrongQueryError) -> Response:
    """Return the form alone, with what is wrong at its fields."""
    form = form_of(visit, report, given)
    template = "overview" if report is OVERVIEW else "report"
    shown = {"sums": [], "heads": [], "content": Content(), "now": [], "meanings": {}}
    return numbers_page(visit, template, report, form, None, status=422, errors=error.errors, **shown)


def _shown(visit: Visit, report: Report, form: Form, view: Any) -> Response:
    formats, now = visit.reader.formats, getattr(view, "now", None)
    made = CONTENT.get(report.name)
    content = made(view, formats) if made else content_of(report, view, form.given.get("group", ""), formats)
    return numbers_page(
        visit,
        "report",
        report,
        form,
        view,
        now=Tiles(formats, view.currency).of_now(now) if now is not None else [],
        content=content,
        meanings=view.definitions,
    )
