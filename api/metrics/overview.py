"""The revenue at a glance: what there is now, of what it consists, and how it grows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from api.http.csv import Cell, csv_answer, wants_csv
from api.metrics.ranges import CURRENCY, BillingInterval, Format, PlanCode, segment
from api.metrics.reports import RESPONSES, AboutView, WithReading
from domain.revenue.definitions import CUSTOMERS, GROWTH, REVENUE, definitions
from domain.revenue.figures import Period, PeriodLength, monthly
from domain.revenue.overview import Overview, Standing
from domain.revenue.queries import label
from domain.revenue.ratios import NoLifetimeValue, decimal, growth, minor_units, quick_ratio

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=RESPONSES)


class StandingView(BaseModel):
    """What there is now."""

    mrr: int
    arr: int
    committed: int = Field(description="without subscriptions that are set to end")
    at_risk: int = Field(description="the part of mrr whose payment is being recovered")
    paused: int
    trialing: int
    customers: int = Field(description="who pay")
    free_customers: int
    trialing_customers: int

    @classmethod
    def of(cls, standing: Standing, **names: Any) -> Self:
        return cls(
            mrr=monthly(standing.annual),
            arr=standing.annual,
            committed=monthly(standing.committed),
            at_risk=monthly(standing.at_risk),
            paused=monthly(standing.paused),
            trialing=monthly(standing.trialing),
            customers=standing.paying_customers,
            free_customers=standing.free_customers,
            trialing_customers=standing.trialing_customers,
            **names,
        )


_STANDING = tuple(StandingView.model_fields)


class PlanStandingView(StandingView):
    """What there is now of one plan."""

    plan: str


class BillingIntervalStandingView(StandingView):
    """What there is now of what is billed every month, or every year."""

    billing_interval: str


class StatusStandingView(StandingView):
    """What there is now in one status."""

    status: str


class MonthGrowthView(BaseModel):
    """How much came in and was lost in one month."""

    period: str = Field(examples=["2026-10"])
    start: int = Field(description="mrr at its start")
    end: int = Field(description="mrr at its end, or now")
    net_new: int
    growth: float | None
    quick_ratio: float | None

    @classmethod
    def of(cls, month: Period) -> Self:
        return cls(
            period=label(month.first_day, PeriodLength.MONTH),
            start=monthly(month.start),
            end=monthly(month.end),
            net_new=monthly(month.end - month.start),
            growth=decimal(growth(month)),
            quick_ratio=decimal(quick_ratio(month)),
        )


class CurrencyOverviewView(StandingView):
    """What there is now in one currency."""

    currency: str
    arpu: int | None
    ltv: int | None
    ltv_missing: NoLifetimeValue | None = Field(description="why there is no ltv")
    this_month: MonthGrowthView
    last_month: MonthGrowthView
    by_plan: list[PlanStandingView]
    by_billing_interval: list[BillingIntervalStandingView]
    by_status: list[StatusStandingView]

    @classmethod
    def of_all(cls, overview: Overview) -> Self:
        return cls.of(
            overview.total,
            currency=overview.currency,
            arpu=minor_units(overview.per_customer),
            ltv=minor_units(overview.lifetime_value.amount),
            ltv_missing=overview.lifetime_value.missing,
            this_month=MonthGrowthView.of(overview.this_month),
            last_month=MonthGrowthView.of(overview.last_month),
            by_plan=[PlanStandingView.of(each, plan=name) for name, each in overview.by_plan.items()],
            by_billing_interval=[
                BillingIntervalStandingView.of(each, billing_interval=name)
                for name, each in overview.by_billing_interval.items()
            ],
            by_status=[StatusStandingView.of(each, status=name) for name, each in overview.by_status.items()],
        )

    @staticmethod
    def heads() -> list[str]:
        of_month = [f"{name}_{month}" for month in ("this_month", "last_month") for name in _OF_MONTH]
        return ["currency", "by", "name", *_STANDING, "arpu", "ltv", *of_month]

    def rows(self) -> Iterator[list[Cell]]:
        """The rows of the CSV, in the order of `heads`: of all, then of each plan, billing interval and status."""
        of_month: list[Cell] = [
            getattr(month, name) for month in (self.this_month, self.last_month) for name in _OF_MONTH
        ]
        yield [self.currency, None, None, *_cells(self), self.arpu, self.ltv, *of_month]
        for by, parts in _PARTS.items():
            for part in getattr(self, parts):
                yield [self.currency, by, getattr(part, by), *_cells(part)]


_OF_MONTH = ("net_new", "growth", "quick_ratio")
_PARTS = {"plan": "by_plan", "billing_interval": "by_billing_interval", "status": "by_status"}


def _cells(standing: StandingView) -> list[Cell]:
    return [getattr(standing, name) for name in _STANDING]


class OverviewView(AboutView):
    """What there is now, by currency."""

    data: list[CurrencyOverviewView]


@dataclass(frozen=True)
class AskedOverview:
    """The query of an overview."""

    plan: PlanCode = ""
    billing_interval: BillingInterval = None
    currency: Annotated[str, Query(pattern=CURRENCY, description="by default each; they are never added")] = ""
    format: Format = None


@router.get(
    "/overview", operation_id="getRevenueOverview", summary="Get revenue at a glance", response_model=OverviewView
)
async def overview(asked: Annotated[AskedOverview, Depends()], reading: WithReading) -> OverviewView | Response:
    """What there is now, by plan, billing interval and status, and how it grows. Amounts are in minor units."""
    report = await reading.figures.overview(reading.tenant, segment(asked.plan, asked.billing_interval), asked.currency)
    data = [CurrencyOverviewView.of_all(each) for each in report.overviews]
    if wants_csv(reading.request, asked.format):
        return csv_answer("overview", CurrencyOverviewView.heads(), (row for each in data for row in each.rows()))
    return OverviewView(
        **reading.about(report.extent), definitions=definitions(*REVENUE, *CUSTOMERS, *GROWTH), data=data
    )
