"""Reads figures of how trials, recoveries and cancellations come out, each report in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.revenue.cancellation_figures import (
    CancellationGroup,
    CancellationPeriod,
    CancellationSum,
    cancellation_periods,
)
from domain.revenue.figures import Grouping
from domain.revenue.queries import Range, ReportQuery
from domain.revenue.recoveries import RecoveryOutcome
from domain.revenue.recovery_figures import RecoveryGroup, RecoveryPeriod, RecoverySum, recovery_periods
from domain.revenue.trial_figures import TrialPeriod, TrialSum, trial_periods
from storage.db.engine import LISTS_WITHIN, sql_text, transaction
from storage.revenue.figures import Extent, RevenueReader

_FILES = Path(__file__).parent / "sql"
Figures = TypeVar("Figures")


@dataclass(frozen=True)
class OutcomeReport(Generic[Figures]):
    """The figures of each period, oldest first; of one group after the other, if they are told apart."""

    extent: Extent
    range: Range
    periods: Sequence[Figures]


class OutcomeFigures:
    """Reports of how things came out for a tenant's customers, by days of *timezone*."""

    def __init__(self, engine: AsyncEngine, timezone: str) -> None:
        self._engine = engine
        self._timezone = timezone

    async def trials(self, tenant: str, query: ReportQuery) -> OutcomeReport[TrialPeriod]:
        """What came of the trials that ended in each period, whatever their currency.

        Raises:
            Malformed: the periods are in the wrong order, or too many.
        """
        extent, of, rows = await self._read("trials", tenant, query, by_plan=query.group is Grouping.PLAN)
        sums = [TrialSum(**row._mapping) for row in rows]  # noqa: SLF001 - its documented name
        groups = _groups((each.group for each in sums), is_grouped=query.group is Grouping.PLAN)
        return OutcomeReport(extent, of, trial_periods(sums, of.first, of.beyond, of.length, groups))

    async def recoveries(
        self, tenant: str, query: ReportQuery, group: RecoveryGroup | None = None
    ) -> OutcomeReport[RecoveryPeriod]:
        """What came of the recoveries that began in each period, in one currency.

        Raises:
            Malformed: the periods are in the wrong order, or too many.
        """
        given = {"currency": query.currency, "group": group.value if group is not None else ""}
        extent, of, rows = await self._read("recoveries", tenant, query, **given)
        sums = [
            RecoverySum(**{**row._mapping, "outcome": RecoveryOutcome(row.outcome)})  # noqa: SLF001 - as above
            for row in rows
        ]
        groups = _groups((each.group for each in sums), is_grouped=group is not None)
        return OutcomeReport(extent, of, recovery_periods(sums, of.first, of.beyond, of.length, groups))

    async def cancellations(
        self, tenant: str, query: ReportQuery, group: CancellationGroup | None = None
    ) -> OutcomeReport[CancellationPeriod]:
        """The cancellations that were asked for in each period, whatever their currency.

        Raises:
            Malformed: the periods are in the wrong order, or too many.
        """
        given = {"group": group.value if group is not None else ""}
        extent, of, rows = await self._read("cancellations", tenant, query, **given)
        sums = [CancellationSum(**row._mapping) for row in rows]  # noqa: SLF001 - as above
        groups = _groups((each.group for each in sums), is_grouped=group is not None)
        return OutcomeReport(extent, of, cancellation_periods(sums, of.first, of.beyond, of.length, groups))

    async def _read(
        self, name: str, tenant: str, query: ReportQuery, **given: Any
    ) -> tuple[Extent, Range, Sequence[Row[Any]]]:
        async with transaction(self._engine, tenant, statements_within=LISTS_WITHIN) as connection:
            extent = await (await RevenueReader.of(connection, tenant, self._timezone)).extent()
            wanted = query.range(extent.latest)
            parameters = {
                "tenant": tenant,
                "timezone": self._timezone,
                "plan": wanted.segment.plan,
                "interval": wanted.length.value,
                "first": wanted.first,
                "beyond": wanted.beyond,
            }
            rows = await connection.execute(sql_text(_FILES / f"{name}.sql"), parameters | given)
            return extent, wanted, rows.all()


def _groups(seen: Iterable[str], *, is_grouped: bool) -> list[str]:
    """The groups, in order: numbers as numbers."""
    return sorted(set(seen), key=lambda group: (len(group) if group.isdecimal() else 0, group)) if is_grouped else [""]
