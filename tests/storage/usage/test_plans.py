"""Scans of large usage tables use an index, however many rows there are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from storage.db.engine import sql_text
from storage.usage.overage_reports import CLAIM
from storage.usage.roll_up import DELETE_OLD, SAMPLE_GAUGES
from storage.usage.statistics import CURRENT_USAGE
from tests.storage.ledger import Ledger

A_PAGE = {"tenant": "t", "customer": "c", "feature": "f", "page": 9}
POLICY = {"limited": "no_new_use", "suspended": "nothing"}
STANDING = A_PAGE | {"moment": datetime(2026, 3, 1, tzinfo=UTC), "catalog": "shop_v1", "free_plan": "free"} | POLICY
OLD = {"age": timedelta(days=9), "batch": 9}


async def plan_of(ledger: Ledger, file: Path, given: dict[str, Any]) -> str:
    """The plan of the database if each table were too large to be scanned."""
    async with ledger.engine.begin() as connection:
        await connection.execute(text("set local enable_seqscan = off"))
        await connection.execute(text("set local enable_bitmapscan = off"))
        await connection.execute(text("set local enable_sort = off"))
        rows = await connection.execute(text(f"explain (costs off) {sql_text(file).text}"), given)
        return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize(
    ("file", "given", "indexes"),
    [
        pytest.param(SAMPLE_GAUGES, A_PAGE, ["ix_usage_gauges"], id="gauges"),
        pytest.param(CURRENT_USAGE, STANDING, ["pk_usage"], id="statistics"),
        pytest.param(DELETE_OLD / "events.sql", OLD, ["ix_usage_events_recorded_at"], id="old events"),
        pytest.param(DELETE_OLD / "counters.sql", OLD, ["ix_usage_short"], id="old counters"),
        pytest.param(DELETE_OLD / "long_counters.sql", OLD, ["ix_usage_long"], id="old counters of months"),
        pytest.param(DELETE_OLD / "webhooks.sql", OLD, ["ix_webhook_inbox_handled"], id="old webhooks"),
        pytest.param(DELETE_OLD / "mail_facts.sql", OLD, ["ix_mails_to_empty"], id="contents of old mails"),
        pytest.param(DELETE_OLD / "told_events.sql", OLD, ["ix_events_created_at"], id="old events for products"),
        pytest.param(DELETE_OLD / "sign_ups.sql", OLD, ["ix_sign_up_contacts_created_at"], id="old sign-ups"),
        pytest.param(DELETE_OLD / "bulk_rows.sql", OLD, ["ix_bulk_rows_position"], id="rows of old bulk runs"),
        pytest.param(DELETE_OLD / "samples.sql", OLD, ["ix_usage_samples_day"], id="old samples"),
        pytest.param(DELETE_OLD / "statistics.sql", OLD, ["ix_usage_statistics_taken_at"], id="old statistics"),
        pytest.param(DELETE_OLD / "notices.sql", OLD, ["ix_usage_notices_told"], id="old notices"),
        pytest.param(
            DELETE_OLD / "idempotency_keys.sql", OLD, ["ix_idempotency_keys_created_at"], id="old idempotency keys"
        ),
        pytest.param(
            CLAIM,
            {"limit": 9, "overdue": 1},
            ["ix_usage_events_to_report", "ix_usage_events_begun"],
            id="use to be told",
        ),
    ],
)
async def test_nothing_is_read_as_a_whole_or_sorted(
    ledger: Ledger, file: Path, given: dict[str, Any], indexes: list[str]
) -> None:
    found = await plan_of(ledger, file, given)

    assert [index for index in indexes if index not in found] == [], found
    assert "Seq Scan on usage" not in found, found
    if file in (SAMPLE_GAUGES, CURRENT_USAGE):
        assert "Index Cond: (ROW(" in found, found


async def test_what_one_customer_has_used_is_found_by_an_index_in_every_month_of_the_log(ledger: Ledger) -> None:
    """An export and an erasure look for it; also in a month that is made from now on."""
    async with ledger.engine.connect() as connection:
        made = (await connection.execute(text("select tenure_usage_partitions(9)"))).scalar_one()
        await connection.execute(text("set local enable_seqscan = off"))
        rows = await connection.execute(
            text("explain (costs off) select * from usage_log where tenant = 't' and customer = 'c'")
        )
        plan = "\n".join(row[0] for row in rows)

    assert made > 0
    assert "Seq Scan" not in plan, plan
    assert plan.count("_customer") >= 9 + 2, plan
