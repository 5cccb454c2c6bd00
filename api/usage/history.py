"""Past usage: a customer's periods and days for charts, and statistics over all customers by plan."""

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.entitlements.lookup import WithEntitlements, feature_named
from api.entitlements.routes import CustomerId, FeatureCode
from api.entitlements.views import PlanRef
from api.http.auth import Analyst, Reader
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
    """The values of a gauge on one day, sampled every six hours."""

    day: date
    lowest: int
    highest: int
    latest: int

    @classmethod
    def of(cls, day: PastDay) -> "GaugeDayView":
        return cls(day=day.day, lowest=day.lowest, highest=day.highest, latest=day.latest)


class UsageHistoryView(BaseModel):
    """Past usage of a feature, oldest first; periods and days without data are left out."""

    customer: str
    plan: PlanRef | None
    basis: Basis
    feature: str
    window: UsageWindow | None = Field(description="null if usage is not counted")
    periods: list[UsagePeriodView] = Field(description="for counters; the last one is the current period")
    days: list[GaugeDayView] = Field(description="for gauges")


class UsageStatisticView(BaseModel):
    """Usage of one feature by the customers of one plan, in their current periods."""

    plan: str | None = Field(description="null for customers without a plan, if there is no free plan")
    feature: str
    customers: int = Field(description="who have begun to use it in their current period")
    used: int = Field(description="total of all customers")
    highest: int = Field(description="highest of one customer")
    near_limit: int = Field(description="of these customers: at 80 % of their limit or more")
    at_limit: int = Field(description="of these customers: at 100 % of their limit or more")

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
    """The latest statistics, which are updated every six hours."""

    taken_at: datetime | None = Field(description="null if there are none yet")
    statistics: list[UsageStatisticView]


@router.get(
    "/v1/customers/{external_id:path}/usage/{feature}",
    operation_id="getUsageHistory",
    summary="Get a customer's usage history of one feature",
)
async def usage_history(
    external_id: CustomerId,
    feature: FeatureCode,
    caller: Reader,
    entitlements: WithEntitlements,
    repositories: WithRepositories,
    periods: Annotated[int, Query(ge=1, le=400, description="maximum number of periods; for a gauge, of months")] = 12,
) -> UsageHistoryView:
    snapshot = await entitlements.of(caller.tenant, external_id)
    resolved = feature_named(feature, snapshot)
    past: list[PastPeriod] = []
    days: list[PastDay] = []
    if is_gauge(resolved):
        back = A_MONTH * periods
        days = await repositories.usage_history.days(external_id, resolved.code, back=back, tenant=caller.tenant)
    else:
        past = await repositories.usage_history.periods(external_id, resolved.code, limit=periods, tenant=caller.tenant)
    return UsageHistoryView(
        customer=external_id,
        plan=PlanRef.of(snapshot),
        basis=snapshot.standing.basis,
        feature=resolved.code,
        window=resolved.window,
        periods=[UsagePeriodView.of(period) for period in past],
        days=[GaugeDayView.of(day) for day in days],
    )


@router.get(
    "/v1/usage/statistics",
    operation_id="getUsageStatistics",
    summary="Get usage statistics by plan and feature",
)
async def usage_statistics(caller: Analyst, repositories: WithRepositories) -> UsageStatistics:
    rows = await repositories.usage_history.statistics(tenant=caller.tenant)
    return UsageStatistics(
        taken_at=rows[0].taken_at if rows else None, statistics=[UsageStatisticView.of(row) for row in rows]
    )
