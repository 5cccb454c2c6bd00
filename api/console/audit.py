"""The audit as a page: who has done what, when and why."""

from typing import Final

from fastapi import APIRouter, Response

from api.console.lists import PAGE_SIZE, Cursor, Filter, page_links
from api.console.sessions import ConsoleRoute, WithVisit
from domain.errors import Malformed
from storage.access.audit import AuditFilter
from storage.db.cursors import PageRequest

PATH: Final = "/console/audit"

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def audit(
    visit: WithVisit,
    target: Filter = "",
    action: Filter = "",
    actor: Filter = "",
    cursor: Cursor = "",
) -> Response:
    given = {"target": target.strip(), "action": action.strip(), "actor": actor.strip()}
    wanted = AuditFilter(given["target"] or None, given["action"] or None, given["actor"] or None)
    page = PageRequest(PAGE_SIZE, cursor or None)
    try:
        found = await visit.repositories.audit.find(visit.tenant, wanted, page)
    except Malformed:
        return visit.to(PATH)
    links = page_links(visit, PATH, given, cursor, found.next_cursor)
    people = await visit.repositories.people.of(visit.tenant, [entry.actor.id for entry in found.rows])
    return visit.page("audit.html", entries=found.rows, given=given, people=people, links=links)
