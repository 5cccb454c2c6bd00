"""The audit as a page: who has done what, when and why."""

from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from api.console.forms import storable
from api.console.sessions import ConsoleRoute, WithVisit
from domain.errors import Malformed
from storage.access.audit import AuditFilter
from storage.db.cursors import PageRequest

PATH: Final = "/console/audit"
PAGE_SIZE: Final = 20

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)

_Filter = Annotated[str, Query(max_length=200)]


@router.get("")
async def audit(
    visit: WithVisit,
    target: _Filter = "",
    action: _Filter = "",
    actor: _Filter = "",
    cursor: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    given = {"target": storable(target), "action": storable(action), "actor": storable(actor)}
    wanted = AuditFilter(given["target"] or None, given["action"] or None, given["actor"] or None)
    page = PageRequest(PAGE_SIZE, cursor or None)
    try:
        found = await visit.repositories.audit.find(visit.tenant, wanted, page)
    except Malformed:
        return visit.to(PATH)
    query = {name: value for name, value in given.items() if value}
    older = f"{visit.at(PATH)}?{urlencode(query | {'cursor': found.next_cursor})}" if found.next_cursor else ""
    first = f"{visit.at(PATH)}?{urlencode(query)}" if cursor else ""
    people = await visit.repositories.people.of(visit.tenant, [entry.actor.id for entry in found.rows])
    return visit.page("audit.html", entries=found.rows, given=given, people=people, older=older, first=first)
