"""Reads figures of usage from the statistics that the roll-up takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import Date, cast, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.entitlements.usage_figures import UsageFigure
from domain.revenue.queries import ReportQuery
from storage.db.engine import LISTS_WITHIN, sql_text, transaction

_FIGURES = Path(__file__).parent / "sql" / "figures.sql"


@dataclass(frozen=True)
class UsageReport:
    """How plans use features in each period, oldest first. A period without statistics is not in it."""

    as_of: datetime
    today: date
    figures: Sequence[UsageFigure]


class UsageFigures:
    """Reports of one tenant's usage, by days of *timezone*."""

    def __init__(self, engine: AsyncEngine, timezone: str) -> None:
        self._engine = engine
        self.timezone = timezone

    async def report(self, tenant: str, query: ReportQuery, feature: str = "") -> UsageReport:
        """The last statistics of each period, of all features or one; those of the current period are the latest.

        Raises:
            Malformed: the periods are in the wrong order, or too many.
        """
        now = select(func.now(), cast(func.timezone(self.timezone, func.now()), Date))
        async with transaction(self._engine, tenant, statements_within=LISTS_WITHIN) as connection:
            as_of, today = (await connection.execute(now)).one()
            wanted = query.range(today)
            given = {
                "tenant": tenant,
                "timezone": self.timezone,
                "interval": wanted.length.value,
                "first": wanted.first,
                "beyond": wanted.beyond,
                "plan": wanted.segment.plan,
                "feature": feature,
            }
            rows = (await connection.execute(sql_text(_FIGURES), given)).all()
        return UsageReport(as_of, today, [UsageFigure(**row._mapping) for row in rows])  # noqa: SLF001 - its name
