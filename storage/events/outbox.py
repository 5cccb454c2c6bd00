"""Writes events in the transaction of what they tell, and announces their deliveries once it is committed."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import TextClause
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.events.deliveries import QueuedDelivery
from domain.events.outbound import OutboundEvent
from storage.db.engine import sql_text

_WRITE = Path(__file__).parent / "sql" / "write_events.sql"


async def write_events(connection: AsyncConnection, events: Sequence[OutboundEvent]) -> Sequence[QueuedDelivery]:
    """Writes events that are not written yet; returns the deliveries that begin with the connection's transaction.

    One statement, however many events and endpoints there are; none without an event.
    """
    if not events:
        return ()
    given = json.dumps([_row(number, event) for number, event in enumerate(events)])
    rows = await connection.execute(_writing(), {"events": given})
    return [QueuedDelivery(str(row.id), row.tenant, str(row.event), str(row.endpoint)) for row in rows]


@cache
def _writing() -> TextClause:
    return sql_text(_WRITE)


def _row(number: int, event: OutboundEvent) -> dict[str, object]:
    return {
        "number": number,
        "id": event.id,
        "tenant": event.tenant,
        "type": event.type.value,
        "version": event.version,
        "subscription": event.subscription,
        "customer": event.customer,
        "sequence": event.sequence,
        "at": event.at.isoformat(),
        "payload": event.payload,
    }
