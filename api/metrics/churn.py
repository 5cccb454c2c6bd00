"""What is lost: customers and revenue that leave, and what is retained."""

from typing import Any, Self

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.http.csv import Cell, csv_answer, wants_csv
from api.metrics.ranges import WithRange
from api.metrics.reports import BILLING_INTERVAL, PLAN, RESPONSES, ReportView, WithReading
from api.metrics.views import MovementFigureView
from domain.revenue.definitions import CHURN, definitions
from domain.revenue.figures import ChurnGroup, Period, PeriodLength, Segment, monthly
from domain.revenue.movements import MovementKind
from domain.revenue.queries import label
from domain.revenue.ratios import (
    decimal,
    gross_churn,
    gross_churn_by,
    logo_churn,
    logo_churn_by,
    net_churn,
    retention,
)

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=RESPONSES)


class ChurnShareView(MovementFigureView):
    """Churn for such reasons, and its share of what there was."""

    logo_churn: float | None
    gross_revenue_churn: float | None

    @classmethod
    def of_group(cls, period: Period, group: ChurnGroup) -> Self:
        figure = period.churn_by[group]
        return cls(
            mrr=monthly(figure.annual),
            arr=figure.annual,
            customers=figure.customers,
            logo_churn=decimal(logo_churn_by(period, group)),
            gross_revenue_churn=decimal(gross_churn_by(period, group)),
        )


class ChurnSharesView(BaseModel):
    """Churn by who or what ended it."""

    voluntary: ChurnShareView
    involuntary: ChurnShareView
    operator: ChurnShareView
    other: ChurnShareView


class ChurnPeriodView(BaseModel):
    """One period. Ratios are null if there was nothing at its start; what is lost is negative."""

    period: str = Field(examples=["2026-10"])
    plan: str | None = PLAN
    billing_interval: str | None = BILLING_INTERVAL
    customers_at_start: int = Field(description="who pay at its start")
    start: int = Field(description="mrr at its start")
    start_arr: int
    logo_churn: float | None
    gross_revenue_churn: float | None
    net_revenue_churn: float | None
    grr: float | None
    nrr: float | None
    churn: MovementFigureView
    contraction: MovementFigureView
    expansion: MovementFigureView
    reactivation: MovementFigureView
    by: ChurnSharesView

    @classmethod
    def of(cls, period: Period, length: PeriodLength, segment: Segment) -> Self:
        gross, net = gross_churn(period), net_churn(period)
        moved: dict[str, Any] = {kind: MovementFigureView.of(period.moved[kind]) for kind in _MOVES}
        return cls(
            period=label(period.first_day, length),
            plan=segment.plan or None,
            billing_interval=segment.billing_interval or None,
            customers_at_start=period.customers_at_start,
            start=monthly(period.start),
            start_arr=period.start,
            logo_churn=decimal(logo_churn(period)),
            gross_revenue_churn=decimal(gross),
            net_revenue_churn=decimal(net),
            grr=decimal(retention(gross)),
            nrr=decimal(retention(net)),
            by=ChurnSharesView(**{group.value: ChurnShareView.of_group(period, group) for group in ChurnGroup}),
            **moved,
        )

    @staticmethod
    def heads() -> list[str]:
        moved = [name for kind in _MOVES for name in (kind, f"{kind}_customers")]
        groups = [f"{group}_{name}" for group in ChurnGroup for name in _OF_GROUP]
        return [*_OF_PERIOD, *moved, *groups]

    def cells(self) -> list[Cell]:
        """A row of the CSV, in the order of `heads`."""
        moved: list[Cell] = [getattr(getattr(self, kind), name) for kind in _MOVES for name in ("mrr", "customers")]
        groups: list[Cell] = [getattr(getattr(self.by, group), name) for group in ChurnGroup for name in _OF_GROUP]
        return [*(getattr(self, name) for name in _OF_PERIOD), *moved, *groups]


_MOVES = (MovementKind.CHURN, MovementKind.CONTRACTION, MovementKind.EXPANSION, MovementKind.REACTIVATION)
_OF_PERIOD = tuple(name for name in ChurnPeriodView.model_fields if name not in (*_MOVES, "by"))
_OF_GROUP = ("mrr", "customers", "logo_churn", "gross_revenue_churn")


class ChurnReportView(ReportView):
    """What is lost in each period, oldest first."""

    data: list[ChurnPeriodView]


@router.get("/churn", operation_id="getChurn", summary="Get churn and retention", response_model=ChurnReportView)
async def churn(asked: WithRange, reading: WithReading) -> ChurnReportView | Response:
    """Customers and revenue that leave in each period, as shares of what it starts with, and by who ended it."""
    asked.refuse_status("churn rates")
    query = asked.query(reading.currency)
    report = await reading.figures.periods(reading.tenant, query)
    data = [ChurnPeriodView.of(period, query.length, segment) for segment, period in report.periods()]
    if wants_csv(reading.request, asked.format):
        return csv_answer("churn", ChurnPeriodView.heads(), (each.cells() for each in data))
    return ChurnReportView(
        **reading.about(report.extent, query.length),
        currency=query.currency,
        definitions=definitions("mrr", "arr", "customers", *CHURN, *_MOVES),
        data=data,
    )
