"""Recurring revenue: MRR, and what moved it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from api.http.auth import Analyst
from api.http.csv import CONTENT_TYPE, csv_answer, wants_csv
from api.http.dependencies import WithDependencies, WithRepositories
from api.http.openapi import READING
from api.metrics.ranges import Asked, WithRange
from api.metrics.views import (
    MovementsPeriodView,
    MovementsView,
    MrrNowView,
    MrrPeriodView,
    MrrView,
    ReportLinksView,
)
from domain.revenue.definitions import REVENUE, definitions
from domain.revenue.figures import MOVES, Period, first_day_of
from storage.revenue.figures import Extent, Range, RevenueFigures

_AS_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}, "description": "the report, as JSON or as CSV"}
}

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=READING | _AS_CSV)


@dataclass(frozen=True)
class _Report:
    """A report that is asked for."""

    asked: Asked
    tenant: str
    figures: RevenueFigures
    extent: Extent
    range: Range

    async def periods(self) -> AsyncIterator[tuple[str, Period]]:
        """The periods; of one plan after the other if they are grouped."""
        plans = self.extent.plans if self.asked.group == "plan" else (self.range.plan,)
        for plan in plans:
            for period in await self.figures.periods(self.tenant, replace(self.range, plan=plan)):
                yield plan, period

    def about(self, request: Request) -> dict[str, Any]:
        """What the report says of itself."""
        begins = first_day_of(self.extent.latest, self.range.length)
        return {
            "currency": self.range.currency,
            "currencies": list(self.extent.currencies),
            "timezone": self.figures.timezone,
            "as_of": self.extent.as_of,
            "complete_until": begins - timedelta(days=1),
            "since": self.extent.since,
            "links": ReportLinksView(csv=str(request.url.include_query_params(format="csv"))),
        }


async def _report(
    asked: WithRange, caller: Analyst, dependencies: WithDependencies, repositories: WithRepositories
) -> _Report:
    figures = repositories.revenue
    extent = await figures.extent(caller.tenant)
    first, beyond = asked.periods(extent.latest)
    currency = asked.currency or dependencies.catalog.currency
    return _Report(asked, caller.tenant, figures, extent, Range(currency, first, beyond, asked.interval, asked.plan))


WithReport = Annotated[_Report, Depends(_report)]


@router.get(
    "/movements", operation_id="getMovements", summary="Get what moved recurring revenue", response_model=MovementsView
)
async def movements(report: WithReport, request: Request) -> MovementsView | Response:
    """New, expansion, contraction, churn, reactivation, pauses: what a period starts with, plus these, is its end.

    Amounts are in minor units.

    """
    report.asked.refuse_status()
    interval = report.range.length
    data = [MovementsPeriodView.of(period, interval, plan) async for plan, period in report.periods()]
    if wants_csv(request, report.asked.format):
        return csv_answer("movements", MovementsPeriodView.heads(), (each.cells() for each in data))
    return MovementsView(**report.about(request), definitions=definitions("mrr", "arr", *MOVES), data=data)


@router.get("/mrr", operation_id="getMrr", summary="Get monthly recurring revenue", response_model=MrrView)
async def mrr(report: WithReport, request: Request) -> MrrView | Response:
    """MRR at the end of each period, and what there is now; with a status, that alone. Amounts are in minor units."""
    report.asked.check_status()
    status, interval = report.asked.status or "", report.range.length
    data = [] if status else [MrrPeriodView.of(each, interval, plan) async for plan, each in report.periods()]
    if wants_csv(request, report.asked.format) and not status:
        return csv_answer("mrr", MrrPeriodView.heads(), (each.cells() for each in data))
    standing = await report.figures.standing(report.tenant, report.range.plan, status)
    now = next((each for each in standing if each.currency == report.range.currency), None)
    return MrrView(**report.about(request), definitions=definitions(*REVENUE), now=MrrNowView.of(now), data=data)
