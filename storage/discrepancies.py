"""Open differences and ended reconciliation runs, in pages, for operators."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.reconciliation.differences import Outcome
from domain.reconciliation.runs import EndedRun, StoredDiscrepancy
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing, transaction
from storage.reconciliation import REPORT, discrepancy_of
from storage.schema.reconciliation_tables import discrepancies, reconciliation_runs

LARGEST_ID = 2**63 - 1
MOST_DIGITS = len(str(LARGEST_ID))


def _id_of(text: str) -> int:
    """The id of a difference.

    Raises:
        ValueError: none has such an id.
    """
    if not text.isascii() or not text.isdigit() or len(text) > MOST_DIGITS or int(text) > LARGEST_ID:
        raise ValueError(text)
    return int(text)


_IT = discrepancies.c
_KEYS = Keyset(_IT.since, _IT.id, read_id=_id_of)
_RUNS = reconciliation_runs.c
_RUN_KEYS = Keyset(_RUNS.began_at, _RUNS.run, read_id=str)


class DiscrepancyList:
    """Implements `domain.reconciliation.ports.StoredDiscrepancies`, and lists differences and runs."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(self, tenant: str, page: PageRequest, *, subscription: str | None = None) -> Cut[StoredDiscrepancy]:
        """One page of the differences that are open, by when they were first found.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        conditions: list[ColumnElement[bool]] = [_IT.tenant == tenant, _IT.closed_at.is_(None)]
        if subscription is not None:
            id_ = _uuid(subscription)
            if id_ is None:
                return Cut([], None)
            conditions.append(_IT.subscription == id_)
        wanted = select(discrepancies).where(*conditions, *_KEYS.conditions(page))
        wanted = wanted.order_by(*_KEYS.order(page.sort)).limit(page.limit + 1)
        async with listing(self._engine, tenant) as connection:
            rows = [_stored(row) for row in await connection.execute(wanted)]
        return cut(page, rows, lambda row: Position(row.since, row.id))

    async def current(self, tenant: str, id: str) -> StoredDiscrepancy | None:  # noqa: A002 - it is one
        """The difference with this id as it was last found: each run finds it again, under another id."""
        try:
            id_ = _id_of(id)
        except ValueError:
            return None
        of_tenant = select(discrepancies).where(_IT.tenant == tenant)
        async with transaction(self._engine, tenant) as connection:
            row = (await connection.execute(of_tenant.where(_IT.id == id_))).one_or_none()
            if row is None:
                return None
            same = of_tenant.where(
                _IT.kind == row.kind,
                _IT.subscription.is_not_distinct_from(row.subscription),
                _IT.agreement_ref == row.agreement_ref,
                _IT.id >= row.id,
            )
            latest = (await connection.execute(same.order_by(_IT.id.desc()).limit(1))).one()
        return _stored(latest)

    async def runs(self, tenant: str, page: PageRequest) -> Cut[EndedRun]:
        """One page of the runs, by their beginning; they are of tenant `default`.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        wanted = select(reconciliation_runs).where(_RUNS.tenant == tenant, *_RUN_KEYS.conditions(page))
        wanted = wanted.order_by(*_RUN_KEYS.order(page.sort)).limit(page.limit + 1)
        async with listing(self._engine, tenant) as connection:
            rows = (await connection.execute(wanted)).all()
        runs = [EndedRun(REPORT.validate_python(row.report), row.ended_at) for row in rows]
        return cut(page, runs, lambda run: Position(run.report.began_at, run.report.run))


def _stored(row: Row[Any]) -> StoredDiscrepancy:
    return StoredDiscrepancy(
        str(row.id), discrepancy_of(row), row.since, row.found_at, Outcome(row.outcome), row.why_not, row.closed_at
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
