"""Who began to pay in the same month, and who of them still does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from api.http.csv import Cell, csv_answer, wants_csv
from api.http.dependencies import WithRepositories
from api.metrics.ranges import CurrencyCode, Format, From, To, report_query, segment
from api.metrics.reports import RESPONSES, ReportView, WithReading
from domain.catalog.plans import Interval
from domain.revenue.cohorts import Cohort, Retained
from domain.revenue.definitions import COHORTS, definitions
from domain.revenue.figures import Grouping, PeriodLength, Segment, monthly
from domain.revenue.queries import label
from domain.revenue.ratios import decimal

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=RESPONSES)


class CohortMonthView(BaseModel):
    """What is left of a cohort at the end of a month."""

    month: int = Field(description="how many months after the first, which is 0")
    period: str = Field(examples=["2026-10"])
    customers: int = Field(description="of the cohort who pay")
    mrr: int
    arr: int
    customer_retention: float | None
    revenue_retention: float | None
    is_complete: bool = Field(description="false: the month is not over")

    @classmethod
    def of(cls, month: int, retained: Retained) -> Self:
        return cls(
            month=month,
            period=label(retained.first_day, PeriodLength.MONTH),
            customers=retained.customers,
            mrr=monthly(retained.annual),
            arr=retained.annual,
            customer_retention=decimal(retained.customer_share),
            revenue_retention=decimal(retained.revenue_share),
            is_complete=retained.is_complete,
        )


class CohortView(BaseModel):
    """Who first paid in one month."""

    cohort: str = Field(examples=["2026-01"])
    plan: str | None = Field(default=None, description="that they began with, with `group=plan` or of one alone")
    billing_interval: str | None = Field(
        default=None, description="that they began with, with `group=billing_interval` or of one alone"
    )
    customers: int = Field(description="how many they are")
    mrr: int = Field(description="what they began with")
    arr: int
    months: list[CohortMonthView] = Field(description="the month itself and all since; empty: nobody began in it")

    @classmethod
    def of(cls, cohort: Cohort, part: Segment) -> Self:
        return cls(
            cohort=label(cohort.first_day, PeriodLength.MONTH),
            plan=part.plan or None,
            billing_interval=part.billing_interval or None,
            customers=cohort.customers,
            mrr=monthly(cohort.began_with),
            arr=cohort.began_with,
            months=[CohortMonthView.of(number, month) for number, month in enumerate(cohort.months)],
        )

    @staticmethod
    def heads() -> list[str]:
        return [*_OF_COHORT, "cohort_customers", "cohort_mrr", *CohortMonthView.model_fields]

    def rows(self) -> Iterator[list[Cell]]:
        """The rows of the CSV, in the order of `heads`: one for each month."""
        for month in self.months:
            named = (getattr(self, name) for name in _OF_COHORT)
            yield [*named, self.customers, self.mrr, *(getattr(month, name) for name in CohortMonthView.model_fields)]


_OF_COHORT = ("cohort", "plan", "billing_interval")


class CohortsView(ReportView):
    """The cohort of each month, oldest first."""

    data: list[CohortView]


@dataclass(frozen=True)
class AskedCohorts:
    """The query of cohorts."""

    first: From = None
    last: To = None
    plan: Annotated[
        str, Query(max_length=64, pattern="^[a-z0-9_]*$", description="of those alone who began with this plan")
    ] = ""
    billing_interval: Annotated[
        Interval | None, Query(description="of those alone who began with what is billed every month, or every year")
    ] = None
    currency: CurrencyCode = None
    group: Annotated[
        Grouping | None, Query(description="cohorts for each plan, or each billing interval, that they began with")
    ] = None
    format: Format = None


@router.get("/cohorts", operation_id="getCohorts", summary="Get retention by cohort", response_model=CohortsView)
async def cohorts(
    asked: Annotated[AskedCohorts, Depends()], reading: WithReading, repositories: WithRepositories
) -> CohortsView | Response:
    """Who first paid in each month, and what they come to in each month since. Amounts are in minor units."""
    part = segment(asked.plan, asked.billing_interval)
    query = report_query(
        asked.first, asked.last, PeriodLength.MONTH, part, asked.currency or reading.currency, asked.group
    )
    report = await repositories.cohorts.cohorts(reading.tenant, query)
    data = [CohortView.of(each, line.segment) for line, found in report.lines.items() for each in found]
    if wants_csv(reading.request, asked.format):
        return csv_answer("cohorts", CohortView.heads(), (row for each in data for row in each.rows()))
    return CohortsView(
        **reading.about(report.extent),
        currency=query.currency,
        definitions=definitions("mrr", "arr", *COHORTS),
        data=data,
    )
