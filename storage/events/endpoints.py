"""Endpoints of products, in PostgreSQL."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.encryption import Encryption
from domain.errors import Rejected
from domain.events.deliveries import DeliveryState
from domain.events.endpoints import (
    MOST_ENDPOINTS,
    SECRET_OVERLAP,
    DisabledReason,
    Endpoint,
    EndpointState,
    unknown_endpoint,
)
from domain.events.signatures import new_secret
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut
from storage.db.engine import listing, transaction
from storage.events.secrets import add_secret, expire_current
from storage.schema.event_tables import event_deliveries, webhook_endpoints, webhook_secrets

EndpointPage = Cut[Endpoint]

_IT = webhook_endpoints.c
_KEYS: Final = Keyset(_IT.created_at, _IT.id)


@dataclass(frozen=True)
class NewEndpoint:
    """An endpoint that is to be made."""

    id: UUID
    url: str
    description: str
    types: tuple[str, ...]
    created_by: str


@dataclass(frozen=True)
class EndpointChange:
    """What is to be changed of an endpoint; None: it stays."""

    url: str | None = None
    description: str | None = None
    types: tuple[str, ...] | None = None
    state: EndpointState | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The columns that change."""
        given = {"url": self.url, "description": self.description}
        values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        if self.url is not None:
            # What failed was somewhere else.
            values["failing_since"] = None
        if self.types is not None:
            values["types"] = list(self.types)
        if self.state is EndpointState.DISABLED:
            values |= {"state": self.state.value, "disabled_reason": DisabledReason.OPERATOR.value}
        if self.state is EndpointState.ENABLED:
            values |= {"state": self.state.value, "disabled_reason": "", "failing_since": None}
        return values


@dataclass(frozen=True)
class EndpointSecret:
    """An endpoint with a new secret."""

    endpoint: Endpoint
    secret: str | None = field(repr=False)
    """None: it was shown when it was made."""


