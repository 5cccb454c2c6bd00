"""Trials: how many begin and end, and what comes of them."""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from api.http.csv import Cell, csv_answer, wants_csv
from api.http.dependencies import WithRepositories
from api.metrics.ranges import Format, From, Interval, PlanAlone, To, report_query
from api.metrics.reports import RESPONSES, AboutView, WithReading
from domain.revenue.definitions import TRIALS, definitions
from domain.revenue.figures import Grouping, PeriodLength, Segment
from domain.revenue.queries import label
from domain.revenue.ratios import decimal
from domain.revenue.trial_figures import Conversion, TrialPeriod

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=RESPONSES)


class ConversionView(BaseModel):
    """Of the trials that ended, how many converted."""

    ended: int
    converted: int
    conversion: float | None

    @classmethod
    def of(cls, found: Conversion) -> Self:
        return cls(ended=found.ended, converted=found.converted, conversion=decimal(found.rate))


class DaysToConvertView(BaseModel):
    """From the start of a trial to the first payment, in days."""

    median: float | None
    mean: float | None


class TrialPeriodView(BaseModel):
    """One period. Ratios are from 0 to 1, and null if no trial ended."""

    period: str = Field(examples=["2026-10"])
    plan: str | None = Field(default=None, description="with `group=plan`, or of one plan alone")
    started: int
    running: int = Field(description="at its end")
    ended: int
    converted: int
    conversion: float | None
    expired: int
    canceled: int
    free: int
    declined: int
    with_card: ConversionView
    without_card: ConversionView
    days_to_convert: DaysToConvertView

    @classmethod
    def of(cls, found: TrialPeriod, length: PeriodLength, plan: str) -> Self:
        return cls(
            period=label(found.first_day, length),
            plan=plan or None,
            started=found.started,
            running=found.running,
            **ConversionView.of(found.all).model_dump(),
            expired=found.expired,
            canceled=found.canceled,
            free=found.free,
            declined=found.declined,
            with_card=ConversionView.of(found.with_card),
            without_card=ConversionView.of(found.without_card),
            days_to_convert=DaysToConvertView(median=_days(found.median_days), mean=_days(found.mean_days)),
        )

    @staticmethod
    def heads() -> list[str]:
        cards = [f"{card}_{name}" for card in _CARDS for name in ConversionView.model_fields]
        return [*_PLAIN, *cards, "median_days_to_convert", "mean_days_to_convert"]

    def cells(self) -> list[Cell]:
        """A row of the CSV, in the order of `heads`."""
        plain: list[Cell] = [getattr(self, name) for name in _PLAIN]
        cards: list[Cell] = [
            getattr(getattr(self, card), name) for card in _CARDS for name in ConversionView.model_fields
        ]
        return [*plain, *cards, self.days_to_convert.median, self.days_to_convert.mean]


_CARDS = ("with_card", "without_card")
_PLAIN = tuple(name for name in TrialPeriodView.model_fields if name not in (*_CARDS, "days_to_convert"))


def _days(found: float | None) -> float | None:
    return None if found is None else round(found, 1)


class TrialsView(AboutView):
    """What came of trials in each period, oldest first."""

    data: list[TrialPeriodView]


@dataclass(frozen=True)
class AskedTrials:
    """The query of a report of trials."""

    first: From = None
    last: To = None
    interval: Interval = PeriodLength.MONTH
    plan: PlanAlone = ""
    group: Annotated[Literal[Grouping.PLAN] | None, Query(description="a row for each plan that was tried")] = None
    format: Format = None


@router.get("/trials", operation_id="getTrials", summary="Get trials and their conversion", response_model=TrialsView)
async def trials(
    asked: Annotated[AskedTrials, Depends()], reading: WithReading, repositories: WithRepositories
) -> TrialsView | Response:
    """Trials that began and ended in each period, and how many of these converted, whatever their currency."""
    query = report_query(asked.first, asked.last, asked.interval, Segment(asked.plan), group=asked.group)
    report = await repositories.outcomes.trials(reading.tenant, query)
    data = [TrialPeriodView.of(each, query.length, each.group or asked.plan) for each in report.periods]
    if wants_csv(reading.request, asked.format):
        return csv_answer("trials", TrialPeriodView.heads(), (each.cells() for each in data))
    return TrialsView(**reading.about(report.extent, query.length), definitions=definitions(*TRIALS), data=data)
