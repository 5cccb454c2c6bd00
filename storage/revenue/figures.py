"""Reads figures of recurring revenue. Each report is read in one transaction, by as many statements as it has parts."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.revenue.figures import (
    ALL,
    Grouping,
    Moved,
    Movers,
    Period,
    PeriodLength,
    Segment,
    by_period,
    earlier,
    first_day_of,
)
from domain.revenue.overview import FULL_MONTHS, Overview, Standing, StandingOf, overviews, total
from domain.revenue.queries import Range, ReportQuery
from storage.db.engine import LISTS_WITHIN, sql_text, transaction
from storage.schema.revenue_tables import mrr_roll_up

_FILES = Path(__file__).parent / "sql"
_BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything was recorded."""


@dataclass(frozen=True)
class Extent:
    """Of which time there are figures."""

    as_of: datetime
    today: date
    latest: date
    """The last day of the figures: today, or a later one if a subscription's own time is ahead."""
    since: date | None
    """From when on they are exact; None: nothing has moved yet."""
    currencies: tuple[str, ...]
    plans: tuple[str, ...]
    """All that were ever paid for."""


@dataclass(frozen=True)
class Line:
    """Whose figures follow each other in a report."""

    currency: str
    segment: Segment = ALL


@dataclass(frozen=True)
class PeriodsReport:
    """What moved in each period of one currency, oldest first; of one segment after the other."""

    extent: Extent
    range: Range
    lines: Mapping[Line, Sequence[Period]]

    def periods(self) -> Iterator[tuple[Segment, Period]]:
        """Each period, and what it is of."""
        for line, periods in self.lines.items():
            for period in periods:
                yield line.segment, period


@dataclass(frozen=True)
class MrrReport(PeriodsReport):
    """The same, and what there is now."""

    now: Standing


@dataclass(frozen=True)
class OverviewReport:
    """What there is now, by currency."""

    extent: Extent
    overviews: Sequence[Overview]
    months: Mapping[str, Sequence[Period]]
    """What moved in each month, oldest first, by currency."""


class RevenueFigures:
    """Reports of tenants' revenue, by days of *timezone*."""

    def __init__(self, engine: AsyncEngine, timezone: str) -> None:
        self._engine = engine
        self.timezone = timezone

    async def periods(self, tenant: str, query: ReportQuery) -> PeriodsReport:
        """What moved in each period: movements, customers and churn are in it.

        Raises:
            Malformed: the periods are in the wrong order, or too many.
        """
        async with self.reading(tenant) as reader:
            extent = await reader.extent()
            wanted = query.range(extent.latest)
            return PeriodsReport(extent, wanted, await reader.periods(wanted))

    async def mrr(self, tenant: str, query: ReportQuery, status: str = "") -> MrrReport:
        """What there was at the end of each period, and what there is now; with a *status* that alone.

        Raises:
            Malformed: the periods are in the wrong order, or too many.
        """
        async with self.reading(tenant) as reader:
            extent = await reader.extent()
            wanted = query.range(extent.latest)
            lines = {} if status else await reader.periods(wanted)
            now = await reader.standing(query.segment, currency=query.currency, status=status)
            return MrrReport(extent, wanted, lines, total(now))

    async def overview(
        self, tenant: str, segment: Segment = ALL, currency: str = "", *, months_before: int = FULL_MONTHS
    ) -> OverviewReport:
        """What there is now of each currency, or one, beside the current month and this many before: at least three."""
        async with self.reading(tenant) as reader:
            extent = await reader.extent()
            parts = await reader.standing(segment, currency=currency)
            first = earlier(first_day_of(extent.latest, PeriodLength.MONTH), PeriodLength.MONTH, months_before)
            wanted = ReportQuery(currency, first, extent.latest, segment=segment).range(extent.latest)
            months = {line.currency: periods for line, periods in (await reader.periods(wanted)).items()}
            # Customers with a running trial pay nothing yet.
            for part in parts:
                months.setdefault(part.currency, by_period([], [], wanted.first, wanted.beyond, wanted.length))
            return OverviewReport(extent, overviews(parts, months), months)

    @asynccontextmanager
    async def reading(self, tenant: str) -> "AsyncIterator[RevenueReader]":
        """Reads the parts of a report in one transaction."""
        async with transaction(self._engine, tenant, statements_within=LISTS_WITHIN) as connection:
            yield await RevenueReader.of(connection, tenant, self.timezone)


class RevenueReader:
    """Reads the parts of a report; each with a fixed number of statements."""

    def __init__(self, connection: AsyncConnection, tenant: str, timezone: str, since: datetime) -> None:
        self._connection = connection
        self._given: dict[str, Any] = {"tenant": tenant, "timezone": timezone, "since": since}

    @classmethod
    async def of(cls, connection: AsyncConnection, tenant: str, timezone: str) -> Self:
        """Reads how far the sums go: the planner must know it, or it takes what came since for a third of all.

        They may go further by the next statement, which looks again; less far they never go.
        """
        until = select(mrr_roll_up.c.recorded_until).where(mrr_roll_up.c.timezone == timezone)
        return cls(connection, tenant, timezone, (await connection.execute(until)).scalar() or _BEGAN)

    async def extent(self) -> Extent:
        [row] = await self._rows("extent", **self._given)
        latest = max(row.today, row.latest or row.today)
        return Extent(row.as_of, row.today, latest, row.since, tuple(row.currencies), tuple(row.plans))

    async def standing(self, segment: Segment = ALL, *, currency: str = "", status: str = "") -> list[StandingOf]:
        """What there is now; empty: of any currency, in any status."""
        rows = await self._rows(
            "standing",
            tenant=self._given["tenant"],
            plan=segment.plan,
            billing=segment.billing_interval,
            currency=currency,
            status=status,
        )
        return [
            StandingOf(row.currency, row.plan, row.billing_interval, row.status, Standing(*row[len(_NAMED) :]))
            for row in rows
        ]

    async def periods(self, wanted: Range) -> dict[Line, list[Period]]:
        """What moved in each period, oldest first; also if nothing has, if it is asked for one currency and segment."""
        given = self._given | {
            "currency": wanted.currency,
            "plan": wanted.segment.plan,
            "billing": wanted.segment.billing_interval,
            "by_plan": wanted.group is Grouping.PLAN,
            "by_billing": wanted.group is Grouping.BILLING_INTERVAL,
            "interval": wanted.length.value,
            "first": wanted.first,
            "beyond": wanted.beyond,
        }
        moved: dict[Line, list[Moved]] = defaultdict(list)
        movers: dict[Line, list[Movers]] = defaultdict(list)
        if wanted.currency and wanted.group is None:
            moved[Line(wanted.currency, wanted.segment)] = []
        for row in await self._rows("sums", **given):
            moved[_line(row)].append(Moved(row.period, row.moved, row.end_kind, row.delta, row.payers))
        for row in await self._rows("customers", **given):
            movers[_line(row)].append(Movers(row.period, row.moved, row.end_kind, row.customers))
        lines = sorted(moved, key=lambda line: (line.currency, astuple(line.segment)))
        return {
            line: by_period(moved[line], movers[line], wanted.first, wanted.beyond, wanted.length) for line in lines
        }

    async def _rows(self, name: str, **given: Any) -> Sequence[Row[Any]]:
        return (await self._connection.execute(sql_text(_FILES / f"{name}.sql"), given)).all()


_NAMED = ("currency", "plan", "billing_interval", "status")


def _line(row: Row[Any]) -> Line:
    return Line(row.currency, Segment(row.plan, row.billing))
