"""The first page of the console: what waits for an operator."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response

from api.console.navigation import HOME
from api.console.sessions import ConsoleRoute, WithVisit
from storage.db.cursors import PageRequest

SHOWN: Final = 5
A_WEEK: Final = timedelta(days=7)

router = APIRouter(include_in_schema=False, route_class=ConsoleRoute)


@router.get(HOME)
async def home(visit: WithVisit) -> Response:
    repositories, tenant = visit.repositories, visit.tenant
    now = datetime.now(UTC)
    list_ = await repositories.worklists.find(
        tenant, today_ends=_end_of_day(now, visit.dependencies.timezone), week_ends=now + A_WEEK, limit=SHOWN
    )
    overage = await repositories.usage_reports.unreported(limit=SHOWN + 1, tenant=tenant)
    return visit.page(
        "home.html",
        list=list_,
        shown=SHOWN,
        inbox=await repositories.inbox.summary(tenant),
        overage=overage,
        differences=await repositories.discrepancies.open(tenant, PageRequest(SHOWN)),
        mails=await repositories.mail_list.summary(tenant),
    )


def _end_of_day(now: datetime, timezone: str) -> datetime:
    """Return when the day ends where the installation's days are counted."""
    local = now.astimezone(ZoneInfo(timezone)) + timedelta(days=1)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)
