"""Events and endpoints for the tests of what is stored of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events.deliveries import QueuedDelivery
from domain.events.outbound import OutboundEvent
from domain.events.types import EventType
from domain.names import DEFAULT_TENANT
from storage.db.engine import transaction
from storage.events.outbox import write_events
from storage.schema.event_tables import webhook_endpoints
from tests.builders import NOW


def an_event(type_: EventType = EventType.RENEWED, **changes: object) -> OutboundEvent:
    given: dict[str, object] = {
        "id": str(uuid4()),
        "type": type_,
        "tenant": DEFAULT_TENANT,
        "customer": str(uuid4()),
        "at": NOW,
        "payload": {},
    }
    return OutboundEvent(**(given | changes))  # type: ignore[arg-type]


async def written(engine: AsyncEngine, *events: OutboundEvent) -> Sequence[QueuedDelivery]:
    async with transaction(engine) as connection:
        return await write_events(connection, events)


async def an_endpoint(engine: AsyncEngine, *types: EventType, tenant: str = DEFAULT_TENANT, **values: object) -> str:
    """An endpoint that receives these types, or all."""
    id_ = uuid4()
    given = {"url": "https://product.example/hooks", "types": [each.value for each in types]} | values
    async with transaction(engine) as connection:
        await connection.execute(insert(webhook_endpoints).values(id=id_, tenant=tenant, **given))
    return str(id_)


@dataclass
class Announced:
    """Implements `domain.events.ports.DeliveryAnnouncer`."""

    deliveries: list[QueuedDelivery] = field(default_factory=list)

    def announce(self, deliveries: Sequence[QueuedDelivery]) -> None:
        self.deliveries += deliveries
