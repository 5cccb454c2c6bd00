"""Cancellations: who asks to leave, why, and who stays after all."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from api.http.csv import Cell, csv_answer, wants_csv
from api.http.dependencies import WithRepositories
from api.metrics.ranges import Format, From, Interval, PlanAlone, To, report_query
from api.metrics.reports import RESPONSES, AboutView, WithReading
from domain.revenue.cancellation_figures import REASONS, CancellationGroup, CancellationPeriod
from domain.revenue.definitions import CANCELLATIONS, definitions
from domain.revenue.figures import PeriodLength, Segment
from domain.revenue.outcomes import RetainedBy
from domain.revenue.queries import label
from domain.revenue.ratios import decimal

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=RESPONSES)


class TakenInsteadView(BaseModel):
    """What those took who undid their cancellation."""

    uncancel: int = Field(description="nothing else: they go on as before")
    pause: int
    change: int = Field(description="another plan, interval, quantity or add-on")


class CancellationPeriodView(BaseModel):
    """The cancellations that customers asked for in one period."""

    period: str = Field(examples=["2026-10"])
    plan: str | None = Field(default=None, description="with `group=plan`, or of one plan alone")
    reason_code: str | None = Field(default=None, description="with `group=reason_code`")
    asked: int
    asked_on_trial: int = Field(description="of these, during a trial")
    undone: int
    undone_by: TakenInsteadView
    in_effect: int
    pending: int
    save_rate: float | None = Field(description="from 0 to 1; null if none was undone or took effect")
    by_operators: int
    reasons: dict[str, int] = Field(description="of those asked, by reason; `none`: the customer did not say")

    @classmethod
    def of(cls, found: CancellationPeriod, length: PeriodLength, plan: str, group: CancellationGroup | None) -> Self:
        named: dict[str, Any] = {"plan": plan or None}
        if group is not None:
            named[group.value] = found.group or None
        return cls(
            **named,
            period=label(found.first_day, length),
            asked=found.asked,
            asked_on_trial=found.on_trial,
            undone=found.undone,
            undone_by=TakenInsteadView(**{kept.value: count for kept, count in found.retained.items()}),
            in_effect=found.ended,
            pending=found.pending,
            save_rate=decimal(found.save_rate),
            by_operators=found.by_operators,
            reasons=dict(found.reasons),
        )

    @staticmethod
    def heads() -> list[str]:
        instead = [f"undone_by_{kept.value}" for kept in RetainedBy]
        return [*_PLAIN, *instead, *(f"reason_{reason}" for reason in REASONS)]

    def cells(self) -> list[Cell]:
        """A row of the CSV, in the order of `heads`."""
        plain: list[Cell] = [getattr(self, name) for name in _PLAIN]
        instead: list[Cell] = [getattr(self.undone_by, kept.value) for kept in RetainedBy]
        return [*plain, *instead, *(self.reasons[reason] for reason in REASONS)]


_PLAIN = tuple(name for name in CancellationPeriodView.model_fields if name not in ("undone_by", "reasons"))


class CancellationsView(AboutView):
    """Cancellations, by the period in which they were asked for, oldest first."""

    data: list[CancellationPeriodView]


@dataclass(frozen=True)
class AskedCancellations:
    """The query of a report of cancellations."""

    first: From = None
    last: To = None
    interval: Interval = PeriodLength.MONTH
    plan: PlanAlone = ""
    group: Annotated[CancellationGroup | None, Query(description="a row for each")] = None
    format: Format = None


@router.get(
    "/cancellations",
    operation_id="getCancellations",
    summary="Get cancellations by reason and outcome",
    response_model=CancellationsView,
)
async def cancellations(
    asked: Annotated[AskedCancellations, Depends()], reading: WithReading, repositories: WithRepositories
) -> CancellationsView | Response:
    """Cancellations that customers asked for in each period, by reason, and what became of them."""
    query = report_query(asked.first, asked.last, asked.interval, Segment(asked.plan))
    report = await repositories.outcomes.cancellations(reading.tenant, query, asked.group)
    data = [CancellationPeriodView.of(each, query.length, asked.plan, asked.group) for each in report.periods]
    if wants_csv(reading.request, asked.format):
        return csv_answer("cancellations", CancellationPeriodView.heads(), (each.cells() for each in data))
    return CancellationsView(
        **reading.about(report.extent, query.length), definitions=definitions(*CANCELLATIONS), data=data
    )
