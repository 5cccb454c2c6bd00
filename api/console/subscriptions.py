"""The list of subscriptions: searched, filtered, 20 a page."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Response

from api.console.lists import PAGE_SIZE, Cursor, PageLinks, page_links
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.http.auth import ADMIN_ROLES
from api.web.storable import storable
from configuration.mail_addresses import searched_address
from domain.catalog.plans import Interval
from domain.errors import Malformed, Rejected
from domain.subscription.lifecycle import Status
from storage.db.cursors import PageRequest, Sort
from storage.subscriptions.search import Search
from storage.subscriptions.subscription_list import Filters

PATH: Final = "/console/subscriptions"
LONGEST: Final = 200
LONGEST_NAME: Final = 60
"""Of a saved view."""

PARAMETERS: Final = ("q", "status", "plan", "interval", "trial_ends_before", "renews_before", "blocked", "sort")
"""Of the list, as in its address."""

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)

_Text = Annotated[str, Query(max_length=LONGEST)]


def query_of(
    q: _Text = "",
    status: _Text = "",
    plan: _Text = "",
    interval: _Text = "",
    trial_ends_before: _Text = "",
    renews_before: _Text = "",
    blocked: _Text = "",
    sort: _Text = "",
) -> dict[str, str]:
    """Return the parameters of the list that say something."""
    given = zip(PARAMETERS, (q, status, plan, interval, trial_ends_before, renews_before, blocked, sort), strict=True)
    return {name: value.strip() for name, value in given if value.strip()}


def given_query(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of the list that a form carries, as `query_of` does."""
    given = {name: storable(fields.get(name, "")).strip()[:LONGEST] for name in PARAMETERS}
    return {name: value for name, value in given.items() if value}


WithQuery = Annotated[dict[str, str], Depends(query_of)]


def filters_of(query: dict[str, str]) -> tuple[Filters, dict[str, str]]:
    """Return the filters that the parameters stand for, and what is wrong with them by field."""
    errors: dict[str, str] = {}

    def one_of(name: str, known: Any) -> str | None:
        given = query.get(name)
        if given and given not in {each.value for each in known}:
            errors[name] = "Choose one of the list."
            return None
        return given

    def end_of(name: str) -> datetime | None:
        try:
            return (
                datetime.fromisoformat(f"{query[name]}T00:00:00+00:00") + timedelta(days=1) if name in query else None
            )
        except (ValueError, OverflowError):  # the last: the end of the calendar
            errors[name] = "Enter a date, as 2027-01-31."
            return None

    q = query.get("q")
    found = Filters(
        status=one_of("status", Status),
        plan=query.get("plan"),
        search=Search(q, searched_address(q)) if q else None,
        blocked=True if query.get("blocked") else None,
        interval=one_of("interval", Interval),
        trial_ends_before=end_of("trial_ends_before"),
        renews_before=end_of("renews_before"),
    )
    return found, errors


@router.get("")
async def list_subscriptions(visit: WithVisit, query: WithQuery, cursor: Cursor = "") -> Response:
    filters, errors = filters_of(query)
    sort = Sort.OLDEST_FIRST if query.get("sort") == Sort.OLDEST_FIRST.value else Sort.NEWEST_FIRST
    page = PageRequest(PAGE_SIZE, cursor or None, sort)
    if errors:
        return await _shown(visit, query, errors=errors, status=422)
    try:
        found = await visit.repositories.subscription_list.find(visit.tenant, filters, page)
    except Malformed:
        return visit.to(f"{PATH}?{urlencode(query)}")
    links = page_links(visit, PATH, query, cursor, found.next_cursor)
    return await _shown(visit, query, rows=found.rows, ends_early=found.ends_early, links=links)


@router.post("/views")
async def keep_view(form: WithSent) -> Response:
    """Keep a list with its filters, for the operator alone."""
    visit, fields = form.visit, form.fields
    query = given_query(fields)
    name = fields.get("name", "").strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        wrong = f"Give it a name of at most {LONGEST_NAME} characters."
        return await _shown(visit, query, errors={"name": wrong}, status=422)
    try:
        await visit.repositories.saved_views.keep(visit.tenant, visit.session.subject, PATH, name, urlencode(query))
    except Rejected as error:
        return await _shown(visit, query, problem=error.message, status=409)
    return visit.to(f"{PATH}?{urlencode(query)}")


@router.post("/views/delete")
async def delete_view(form: WithSent) -> Response:
    visit = form.visit
    await visit.repositories.saved_views.delete(visit.tenant, visit.session.subject, form.fields.get("view", ""))
    return visit.to(PATH)


async def _shown(visit: Visit, query: dict[str, str], *, status: int = 200, **shown: Any) -> Response:
    catalog = visit.dependencies.catalog
    blank: dict[str, Any] = {"rows": (), "ends_early": False, "links": PageLinks("", "")}
    return visit.page(
        "subscriptions.html",
        status=status,
        views=await visit.repositories.saved_views.of(visit.tenant, visit.session.subject, PATH),
        query={name: query.get(name, "") for name in PARAMETERS},
        plans=[(plan.code, plan.name) for plan in catalog.plans.values()],
        statuses=[(each.value, each.value.replace("_", " ")) for each in Status],
        bulk=f"{visit.at('/console/bulk/new')}?{urlencode(query)}" if visit.may(*ADMIN_ROLES) else "",
        **blank | shown,
    )
