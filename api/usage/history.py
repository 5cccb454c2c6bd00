"""Looking back upon use: a customer's periods and days for charts, and what all customers use by plan."""

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.entitlements.lookup import WithEntitlements, feature_named
from api.entitlements.routes import CustomerId, FeatureCode
from api.entitlements.views import PlanRef
from api.http.auth import Operator, Reader
from api.http.dependencies import WithRepositories
from api.http.openapi import READING
from domain.access import Basis
from domain.catalog.features import UsageWindow
from domain.entitlements.grants import is_gauge
from storage.usage.history import PastDay, PastPeriod, Statistic

router = APIRouter(tags=["Usage"], responses=READING)

A_MONTH = timedelta(days=31)


class UsagePeriodView(BaseModel):
    """How much was used in one period."""

    starts_at: datetime
    ends_at: datetime
    used: int

    @classmethod
    def of(cls, period: PastPeriod) -> "UsagePeriodView":
        return cls(starts_at=period.starts, ends_at=period.ends, used=period.used)


class GaugeDayView(BaseModel):
    """How much of a gauge there was on one day, as it was looked at every six hours."""

    day: date
    lowest: int
    highest: int
    latest: int

    @classmethod
    def of(cls, day: PastDay) -> "GaugeDayView":
        return cls(day=day.day, lowest=day.lowest, highest=day.highest, latest=day.latest)


class UsageHistoryView(BaseModel):
    """A feature's past, oldest first; periods and days of which nothing is known are left out."""

    customer: str
    plan: PlanRef | None
    basis: Basis
    feature: str
    window: UsageWindow | None = Field(description="null: use of it is not counted")
    periods: list[UsagePeriodView] = Field(description="of what is counted over a time; the last one still runs")
    days: list[GaugeDayView] = Field(description="of gauges")


class UsageStatisticView(BaseModel):
    """How much the customers of one plan use of one feature, in the periods that go on."""

    plan: str | None = Field(description="null: they have none, and there is no free plan")
    feature: str
    customers: int
    used: int = Field(description="by all of them together")
    highest: int = Field(description="by one of them")
    near_limit: int = Field(description="customers at 80 % of their limit or more")
    at_limit: int = Field(description="customers at 100 % of their limit or more")

    @classmethod
    def of(cls, row: Statistic) -> "UsageStatisticView":
        return cls(
            plan=row.plan or None,
            feature=row.feature,
            customers=row.customers,
            used=row.used,
            highest=row.highest,
            near_limit=row.near_limit,
            at_limit=row.at_limit,
        )


class UsageStatistics(BaseModel):
    """The latest statistics; they are taken every six hours."""

    taken_at: datetime | None = Field(description="null: none were taken yet")
    statistics: list[UsageStatisticView]


@router.get(
    "/v1/customers/{external_id:path}/usage/{feature}",
    operation_id="getUsageHistory",
    summary="How much a customer has used of one feature, period by period",
)
async def usage_history(
    external_id: CustomerId,
    feature: FeatureCode,
    caller: Reader,
    entitlements: WithEntitlements,
    repositories: WithRepositories,
    periods: Annotated[
        int, Query(ge=1, le=400, description="so many at most; of a gauge the days of as many months")
    ] = 12,
) -> UsageHistoryView:
    snapshot = await entitlements.of(caller.tenant, external_id)
    asked = feature_named(feature, snapshot)
    past: list[PastPeriod] = []
    days: list[PastDay] = []
    if is_gauge(asked):
        back = A_MONTH * periods
        days = await repositories.usage_history.days(external_id, asked.code, back=back, tenant=caller.tenant)
    else:
        past = await repositories.usage_history.periods(external_id, asked.code, limit=periods, tenant=caller.tenant)
    return UsageHistoryView(
        customer=external_id,
        plan=PlanRef.of(snapshot),
        basis=snapshot.standing.basis,
        feature=asked.code,
        window=asked.window,
        periods=[UsagePeriodView.of(period) for period in past],
        days=[GaugeDayView.of(day) for day in days],
    )


@router.get(
    "/v1/usage/statistics",
    operation_id="getUsageStatistics",
    summary="How much all customers use, by plan and feature",
)
async def usage_statistics(caller: Operator, repositories: WithRepositories) -> UsageStatistics:
    rows = await repositories.usage_history.statistics(tenant=caller.tenant)
    return UsageStatistics(
        taken_at=rows[0].taken_at if rows else None, statistics=[UsageStatisticView.of(row) for row in rows]
    )
