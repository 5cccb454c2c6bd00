"""Deliveries as products and operators see them, and beginning them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Rejected
from domain.events.deliveries import MOST_RECOVERED, DeliveryState, QueuedDelivery, unknown_delivery
from domain.events.endpoints import Endpoint, EndpointState
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing, transaction
from storage.db.walks import Ordered, read_once, walk
from storage.events.delivery_queue import queued
from storage.events.endpoints import existing_endpoint
from storage.schema.event_tables import delivery_attempts, event_deliveries, events

_IT, _EVENT, _ATTEMPT = event_deliveries.c, events.c, delivery_attempts.c
_KEYS: Final = Keyset(_IT.created_at, _IT.id)


@dataclass(frozen=True)
class DeliveryRow:
    """A delivery, for readers."""

    id: str
    event: str
    event_type: str
    endpoint: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    last_status: int | None
    last_error: str
    created_at: datetime


@dataclass(frozen=True)
class AttemptRow:
    """One attempt to deliver, for readers."""

    at: datetime
    duration_ms: int
    status: int | None
    error: str
    answer: str


@dataclass(frozen=True)
class Recovery:
    """What was begun again."""

    deliveries: int
    is_all: bool
    """False: there are more, as many were found as one request may begin."""
    waiting: Sequence[QueuedDelivery] = ()
    """What is to be handed over."""


DeliveryPage = Cut[DeliveryRow]


class DeliveryList:
    """Reads deliveries, and begins them again, of the tenant that each call names."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(
        self, tenant: str, endpoint: str, page: PageRequest, state: DeliveryState | None = None
    ) -> DeliveryPage:
        """One page of what was or will be sent to an endpoint; by a state, it may end early.

        Raises:
            Rejected: code `unknown_webhook_endpoint`.
            Malformed: field `cursor`; it is not a valid cursor.
        """
        async with listing(self._engine, tenant) as connection:
            found = await existing_endpoint(connection, tenant, endpoint)
            ordered = Ordered(_KEYS, page, [[_IT.endpoint == UUID(found.id)]])
            if state is None:
                return cut(page, await _among(connection, page, ordered.ids(limit=page.limit + 1)), _position)
            of_state = _IT.state == state.value
            return await walk(connection, ordered, lambda ids: _among(connection, page, ids, of_state), _position)

    async def get(self, tenant: str, delivery: str) -> tuple[DeliveryRow, Sequence[AttemptRow]]:
        """Returns a delivery with its attempts, the newest first.

        Raises:
            Rejected: code `unknown_delivery`.
        """
        async with transaction(self._engine, tenant) as connection:
            row = await _existing(connection, tenant, delivery)
            wanted = (
                select(delivery_attempts)
                .where(_ATTEMPT.delivery == UUID(row.id))
                .order_by(_ATTEMPT.round.desc(), _ATTEMPT.number.desc())
            )
            attempts = [
                AttemptRow(each.at, each.duration_ms, each.status, each.error, each.answer)
                for each in await connection.execute(wanted)
            ]
        return row, attempts

    async def resend(self, tenant: str, delivery: str) -> tuple[DeliveryRow, QueuedDelivery]:
        """Begins a delivery again, whatever has become of it; returns it, and what is to be handed over.

        Raises:
            Rejected: code `unknown_delivery` or `webhook_endpoint_disabled`.
        """
        async with transaction(self._engine, tenant) as connection:
            row = await _existing(connection, tenant, delivery)
            check_enabled(await existing_endpoint(connection, tenant, row.endpoint))
            begun = update(event_deliveries).where(_IT.id == UUID(row.id)).values(_BEGUN_AGAIN)
            key = await connection.execute(begun.returning(*_QUEUED))
            waiting = queued(key.one())
            return await _existing(connection, tenant, delivery), waiting

    async def recover(self, tenant: str, endpoint: str, since: datetime) -> Recovery:
        """Begins again what an endpoint has missed since a moment.

        That is what failed or was canceled, and what was never begun, as it was disabled or not there.

        Raises:
            Rejected: code `unknown_webhook_endpoint` or `webhook_endpoint_disabled`.
        """
        async with transaction(self._engine, tenant) as connection:
            found = await existing_endpoint(connection, tenant, endpoint, lock=True)
            check_enabled(found)
            missed = await connection.execute(_missed(found, since))
            ids = [row.id for row in missed]
            again = update(event_deliveries).where(_IT.endpoint == UUID(found.id), _IT.event.in_(ids))
            done = await connection.execute(
                again.where(_IT.state.in_(_UNFINISHED)).values(_BEGUN_AGAIN).returning(*_QUEUED)
            )
            begun = [queued(row) for row in done]
            known = {each.event for each in begun}
            rows = [
                {"event": id_, "tenant": tenant, "endpoint": UUID(found.id)} for id_ in ids if str(id_) not in known
            ]
            if rows:
                new = await connection.execute(
                    insert(event_deliveries).on_conflict_do_nothing().returning(*_QUEUED), rows
                )
                begun += [queued(row) for row in new]
        return Recovery(len(begun), len(ids) < MOST_RECOVERED, begun)


