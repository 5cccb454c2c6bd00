"""The webhook inbox: every event is kept once before it is answered, and handled later if not at once."""

from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.news import News
from domain.ports import ProviderEvent, WaitingEvent
from storage.engine import transaction
from storage.tables import webhook_inbox


class Inbox:
    """Keeps what the payment provider sends. Handling an event twice is harmless, so no row is ever locked."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def receive(self, event: ProviderEvent, body: bytes, *, tenant: str) -> bool:
        """Keep an event; False when it was kept already."""
        statement = (
            insert(webhook_inbox)
            .values(
                event_id=event.id,
                tenant=tenant,
                type=event.type,
                news=event.news.value if event.news else None,
                object_id=event.object_id,
                customer_ref=event.customer_ref,
                charge_ref=event.charge_ref,
                body=body,
            )
            .on_conflict_do_nothing()
            .returning(webhook_inbox.c.event_id)
        )
        async with transaction(self._engine) as connection:
            return (await connection.execute(statement)).first() is not None

    async def mark_handled(self, event_id: str, outcome: str) -> None:
        async with transaction(self._engine) as connection:
            await connection.execute(
                update(webhook_inbox)
                .where(webhook_inbox.c.event_id == event_id, webhook_inbox.c.handled_at.is_(None))
                .values(handled_at=func.now(), outcome=outcome)
            )

    async def waiting(self, *, limit: int = 500) -> list[WaitingEvent]:
        """Events that were not handled, oldest first."""
        wanted = (
            select(webhook_inbox)
            .where(webhook_inbox.c.handled_at.is_(None))
            .order_by(webhook_inbox.c.received_at)
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            rows = (await connection.execute(wanted)).all()
        return [WaitingEvent(_event_of(row), row.received_at) for row in rows]


def _event_of(row: Row[Any]) -> ProviderEvent:
    news = News(row.news) if row.news else None
    return ProviderEvent(row.event_id, row.type, row.object_id, row.customer_ref, news, row.charge_ref)
