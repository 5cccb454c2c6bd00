"""Reads single parts of reports."""

from domain.names import DEFAULT_TENANT
from domain.revenue.figures import ALL, Period, Segment
from domain.revenue.overview import Standing, total
from domain.revenue.queries import Range
from storage.revenue.figures import Extent, Line, RevenueFigures


async def periods_of(figures: RevenueFigures, wanted: Range, tenant: str = DEFAULT_TENANT) -> list[Period]:
    return (await all_periods_of(figures, wanted, tenant))[Line(wanted.currency, wanted.segment)]


async def all_periods_of(
    figures: RevenueFigures, wanted: Range, tenant: str = DEFAULT_TENANT
) -> dict[Line, list[Period]]:
    async with figures.reading(tenant) as reader:
        return await reader.periods(wanted)


async def standing_of(figures: RevenueFigures, segment: Segment = ALL, tenant: str = DEFAULT_TENANT) -> Standing:
    async with figures.reading(tenant) as reader:
        return total(await reader.standing(segment))


async def extent_of(figures: RevenueFigures) -> Extent:
    async with figures.reading(DEFAULT_TENANT) as reader:
        return await reader.extent()
