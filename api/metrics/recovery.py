"""Recovery: what comes of payments that fail."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from api.http.csv import Cell, csv_answer, wants_csv
from api.http.dependencies import WithRepositories
from api.metrics.ranges import CurrencyCode, Format, From, Interval, PlanAlone, To, report_query
from api.metrics.reports import RESPONSES, ReportView, WithReading
from domain.revenue.definitions import RECOVERY, definitions
from domain.revenue.figures import PeriodLength, Segment
from domain.revenue.queries import label
from domain.revenue.ratios import decimal
from domain.revenue.recoveries import RecoveredBy, RecoveryOutcome
from domain.revenue.recovery_figures import RecoveryFigure, RecoveryGroup, RecoveryPeriod

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=RESPONSES)


class OwedView(BaseModel):
    """How many payments, and how much was owed, in minor units."""

    count: int
    amount: int


class RecoveryFigureView(BaseModel):
    """What came of payments that failed. Rates are from 0 to 1, and null if none was recovered or lost."""

    recovered: OwedView
    lost: OwedView
    open: OwedView
    waived: OwedView
    recovery_rate: float | None
    recovery_amount_rate: float | None

    @classmethod
    def of(cls, figure: RecoveryFigure) -> Self:
        owed = {each.value: figure.of(each) for each in RecoveryOutcome}
        return cls(
            **{name: OwedView(count=each.count, amount=each.amount) for name, each in owed.items()},
            recovery_rate=decimal(figure.rate),
            recovery_amount_rate=decimal(figure.amount_rate),
        )

    def cells(self) -> list[Cell]:
        """In the order of `FIGURE_HEADS`."""
        owed: list[Cell] = [
            getattr(getattr(self, each.value), name) for each in RecoveryOutcome for name in OwedView.model_fields
        ]
        return [*owed, self.recovery_rate, self.recovery_amount_rate]


FIGURE_HEADS = (
    *(f"{each.value}_{name}" for each in RecoveryOutcome for name in OwedView.model_fields),
    "recovery_rate",
    "recovery_amount_rate",
)


class RecoveryPeriodView(RecoveryFigureView):
    """The recoveries of renewals that began in one period, and those of first payments."""

    period: str = Field(examples=["2026-10"])
    plan: str | None = Field(default=None, description="with `group=plan`, or of one plan alone")
    decline_code: str | None = Field(default=None, description="of the latest attempt, with `group=decline_code`")
    tries: int | None = Field(default=None, description="the first decline included, with `group=tries`")
    by: RecoveredBy | None = Field(
        default=None, description="what brought the payment, with `group=by`; null: it has not come"
    )
    first_payments: RecoveryFigureView

    @classmethod
    def of_period(
        cls, found: RecoveryPeriod, length: PeriodLength, plan: str, group: RecoveryGroup | None
    ) -> "RecoveryPeriodView":
        named: dict[str, Any] = {"plan": plan or None}
        if group is not None:
            named[group.value] = found.group or None
        return cls(
            **named,
            period=label(found.first_day, length),
            first_payments=RecoveryFigureView.of(found.first_payments),
            **dict(RecoveryFigureView.of(found.renewals)),
        )

    @staticmethod
    def heads() -> list[str]:
        return ["period", *_GROUPS, *FIGURE_HEADS, *(f"first_payments_{name}" for name in FIGURE_HEADS)]

    def row(self) -> list[Cell]:
        """A row of the CSV, in the order of `heads`."""
        names: list[Cell] = [getattr(self, name) for name in _GROUPS]
        return [self.period, *names, *self.cells(), *self.first_payments.cells()]


_GROUPS = tuple(each.value for each in RecoveryGroup)


class RecoveryReportView(ReportView):
    """What came of failed payments, by the period in which they failed first, oldest first."""

    data: list[RecoveryPeriodView]


@dataclass(frozen=True)
class AskedRecovery:
    """The query of a report of recoveries."""

    first: From = None
    last: To = None
    interval: Interval = PeriodLength.MONTH
    plan: PlanAlone = ""
    currency: CurrencyCode = None
    group: Annotated[RecoveryGroup | None, Query(description="a row for each")] = None
    format: Format = None


@router.get(
    "/recovery",
    operation_id="getRecovery",
    summary="Get the recovery of failed payments",
    response_model=RecoveryReportView,
)
async def recovery(
    asked: Annotated[AskedRecovery, Depends()], reading: WithReading, repositories: WithRepositories
) -> RecoveryReportView | Response:
    """Recoveries that began in each period: recovered, lost, still open, waived. First payments are apart."""
    query = report_query(
        asked.first, asked.last, asked.interval, Segment(asked.plan), asked.currency or reading.currency
    )
    report = await repositories.outcomes.recoveries(reading.tenant, query, asked.group)
    data = [RecoveryPeriodView.of_period(each, query.length, asked.plan, asked.group) for each in report.periods]
    if wants_csv(reading.request, asked.format):
        return csv_answer("recovery", RecoveryPeriodView.heads(), (each.row() for each in data))
    return RecoveryReportView(
        **reading.about(report.extent, query.length),
        currency=query.currency,
        definitions=definitions(*RECOVERY),
        data=data,
    )