class WebhookEndpoints:
    """Makes, changes and deletes endpoints, of the tenant that each call names."""

    def __init__(self, engine: AsyncEngine, encryption: Encryption) -> None:
        self._engine = engine
        self._encryption = encryption

    async def find(self, tenant: str, page: PageRequest) -> EndpointPage:
        """One page of a tenant's endpoints.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        wanted = _existing(tenant).where(*_KEYS.conditions(page)).order_by(*_KEYS.order(page.sort))
        async with listing(self._engine, tenant) as connection:
            found = [_endpoint(row) for row in await connection.execute(wanted.limit(page.limit + 1))]
        return cut(page, found, lambda each: Position(each.created_at, each.id))

    async def get(self, tenant: str, endpoint: str) -> Endpoint:
        """Returns an endpoint.

        Raises:
            Rejected: code `unknown_webhook_endpoint`.
        """
        async with transaction(self._engine, tenant) as connection:
            return await existing_endpoint(connection, tenant, endpoint)

    async def create(self, tenant: str, new: NewEndpoint) -> EndpointSecret:
        """Creates an endpoint with a secret, once: a repeat returns it without its secret.

        Raises:
            Rejected: code `too_many_webhook_endpoints`.
        """
        secret = new_secret()
        about = {"created_by": new.created_by, "description": new.description, "types": list(new.types)}
        made = insert(webhook_endpoints).values(about | {"id": new.id, "tenant": tenant, "url": new.url})
        async with transaction(self._engine, tenant) as connection:
            # One at a time, so that two at once do not both find room for the last one.
            await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"hooks/{tenant}", 0))))
            if (await connection.execute(select(_IT.id).where(_IT.id == new.id))).first() is None:
                await _check_room(connection, tenant)
                await connection.execute(made)
                await add_secret(connection, self._encryption, tenant, new.id, new.id, secret)
                return EndpointSecret(await existing_endpoint(connection, tenant, str(new.id)), secret)
            return EndpointSecret(await existing_endpoint(connection, tenant, str(new.id)), None)

    async def change(self, tenant: str, endpoint: str, change: EndpointChange) -> Endpoint:
        """Changes an endpoint. One that is disabled gets nothing more; what was on its way to it is canceled.

        Raises:
            Rejected: code `unknown_webhook_endpoint`.
        """
        async with transaction(self._engine, tenant) as connection:
            before = await existing_endpoint(connection, tenant, endpoint, lock=True)
            values = change.values
            if change.state is before.state:
                values = {name: value for name, value in values.items() if name in ("url", "description", "types")}
            if values:
                await connection.execute(update(webhook_endpoints).where(_IT.id == UUID(before.id)).values(values))
            if change.state is EndpointState.DISABLED:
                await cancel_deliveries(connection, UUID(before.id))
            return await existing_endpoint(connection, tenant, endpoint)

    async def delete(self, tenant: str, endpoint: str) -> None:
        """Deletes an endpoint with its secrets; one that is deleted stays so.

        What was sent to it is kept as long as all deliveries are.

        Raises:
            Rejected: code `unknown_webhook_endpoint`.
        """
        async with transaction(self._engine, tenant) as connection:
            if await _is_deleted(connection, tenant, endpoint):
                return
            found = UUID((await existing_endpoint(connection, tenant, endpoint, lock=True)).id)
            disabled = {"state": EndpointState.DISABLED.value, "disabled_reason": DisabledReason.OPERATOR.value}
            await connection.execute(
                update(webhook_endpoints).where(_IT.id == found).values(deleted_at=func.now(), **disabled)
            )
            await connection.execute(delete(webhook_secrets).where(webhook_secrets.c.endpoint == found))
            await cancel_deliveries(connection, found)

    async def rotate(
        self, tenant: str, endpoint: str, secret_id: UUID, overlap: timedelta = SECRET_OVERLAP
    ) -> EndpointSecret:
        """Makes the secret with this id the current one, once; what it replaces signs too, for *overlap* from now.

        Raises:
            Rejected: code `unknown_webhook_endpoint`.
        """
        secret, secrets = new_secret(), webhook_secrets.c
        async with transaction(self._engine, tenant) as connection:
            found = await existing_endpoint(connection, tenant, endpoint, lock=True)
            known = await connection.execute(select(secrets.id).where(secrets.id == secret_id))
            if known.first() is not None:
                return EndpointSecret(found, None)
            await expire_current(connection, UUID(found.id), overlap)
            await add_secret(connection, self._encryption, tenant, UUID(found.id), secret_id, secret)
            return EndpointSecret(found, secret)


async def existing_endpoint(connection: AsyncConnection, tenant: str, endpoint: str, *, lock: bool = False) -> Endpoint:
    """Returns an endpoint.

    Raises:
        Rejected: code `unknown_webhook_endpoint`.
    """
    try:
        wanted = _existing(tenant).where(_IT.id == UUID(endpoint))
    except ValueError:
        raise unknown_endpoint(endpoint) from None
    if lock:
        # Not against what refers to it: steps that write deliveries do not wait.
        wanted = wanted.with_for_update(key_share=True)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise unknown_endpoint(endpoint)
    return _endpoint(row)


async def _is_deleted(connection: AsyncConnection, tenant: str, endpoint: str) -> bool:
    with suppress(ValueError):
        wanted = select(_IT.id).where(_IT.tenant == tenant, _IT.id == UUID(endpoint), _IT.deleted_at.is_not(None))
        return (await connection.execute(wanted)).first() is not None
    return False


async def cancel_deliveries(connection: AsyncConnection, endpoint: UUID) -> None:
    """Cancels what is on its way to an endpoint."""
    it = event_deliveries.c
    pending = update(event_deliveries).where(it.endpoint == endpoint, it.state == DeliveryState.PENDING.value)
    await connection.execute(pending.values(state=DeliveryState.CANCELED.value, next_attempt_at=None))


async def _check_room(connection: AsyncConnection, tenant: str) -> None:
    counted = select(func.count()).where(_IT.tenant == tenant, _IT.deleted_at.is_(None))
    if (await connection.execute(counted)).scalar_one() >= MOST_ENDPOINTS:
        raise Rejected(
            f"there are {MOST_ENDPOINTS} webhook endpoints already, which is the maximum:"
            " delete one, or let one of your own pass events on",
            code="too_many_webhook_endpoints",
        )


def _existing(tenant: str) -> Select[Any]:
    return select(webhook_endpoints).where(_IT.tenant == tenant, _IT.deleted_at.is_(None))


def _endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(
        str(row.id),
        row.tenant,
        row.url,
        row.description,
        tuple(row.types),
        EndpointState(row.state),
        DisabledReason(row.disabled_reason) if row.disabled_reason else None,
        row.failing_since,
        row.created_at,
        row.created_by,
    )
