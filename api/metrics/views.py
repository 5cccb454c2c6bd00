"""Reports of revenue as JSON and as rows. Amounts are in minor units; each is rounded once, from what is exact."""

from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, Field

from api.http.csv import Cell
from api.metrics.reports import BILLING_INTERVAL, PLAN, ReportView
from domain.revenue.figures import MOVES, ChurnGroup, Figure, Period, PeriodLength, Segment, monthly
from domain.revenue.movements import MovementKind
from domain.revenue.overview import Standing
from domain.revenue.queries import label


class MovementFigureView(BaseModel):
    """What moved one way in a period; what is lost is negative."""

    mrr: int
    arr: int
    customers: int = Field(description="customers who moved this way, each counted once")

    @classmethod
    def of(cls, figure: Figure) -> Self:
        return cls(mrr=monthly(figure.annual), arr=figure.annual, customers=figure.customers)


class ChurnByView(BaseModel):
    """Churn by who or what ended it."""

    voluntary: MovementFigureView = Field(description="the customer")
    involuntary: MovementFigureView = Field(description="a payment that failed, or was taken back by a bank")
    operator: MovementFigureView
    other: MovementFigureView = Field(description="ended at the payment provider, refunded, or not known")


class ChurnFigureView(MovementFigureView):
    """Churn in a period."""

    by: ChurnByView


class MovementsPeriodView(BaseModel):
    """One period. In `arr`, what it starts with and what moved add up exactly to what it ends with."""

    period: str = Field(examples=["2026-10"])
    plan: str | None = PLAN
    billing_interval: str | None = BILLING_INTERVAL
    start: int = Field(description="mrr at its start")
    start_arr: int
    new: MovementFigureView
    expansion: MovementFigureView
    contraction: MovementFigureView
    churn: ChurnFigureView
    reactivation: MovementFigureView
    pause: MovementFigureView
    resume: MovementFigureView
    opening: MovementFigureView
    entering: MovementFigureView = Field(description="of one plan alone: changes from other plans")
    leaving: MovementFigureView = Field(description="of one plan alone: changes to other plans")
    end: int = Field(description="mrr at its end")
    end_arr: int

    @classmethod
    def of(cls, period: Period, length: PeriodLength, segment: Segment) -> Self:
        groups = {group.value: MovementFigureView.of(period.churn_by[group]) for group in ChurnGroup}
        moved = {kind: MovementFigureView.of(period.moved[kind]) for kind in MOVES}
        churn = ChurnFigureView(**moved.pop(MovementKind.CHURN.value).model_dump(), by=ChurnByView(**groups))
        return cls(
            period=label(period.first_day, length),
            plan=segment.plan or None,
            billing_interval=segment.billing_interval or None,
            start=monthly(period.start),
            start_arr=period.start,
            end=monthly(period.end),
            end_arr=period.end,
            churn=churn,
            **moved,
        )

    @staticmethod
    def heads() -> list[str]:
        groups = [f"churn_{group}" for group in ChurnGroup]
        kinds = [name for kind in (*MOVES, *groups) for name in (kind, f"{kind}_customers")]
        return ["period", "plan", "billing_interval", "start", *kinds, "end", "start_arr", "end_arr"]

    def cells(self) -> list[Cell]:
        """A row of the CSV, in the order of `heads`."""
        by: Iterator[MovementFigureView] = (getattr(self.churn.by, group) for group in ChurnGroup)
        figures = [*(getattr(self, kind) for kind in MOVES), *by]
        moved: list[Cell] = [cell for figure in figures for cell in (figure.mrr, figure.customers)]
        return [
            self.period,
            self.plan,
            self.billing_interval,
            self.start,
            *moved,
            self.end,
            self.start_arr,
            self.end_arr,
        ]


class MrrPeriodView(BaseModel):
    """What there was at the end of a period."""

    period: str = Field(examples=["2026-10"])
    plan: str | None = PLAN
    billing_interval: str | None = BILLING_INTERVAL
    mrr: int
    arr: int
    paused: int = Field(description="mrr that pauses have taken out")
    customers: int = Field(description="who pay")

    @classmethod
    def of(cls, period: Period, length: PeriodLength, segment: Segment) -> Self:
        return cls(
            period=label(period.first_day, length),
            plan=segment.plan or None,
            billing_interval=segment.billing_interval or None,
            mrr=monthly(period.end),
            arr=period.end,
            paused=monthly(period.paused),
            customers=period.customers,
        )

    @staticmethod
    def heads() -> list[str]:
        return ["period", "plan", "billing_interval", "mrr", "arr", "paused", "customers"]

    def cells(self) -> list[Cell]:
        return [self.period, self.plan, self.billing_interval, self.mrr, self.arr, self.paused, self.customers]


class MrrNowView(BaseModel):
    """What there is now."""

    mrr: int
    arr: int
    committed: int = Field(description="without subscriptions that are set to end")
    at_risk: int = Field(description="the part of mrr whose payment is being recovered")
    paused: int
    trialing: int
    customers: int = Field(description="who pay")

    @classmethod
    def of(cls, standing: Standing) -> Self:
        return cls(
            mrr=monthly(standing.annual),
            arr=standing.annual,
            committed=monthly(standing.committed),
            at_risk=monthly(standing.at_risk),
            paused=monthly(standing.paused),
            trialing=monthly(standing.trialing),
            customers=standing.paying_customers,
        )


class MovementsView(ReportView):
    """What moved in each period, oldest first."""

    data: list[MovementsPeriodView]


class MrrView(ReportView):
    """Monthly recurring revenue: now, and at the end of each period, oldest first."""

    now: MrrNowView
    data: list[MrrPeriodView]
