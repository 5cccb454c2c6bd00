"""How plans use features: what is used, and how near to the limits."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from api.http.auth import Analyst
from api.http.csv import Cell, csv_answer, wants_csv
from api.http.dependencies import WithRepositories
from api.metrics.ranges import Format, From, Interval, PlanAlone, To, report_query
from api.metrics.reports import RESPONSES, ReportLinksView
from domain.entitlements.usage_figures import UsageFigure
from domain.formatting import moment
from domain.revenue.definitions import USAGE, USERS, definitions
from domain.revenue.figures import PeriodLength, Segment, first_day_of
from domain.revenue.queries import label
from domain.revenue.ratios import decimal

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=RESPONSES)


class UsageFigureView(BaseModel):
    """How the customers of one plan used one feature; null: statistics from before this was kept."""

    period: str = Field(examples=["2026-10"])
    plan: str | None = Field(description="null for customers without a plan, if there is no free plan")
    feature: str
    taken_at: datetime = Field(description="the last statistics of the period")
    customers: int = Field(description=USERS)
    active: int | None
    used: int
    median: int | None
    p90: int | None
    highest: int
    limited: int | None
    share_at_80: float | None
    share_at_90: float | None
    share_at_100: float | None

    @classmethod
    def of(cls, figure: UsageFigure, length: PeriodLength) -> Self:
        return cls(
            period=label(figure.first_day, length),
            plan=figure.plan or None,
            feature=figure.feature,
            taken_at=figure.taken_at,
            customers=figure.customers,
            active=figure.active,
            used=figure.used,
            median=figure.median,
            p90=figure.p90,
            highest=figure.highest,
            limited=figure.limited,
            share_at_80=decimal(figure.share_at(80)),
            share_at_90=decimal(figure.share_at(90)),
            share_at_100=decimal(figure.share_at(100)),
        )

    def cells(self) -> list[Cell]:
        """A row of the CSV, in the order of the fields."""
        return [moment(value) if isinstance(value, datetime) else value for value in dict(self).values()]


class UsageFiguresView(BaseModel):
    """How plans use features in each period, oldest first. A period without statistics is not in it."""

    timezone: str = Field(description="whose days and months these are")
    as_of: datetime
    complete_until: date = Field(description="the last day of the last period that is over")
    definitions: dict[str, str]
    links: ReportLinksView
    data: list[UsageFigureView]


@dataclass(frozen=True)
class AskedUsage:
    """The query of a report of usage."""

    first: From = None
    last: To = None
    interval: Interval = PeriodLength.MONTH
    plan: PlanAlone = ""
    feature: Annotated[str, Query(max_length=64, pattern="^[a-z0-9_]*$", description="of this feature alone")] = ""
    format: Format = None


@router.get(
    "/usage", operation_id="getUsageFigures", summary="Get usage of features by plan", response_model=UsageFiguresView
)
async def usage_figures(
    asked: Annotated[AskedUsage, Depends()], caller: Analyst, repositories: WithRepositories, request: Request
) -> UsageFiguresView | Response:
    """By plan and feature: what is used, by half and nine of ten customers, and how many are near their limit.

    All are of customers who have begun to use the feature in their current period. Statistics are taken every six
    hours and kept for 400 days.
    """
    query = report_query(asked.first, asked.last, asked.interval, Segment(asked.plan))
    figures = repositories.usage_figures
    report = await figures.report(caller.tenant, query, asked.feature)
    data = [UsageFigureView.of(each, query.length) for each in report.figures]
    if wants_csv(request, asked.format):
        return csv_answer("usage", list(UsageFigureView.model_fields), (each.cells() for each in data))
    return UsageFiguresView(
        timezone=figures.timezone,
        as_of=report.as_of,
        complete_until=first_day_of(report.today, query.length) - timedelta(days=1),
        definitions={"customers": USERS, **definitions(*USAGE)},
        links=ReportLinksView(csv=str(request.url.include_query_params(format="csv"))),
        data=data,
    )
