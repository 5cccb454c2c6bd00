"""How the parts of the installation are, as a page."""

from typing import Final

from fastapi import APIRouter, Response

from api.console.sessions import ConsoleRoute, WithVisit
from api.system.status import system_status
from storage.access.console_sessions import CONSOLE_ROLES

PATH: Final = "/console/system"

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def system(visit: WithVisit) -> Response:
    await visit.require("getSystem", *CONSOLE_ROLES, is_of_installation=True)
    return visit.page("system.html", system=await system_status(visit.dependencies, visit.repositories))
