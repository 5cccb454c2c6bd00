"""Sums up cohorts, and reads them: closed months are summed up, what was recorded since is worked out."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Date, Integer, Select, TextualSelect, cast, column, func, literal, select, union_all
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import Text

from domain.revenue.cohorts import Cohort, CohortChange, cohorts
from domain.revenue.figures import Grouping, Segment
from domain.revenue.queries import Range, ReportQuery
from storage.db.engine import LISTS_WITHIN, sql_text, transaction
from storage.revenue.figures import Extent, Line, RevenueReader
from storage.schema.revenue_tables import mrr_cohorts, mrr_movements, mrr_roll_up

EVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Before anything was recorded."""
_ALL: Mapping[str, int] = {"shares": 1, "share": 0}
"""One share with all customers."""
_ALL_TIME = datetime(9999, 1, 1, tzinfo=UTC)
_CHANGES = Path(__file__).parent / "sql" / "cohort_changes.sql"
_CHANGED = _CHANGES.with_name("count_changed.sql")
_KEY = ("currency", "cohort", "plan", "interval", "month")
_SUMS = ("delta", "payers", "began_with", "customers")


@dataclass(frozen=True)
class CohortsReport:
    """The cohorts of one currency after the other, oldest first; of one segment after the other.

    A segment is of those who began with such a plan or billing interval, whatever they pay for since.
    """

    extent: Extent
    range: Range
    lines: Mapping[Line, Sequence[Cohort]]


class CohortFigures:
    """Reports of tenants' cohorts, by months of *timezone*."""

    def __init__(self, engine: AsyncEngine, timezone: str) -> None:
        self._engine = engine
        self._timezone = timezone

    async def cohorts(self, tenant: str, query: ReportQuery) -> CohortsReport:
        """Who began to pay in each month of the range, and what they come to since.

        Raises:
            Malformed: the months are in the wrong order, or too many.
        """
        # As of one moment: what a roll-up adds to the sums meanwhile would be counted as recorded since, too.
        engine = self._engine.execution_options(isolation_level="REPEATABLE READ")
        async with transaction(engine, tenant, statements_within=LISTS_WITHIN) as connection:
            extent = await (await RevenueReader.of(connection, tenant, self._timezone)).extent()
            wanted = query.range(extent.latest)
            known_until = select(mrr_roll_up.c.cohorts_until).where(mrr_roll_up.c.timezone == self._timezone)
            since: datetime | None = (await connection.execute(known_until)).scalar()
            given = {"tenant": tenant, "timezone": self._timezone, "since": since or EVER, "until": _ALL_TIME, **_ALL}
            rows = (await connection.execute(_reading(tenant, wanted, is_summed_up=since is not None), given)).all()
        changes: dict[Line, list[CohortChange]] = defaultdict(list)
        if wanted.currency and wanted.group is None:
            changes[Line(wanted.currency, wanted.segment)] = []
        for currency, plan, billing_interval, *change in rows:
            changes[Line(currency, Segment(plan, billing_interval))].append(CohortChange(*change))
        lines = {line: cohorts(found, wanted.first, wanted.beyond, extent.latest) for line, found in changes.items()}
        return CohortsReport(extent, wanted, lines)


async def sum_up_cohorts(
    connection: AsyncConnection,
    given: Mapping[str, Any],
    *,
    shares_of: Callable[[int], int],
    alive: Callable[[], None] = lambda: None,
) -> None:
    """Adds to the sums what was recorded from `since` until `until`, of all tenants, by months of `timezone`.

    A share of a tenant's customers at a time: *shares_of* says how many there are for the movements that are read.
    """
    recorded = mrr_movements.c.recorded_at
    tenants = select(mrr_movements.c.tenant).distinct().where(recorded >= given["since"], recorded < given["until"])
    for tenant in (await connection.execute(tenants)).scalars().all():
        alive()
        changes = _changes().subquery("changes")
        adding = insert(mrr_cohorts).from_select(
            ("tenant", *_KEY, *_SUMS), select(literal(tenant), *(changes.c[name] for name in (*_KEY, *_SUMS)))
        )
        added = {name: mrr_cohorts.c[name] + adding.excluded[name] for name in _SUMS}
        statement = adding.on_conflict_do_update(index_elements=["tenant", *_KEY], set_=added)
        of_tenant = {**given, "tenant": tenant}
        shares = shares_of((await connection.execute(sql_text(_CHANGED), of_tenant)).scalar_one())
        alive()
        for share in range(shares):
            await connection.execute(statement, of_tenant | {"shares": shares, "share": share})
            alive()


def _changes() -> TextualSelect:
    return sql_text(_CHANGES).columns(
        column("currency", Text),
        column("cohort", Date),
        column("plan", Text),
        column("interval", Text),
        column("month", Date),
        column("delta", BigInteger),
        column("payers", Integer),
        column("began_with", BigInteger),
        column("customers", Integer),
    )


def _reading(tenant: str, wanted: Range, *, is_summed_up: bool) -> Select[Any]:
    """What is summed up, if anything is, with what was recorded since."""
    names = (*_KEY, *_SUMS)
    changes, kept = _changes().subquery("changes"), mrr_cohorts.c
    parts = [select(*(changes.c[name] for name in names))]
    if is_summed_up:
        parts.append(select(*(kept[name] for name in names)).where(kept.tenant == tenant))
    both = union_all(*parts).subquery("both").c
    by_plan, by_interval = (wanted.group is group for group in (Grouping.PLAN, Grouping.BILLING_INTERVAL))
    plan = both.plan if by_plan else literal(wanted.segment.plan)
    billing_interval = both.interval if by_interval else literal(wanted.segment.billing_interval)
    segment = [
        each == name
        for each, name in ((both.plan, wanted.segment.plan), (both.interval, wanted.segment.billing_interval))
        if name
    ]
    key = (both.currency, plan.label("plan"), billing_interval.label("billing_interval"), both.cohort, both.month)
    currency = [both.currency == wanted.currency] if wanted.currency else []
    return (
        select(*key, *(cast(func.sum(both[name]), BigInteger) for name in _SUMS))
        .where(*currency, both.cohort >= wanted.first, both.cohort < wanted.beyond, *segment)
        .group_by(both.currency, "plan", "billing_interval", both.cohort, both.month)
        .order_by(both.currency, "plan", "billing_interval", both.cohort, both.month)
    )
