"""Recurring revenue: MRR, and what moved it."""

from fastapi import APIRouter, Response

from api.http.csv import csv_answer, wants_csv
from api.metrics.ranges import WithRange
from api.metrics.reports import RESPONSES, WithReading
from api.metrics.views import MovementsPeriodView, MovementsView, MrrNowView, MrrPeriodView, MrrView
from domain.revenue.definitions import REVENUE, definitions
from domain.revenue.figures import MOVES

router = APIRouter(prefix="/v1/metrics", tags=["Metrics"], responses=RESPONSES)


@router.get("/movements", operation_id="getMovements", summary="Get the movements of MRR", response_model=MovementsView)
async def movements(asked: WithRange, reading: WithReading) -> MovementsView | Response:
    """New, expansion, contraction, churn, reactivation, pauses: what a period starts with, plus these, is its end.

    Amounts are in minor units.

    """
    asked.refuse_status("movements")
    query = asked.query(reading.currency)
    report = await reading.figures.periods(reading.tenant, query)
    data = [MovementsPeriodView.of(period, query.length, segment) for segment, period in report.periods()]
    if wants_csv(reading.request, asked.format):
        return csv_answer("movements", MovementsPeriodView.heads(), (each.cells() for each in data))
    return MovementsView(
        **reading.about(report.extent, query.length),
        currency=query.currency,
        definitions=definitions("mrr", "arr", *MOVES),
        data=data,
    )


@router.get("/mrr", operation_id="getMrr", summary="Get monthly recurring revenue", response_model=MrrView)
async def mrr(asked: WithRange, reading: WithReading) -> MrrView | Response:
    """MRR at the end of each period, and what there is now; with a status, that alone. Amounts are in minor units."""
    is_csv = wants_csv(reading.request, asked.format)
    asked.check_status(is_csv=is_csv)
    query = asked.query(reading.currency)
    report = await reading.figures.mrr(reading.tenant, query, asked.status or "")
    data = [MrrPeriodView.of(period, query.length, segment) for segment, period in report.periods()]
    if is_csv:
        return csv_answer("mrr", MrrPeriodView.heads(), (each.cells() for each in data))
    return MrrView(
        **reading.about(report.extent, query.length),
        currency=query.currency,
        definitions=definitions(*REVENUE),
        now=MrrNowView.of(report.now),
        data=data,
    )
