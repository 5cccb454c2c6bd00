"""Events as products are sent them: each is as its schema says, and holds nothing besides."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from api.events.schemas import schemas
from domain.events.outbound import OutboundEvent, StoredEvent, envelope
from domain.events.types import EventType
from storage.schema.event_tables import events
from storage.schema.tables import customers

SHORTEST = 6
"""Characters of a name that is looked for; shorter ones would be found in many words."""


def check(sent: Mapping[str, Any]) -> None:
    """Fails for what is not as its schema says: another value, a field that is missing, or one that is not named."""
    model: type[BaseModel] = schemas()[EventType(sent["type"])]
    # From JSON and back: what comes out is what the schema knows.
    read = model.model_validate_json(json.dumps(sent))
    assert unzoned(json.loads(read.model_dump_json())) == unzoned(dict(sent))


def unzoned(value: Any) -> Any:
    """Instants in one spelling."""
    match value:
        case dict():
            return {name: unzoned(each) for name, each in value.items()}
        case list():
            return [unzoned(each) for each in value]
        case str():
            return value.replace("+00:00", "Z")
    return value


def sent(event: OutboundEvent, external_id: str = "somebody") -> dict[str, Any]:
    """What a product is sent of an event that is about to be written."""
    return envelope(
        StoredEvent(
            event.id, event.type, event.version, event.at, event.sequence, event.customer, external_id, event.payload
        )
    )


async def check_all(engine: AsyncEngine) -> int:
    """Checks every event in a database, and that none names its customer. Returns how many there are."""
    it, whose = events.c, customers.c
    wanted = select(events, whose.external_id, whose.email, whose.name).join(
        customers, whose.id == it.customer, isouter=True
    )
    async with engine.connect() as connection:
        rows = (await connection.execute(wanted)).all()
    for row in rows:
        stored = StoredEvent(
            str(row.id),
            row.type,
            row.version,
            row.at,
            row.sequence,
            str(row.customer),
            row.external_id or "",
            row.payload,
        )
        check(envelope(stored))
        told = json.dumps(row.payload)
        named = [name for name in (row.external_id, row.email, row.name) if name and len(name) >= SHORTEST]
        assert [name for name in named if name in told] == [], row.type
    return len(rows)
