"""The first page of the console: what waits for an operator."""

from typing import Final

from fastapi import APIRouter, Response

from api.console.navigation import HOME
from api.console.sessions import ConsoleRoute, WithVisit
from domain.subscription.lifecycle import Status
from storage.db.cursors import PageRequest
from storage.subscriptions.subscription_list import Filters

SHOWN: Final = 10

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)


@router.get(HOME)
async def home(visit: WithVisit) -> Response:
    listed, page = visit.repositories.subscription_list, PageRequest(SHOWN)
    blocked = await listed.find(visit.tenant, Filters(blocked=True), page)
    past_due = await listed.find(visit.tenant, Filters(status=Status.PAST_DUE), page)
    return visit.page("home.html", blocked=blocked, past_due=past_due)
