"""Scans of large usage tables use an index, however many rows there are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import TextClause, text

from storage.usage.overage_reports import _CLAIM
from storage.usage.roll_up import _CLEANUP, _SAMPLE, _STANDING
from tests.storage.ledger import Ledger

A_PAGE = {"tenant": "t", "customer": "c", "feature": "f", "page": 9}
STANDING = A_PAGE | {"moment": datetime(2026, 3, 1, tzinfo=UTC), "catalog": "shop_v1", "free_plan": "free"}
OLD = {"age": timedelta(days=9), "batch": 9}


async def plan_of(ledger: Ledger, statement: TextClause, given: dict[str, Any]) -> str:
    """The plan of the database if each table were too large to be scanned."""
    async with ledger.engine.begin() as connection:
        await connection.execute(text("set local enable_seqscan = off"))
        await connection.execute(text("set local enable_bitmapscan = off"))
        await connection.execute(text("set local enable_sort = off"))
        rows = await connection.execute(text(f"explain (costs off) {statement.text}"), given)
        return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize(
    ("statement", "given", "indexes"),
    [
        pytest.param(_SAMPLE, A_PAGE, ["ix_usage_gauges"], id="gauges"),
        pytest.param(_STANDING, STANDING, ["pk_usage"], id="statistics"),
        pytest.param(_CLEANUP["events"], OLD, ["ix_usage_events_recorded_at"], id="old events"),
        pytest.param(_CLEANUP["counters"], OLD, ["ix_usage_short"], id="old counters"),
        pytest.param(_CLEANUP["samples"], OLD, ["ix_usage_samples_day"], id="old samples"),
        pytest.param(_CLEANUP["statistics"], OLD, ["ix_usage_statistics_taken_at"], id="old statistics"),
        pytest.param(_CLEANUP["notices"], OLD, ["ix_usage_notices_told"], id="old notices"),
        pytest.param(
            _CLAIM,
            {"limit": 9, "overdue": 1},
            ["ix_usage_events_to_report", "ix_usage_events_begun"],
            id="use to be told",
        ),
    ],
)
async def test_nothing_is_read_as_a_whole_or_sorted(
    ledger: Ledger, statement: TextClause, given: dict[str, Any], indexes: list[str]
) -> None:
    found = await plan_of(ledger, statement, given)

    assert [index for index in indexes if index not in found] == [], found
    assert "Seq Scan on usage" not in found, found
    if statement in (_SAMPLE, _STANDING):
        assert "Index Cond: (ROW(" in found, found
