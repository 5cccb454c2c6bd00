"""Overage as it is stored in the database, ready made."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from tests.storage.ledger import Ledger

NOW = timedelta()


async def a_usage_event(
    ledger: Ledger,
    key: str,
    customer: str = "ada",
    overage: int = 4,
    ago: timedelta = NOW,
    *,
    at_ago: timedelta = NOW,
    catalog: str = "shop_v2",
) -> None:
    """Runs used this far beyond a plan's limit, recorded this long ago."""
    counted = text(
        "insert into usage_events (tenant, key, customer, meter, action, quantity, at, catalog, overage_of, overage,"
        " recorded_at) values ('default', :key, :customer, 'runs', 'consume', 5, now() - cast(:at_ago as interval),"
        " :catalog, 'runs', :overage, clock_timestamp() - cast(:ago as interval))"
    )
    given = {"key": key, "customer": customer, "overage": overage, "ago": ago, "at_ago": at_ago, "catalog": catalog}
    async with ledger.engine.begin() as connection:
        await connection.execute(counted, given)


async def began(ledger: Ledger, key: str, ago: timedelta) -> None:
    """A report with an unknown outcome, started this long ago."""
    begun = text("update usage_events set report_began_at = now() - cast(:ago as interval) where key = :key")
    async with ledger.engine.begin() as connection:
        await connection.execute(begun, {"ago": ago, "key": key})


async def rows(ledger: Ledger) -> list[dict[str, Any]]:
    """All usage events, in the order in which they were recorded."""
    return await ledger.rows("select * from usage_events order by recorded_at")
