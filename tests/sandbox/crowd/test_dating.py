"""What happened to a crowd is dated back, with everything that follows from its dates."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.crowd.dating import date_back
from storage.revenue.check import month_differences
from storage.revenue.roll_up import RevenueRollUpRecords
from tests.builders import a_paid_subscription
from tests.harness.postgres import Databases
from tests.storage.ledger import Ledger, a_step

AN_HOUR_LATER = "update mrr_movements set recorded_at = now() - interval '1 hour'"


@pytest.fixture
def ledger(databases: Databases, database_url: str) -> Ledger:
    return Ledger(databases.engine(database_url))


async def lived(ledger: Ledger, name: str) -> None:
    """Somebody became a paying customer long ago, which was written down an hour ago."""
    trial = await ledger.sign_up(name)
    paid = replace(a_paid_subscription(), id=trial.id, customer=trial.customer, sequence=2)
    await ledger.save(a_step(paid, at=datetime.now(UTC) - timedelta(days=100)))
    await ledger.rewrite(AN_HOUR_LATER)


async def test_sums_that_were_made_before_a_crowd_was_dated_back_are_made_anew(ledger: Ledger) -> None:
    roll_up, began = RevenueRollUpRecords(ledger.engine, "UTC"), datetime.now(UTC) - timedelta(days=1)
    await lived(ledger, "somebody")
    await roll_up.roll_up()
    await lived(ledger, "crowd-0001")

    await date_back(ledger.engine, began, "crowd", {})

    assert await month_differences(ledger.engine, "UTC") == []
    await roll_up.roll_up()
    assert await month_differences(ledger.engine, "UTC") == []
    assert await ledger.rows("select sum(payers_after) as payers from mrr_daily") == [{"payers": 2}]
