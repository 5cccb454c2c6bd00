"""Deliveries that wait to be handed over."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, func, literal, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.events.deliveries import DeliveryState, QueuedDelivery
from storage.claims import OVERDUE_AFTER
from storage.db.engine import transaction
from storage.schema.event_tables import event_deliveries

LEFT_TO_WRITER: Final = timedelta(seconds=30)
"""How long a delivery is left to the process that wrote it, before the sweep hands it over."""

_IT = event_deliveries.c


class DeliveryQueue:
    """Implements `WaitingDeliveries`; what waits is found as the system's role."""

    def __init__(self, engine: AsyncEngine, *, left_to_writer: timedelta = LEFT_TO_WRITER) -> None:
        self._engine = engine
        self._left_to_writer = left_to_writer

    async def waiting(self, *, limit: int) -> Sequence[QueuedDelivery]:
        wanted: Select[Any] = (
            select(_IT.id, _IT.tenant, _IT.event, _IT.endpoint, _IT.round)
            .where(_IT.state == DeliveryState.PENDING.value, _IT.handed_over_at.is_(None))
            .where(_IT.created_at < func.now() - literal(self._left_to_writer))
            .order_by(_IT.created_at)
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            return [queued(row) for row in await connection.execute(wanted)]

    async def mark_handed_over(self, deliveries: Sequence[QueuedDelivery]) -> None:
        # Until a run claims it.
        until = func.coalesce(_IT.claimed_until, func.now() + literal(OVERDUE_AFTER))
        handed = update(event_deliveries).values(handed_over_at=func.now(), claimed_until=until)
        for tenant in {each.tenant for each in deliveries}:
            theirs = [(UUID(each.id), each.round) for each in deliveries if each.tenant == tenant]
            async with transaction(self._engine, tenant) as connection:
                await connection.execute(handed.where(tuple_(_IT.id, _IT.round).in_(theirs)))

    async def release_lost(self, *, limit: int) -> Sequence[QueuedDelivery]:
        lost = (
            select(_IT.id)
            .where(_IT.state == DeliveryState.PENDING.value, _IT.claimed_until < func.now())
            .order_by(_IT.claimed_until)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        released = (
            update(event_deliveries)
            .where(_IT.id.in_(lost))
            .values(claimed_by=None, claimed_until=func.now() + literal(OVERDUE_AFTER))
            .returning(_IT.id, _IT.tenant, _IT.event, _IT.endpoint, _IT.round)
        )
        async with transaction(self._engine) as connection:
            return [queued(row) for row in await connection.execute(released)]


def queued(row: Row[Any]) -> QueuedDelivery:
    """Returns the delivery of a row with its key columns."""
    return QueuedDelivery(str(row.id), row.tenant, str(row.event), str(row.endpoint), row.round)