_QUEUED: Final = _IT.id, _IT.tenant, _IT.event, _IT.endpoint, _IT.round
_UNFINISHED: Final = (DeliveryState.FAILED.value, DeliveryState.CANCELED.value)
_BEGUN_AGAIN: Final = {
    "state": DeliveryState.PENDING.value,
    "round": _IT.round + 1,
    "next_attempt_at": None,
    "handed_over_at": None,
    "claimed_by": None,
    "claimed_until": None,
}


def check_enabled(endpoint: Endpoint) -> None:
    """Checks that anything is sent to an endpoint.

    Raises:
        Rejected: code `webhook_endpoint_disabled`.
    """
    if endpoint.state is not EndpointState.ENABLED:
        raise Rejected(
            "the webhook endpoint is disabled: enable it first, with PATCH and state `enabled`",
            code="webhook_endpoint_disabled",
        )


def _missed(endpoint: Endpoint, since: datetime) -> Select[Any]:
    """The events that an endpoint should have had and has not, oldest first."""
    of_endpoint = (_IT.event == _EVENT.id) & (_IT.endpoint == UUID(endpoint.id))
    wanted = (
        select(_EVENT.id)
        .join(event_deliveries, of_endpoint, isouter=True)
        .where(_EVENT.tenant == endpoint.tenant, _EVENT.created_at >= since)
        .where(_IT.id.is_(None) | _IT.state.in_(_UNFINISHED))
        .order_by(_EVENT.created_at, _EVENT.position)
        .limit(MOST_RECOVERED)
    )
    return wanted.where(_EVENT.type.in_(endpoint.types)) if endpoint.types else wanted


def _rows() -> Select[Any]:
    return select(event_deliveries, _EVENT.type).join(events, _EVENT.id == _IT.event)


async def _among(
    connection: AsyncConnection, page: PageRequest, ids: Select[Any], *rest: ColumnElement[bool]
) -> list[DeliveryRow]:
    """The first of these that meet the conditions, one more than the page holds."""
    among = read_once(ids)
    found = among.join(event_deliveries, _IT.id == among.c.id)
    first = select(event_deliveries).select_from(found).where(*rest)
    first = first.order_by(*_KEYS.order(page.sort)).limit(page.limit + 1)
    # Cut before the events are asked for their types.
    on_page = first.subquery("on_page")
    wanted = select(on_page, _EVENT.type).join(events, _EVENT.id == on_page.c.event)
    wanted = wanted.order_by(*Keyset(on_page.c.created_at, on_page.c.id).order(page.sort))
    return [_row(row) for row in await connection.execute(wanted)]


def _position(row: DeliveryRow) -> Position:
    return Position(row.created_at, row.id)


async def _existing(connection: AsyncConnection, tenant: str, delivery: str) -> DeliveryRow:
    try:
        wanted = _rows().where(_IT.tenant == tenant, _IT.id == UUID(delivery))
    except ValueError:
        raise unknown_delivery(delivery) from None
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise unknown_delivery(delivery)
    return _row(row)


def _row(row: Row[Any]) -> DeliveryRow:
    return DeliveryRow(
        str(row.id),
        str(row.event),
        row.type,
        str(row.endpoint),
        DeliveryState(row.state),
        row.attempts,
        row.next_attempt_at,
        row.delivered_at,
        row.last_status,
        row.last_error,
        row.created_at,
    )
