"""Deliveries as workers see them: what is sent, and what came of it."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, Row, Select, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.encryption import Encryption
from domain.events.deliveries import (
    Attempt,
    DeliveryState,
    DeliveryToSend,
    QueuedDelivery,
    Verdict,
    verdict_on,
)
from domain.events.endpoints import DISABLED_AFTER, DisabledReason, EndpointState
from domain.events.outbound import StoredEvent, envelope
from domain.events.ports import Recorded
from domain.formatting import moment
from domain.notifications.mail_types import Occasion
from domain.notifications.ports import QueuedMail
from storage.access.operator_mails import write_to_operators
from storage.claims import OVERDUE_AFTER, claim
from storage.db.engine import transaction
from storage.events.endpoints import cancel_deliveries
from storage.events.secrets import secrets_of
from storage.schema.event_tables import delivery_attempts, event_deliveries, events, webhook_endpoints
from storage.schema.tables import customers

_IT, _ENDPOINT, _EVENT = event_deliveries.c, webhook_endpoints.c, events.c


class DeliveryRecords:
    """Implements `EventDeliveries`."""

    def __init__(self, engine: AsyncEngine, encryption: Encryption) -> None:
        self._engine = engine
        self._encryption = encryption

    async def claim(self, delivery: QueuedDelivery, claimant: str) -> DeliveryToSend | None:
        wanted: Select[Any] = (
            select(
                _ENDPOINT.url,
                _ENDPOINT.state,
                _attempts_of_round().label("attempts"),
                _EVENT.id,
                _EVENT.type,
                _EVENT.version,
                _EVENT.at,
                _EVENT.sequence,
                _EVENT.customer,
                _EVENT.payload,
                customers.c.external_id,
            )
            .select_from(event_deliveries)
            .join(events, _EVENT.id == _IT.event)
            .join(webhook_endpoints, _ENDPOINT.id == _IT.endpoint)
            .join(customers, customers.c.id == _EVENT.customer, isouter=True)
            .where(*_pending(delivery))
        )
        async with transaction(self._engine, delivery.tenant) as connection:
            row = (await connection.execute(wanted)).one_or_none()
            if row is None:
                return None
            if row.state != EndpointState.ENABLED.value:
                # It was written while the endpoint was being disabled.
                await cancel_deliveries(connection, UUID(delivery.endpoint))
                return None
            await claim(connection, event_deliveries, delivery.id, claimant, *_pending(delivery))
            secrets = await secrets_of(connection, self._encryption, delivery.tenant, UUID(delivery.endpoint))
        return DeliveryToSend(delivery, row.url, _body(row), secrets, row.attempts)

    async def record(self, sent: DeliveryToSend, attempt: Attempt) -> Recorded:
        verdict, delivery = verdict_on(sent.attempts + 1, attempt.answer), sent.delivery
        async with transaction(self._engine, delivery.tenant) as connection:
            await _lock_endpoint(connection, UUID(delivery.endpoint))
            written = await connection.execute(_attempt_row(sent, attempt))
            if written.first() is None:
                # Another worker sent it as well, and has recorded that; what it says of the delivery holds.
                return Recorded(verdict)
            await connection.execute(
                update(event_deliveries).where(*_pending(delivery)).values(_after(verdict, attempt))
            )
            return Recorded(verdict, await self._note_endpoint(connection, delivery, verdict))

    async def _note_endpoint(
        self, connection: AsyncConnection, delivery: QueuedDelivery, verdict: Verdict
    ) -> Sequence[QueuedMail]:
        endpoint = UUID(delivery.endpoint)
        this = update(webhook_endpoints).where(_ENDPOINT.id == endpoint)
        if verdict.state is DeliveryState.DELIVERED:
            await connection.execute(this.where(_ENDPOINT.failing_since.is_not(None)).values(failing_since=None))
            return ()
        if verdict.is_gone:
            await _disable(connection, endpoint, DisabledReason.GONE)
            return ()
        await connection.execute(this.where(_ENDPOINT.failing_since.is_(None)).values(failing_since=func.now()))
        if verdict.state is not DeliveryState.FAILED:
            # A quiet endpoint was asked nothing for most of that time: each event has all the attempts it was promised.
            return ()
        too_long = _ENDPOINT.failing_since < func.now() - literal(DISABLED_AFTER)
        if not await _disable(connection, endpoint, DisabledReason.FAILING, too_long):
            return ()
        return await _tell_operators(connection, delivery.tenant, endpoint)


def _pending(delivery: QueuedDelivery) -> tuple[ColumnElement[bool], ...]:
    return (
        _IT.id == UUID(delivery.id),
        _IT.round == delivery.round,
        _IT.state == DeliveryState.PENDING.value,
    )


def _attempts_of_round() -> Any:
    of_round = delivery_attempts.c.delivery == _IT.id, delivery_attempts.c.round == _IT.round
    return select(func.count()).where(*of_round).scalar_subquery()


def _attempt_row(sent: DeliveryToSend, attempt: Attempt) -> Any:
    row = {
        "delivery": UUID(sent.delivery.id),
        "round": sent.delivery.round,
        "number": sent.attempts + 1,
        "tenant": sent.delivery.tenant,
        "at": attempt.at,
        "duration_ms": round(attempt.duration / timedelta(milliseconds=1)),
        "status": attempt.answer.status,
        "error": attempt.answer.error,
        "answer": attempt.answer.body,
    }
    return insert(delivery_attempts).values(row).on_conflict_do_nothing().returning(delivery_attempts.c.number)


def _after(verdict: Verdict, attempt: Attempt) -> dict[str, Any]:
    is_delivered = verdict.state is DeliveryState.DELIVERED
    return {
        "state": verdict.state.value,
        "attempts": _IT.attempts + 1,
        "next_attempt_at": None if verdict.retry_in is None else func.now() + literal(verdict.retry_in),
        # It stays with the run that has it, which keeps the schedule.
        "claimed_until": func.now() + literal((verdict.retry_in or timedelta()) + OVERDUE_AFTER),
        "delivered_at": func.now() if is_delivered else _IT.delivered_at,
        "last_status": attempt.answer.status,
        "last_error": attempt.answer.error,
    }


async def _lock_endpoint(connection: AsyncConnection, endpoint: UUID) -> None:
    """Locks an endpoint before its deliveries, as disabling it does.

    Attempts that end at once, each answered by 410, would otherwise wait for each other's delivery.
    """
    wanted = select(_ENDPOINT.id).where(_ENDPOINT.id == endpoint)
    await connection.execute(wanted.with_for_update(key_share=True))


async def _disable(
    connection: AsyncConnection, endpoint: UUID, reason: DisabledReason, *where: ColumnElement[bool]
) -> bool:
    """Disables an endpoint that is enabled; returns whether it was."""
    enabled = _ENDPOINT.id == endpoint, _ENDPOINT.state == EndpointState.ENABLED.value
    disabled = update(webhook_endpoints).where(*enabled, *where).returning(_ENDPOINT.id)
    done = await connection.execute(disabled.values(state=EndpointState.DISABLED.value, disabled_reason=reason.value))
    if done.first() is None:
        return False
    await cancel_deliveries(connection, endpoint)
    return True


async def _tell_operators(connection: AsyncConnection, tenant: str, endpoint: UUID) -> Sequence[QueuedMail]:
    wanted = select(_ENDPOINT.url, _ENDPOINT.failing_since).where(_ENDPOINT.id == endpoint)
    it = (await connection.execute(wanted)).one()
    since = moment(it.failing_since)
    facts = {"endpoint_url": it.url, "failing_since": since}
    return await write_to_operators(connection, tenant, uuid5(endpoint, since), Occasion.ENDPOINT_DISABLED, facts)


def _body(row: Row[Any]) -> bytes:
    told = StoredEvent(
        str(row.id), row.type, row.version, row.at, row.sequence, str(row.customer), row.external_id or "", row.payload
    )
    return json.dumps(envelope(told), ensure_ascii=False, separators=(",", ":")).encode()
