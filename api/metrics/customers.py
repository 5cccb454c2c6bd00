"""How many customers pay, and who came and went."""

from typing import Self

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.http.csv import Cell, csv_answer, wants_csv
from api.metrics.ranges import WithRange
from api.metrics.reports import BILLING_INTERVAL, PLAN, RESPONSES, ReportView, WithReading
from domain.revenue.customers import CAME, WENT, CustomerCounts
from domain.revenue.definitions import definitions
from domain.revenue.figures import Period, PeriodLength, Segment
from domain.revenue.queries import label

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=RESPONSES)


class CustomersPeriodView(BaseModel):
    """One period. Each time counts: `start` and all who came, less all who went, is `end`."""

    period: str = Field(examples=["2026-10"])
    plan: str | None = PLAN
    billing_interval: str | None = BILLING_INTERVAL
    start: int = Field(description="who pay at its start")
    opening: int
    new: int
    reactivation: int
    resume: int
    entering: int
    churn: int
    pause: int
    leaving: int
    end: int = Field(description="who pay at its end")

    @classmethod
    def of(cls, period: Period, length: PeriodLength, segment: Segment) -> Self:
        counts = vars(CustomerCounts.of(period))
        return cls(
            period=label(period.first_day, length),
            plan=segment.plan or None,
            billing_interval=segment.billing_interval or None,
            **counts,
        )

    @classmethod
    def heads(cls) -> list[str]:
        return list(cls.model_fields)

    def cells(self) -> list[Cell]:
        """A row of the CSV, in the order of `heads`."""
        return [getattr(self, name) for name in self.heads()]


class CustomersReportView(ReportView):
    """How many customers pay in each period, oldest first."""

    data: list[CustomersPeriodView]


@router.get(
    "/customers",
    operation_id="getCustomerCounts",
    summary="Get the number of paying customers, and its changes",
    response_model=CustomersReportView,
)
async def customers(asked: WithRange, reading: WithReading) -> CustomersReportView | Response:
    """Paying customers at the start of each period, gained, lost, and at its end."""
    asked.refuse_status("customers")
    query = asked.query(reading.currency)
    report = await reading.figures.periods(reading.tenant, query)
    data = [CustomersPeriodView.of(period, query.length, segment) for segment, period in report.periods()]
    if wants_csv(reading.request, asked.format):
        return csv_answer("customers", CustomersPeriodView.heads(), (each.cells() for each in data))
    return CustomersReportView(
        **reading.about(report.extent, query.length),
        currency=query.currency,
        definitions=definitions("customers", *CAME, *WENT),
        data=data,
    )
