"""Notices of crossed usage thresholds, and their mails."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.catalog.plans import Catalog
from domain.entitlements.ports import NoticesSent
from domain.entitlements.usage_mails import Crossing, usage_mail
from domain.events.customer_events import threshold_reached
from domain.events.outbound import OutboundEvent
from domain.events.ports import DeliveryAnnouncer
from domain.notifications.mail_types import Mail, Occasion
from domain.notifications.ports import QueuedMail
from storage.catalog.catalogs import catalog_from_json
from storage.catalog.current import in_force
from storage.db.codec import mail_id
from storage.db.engine import transaction
from storage.events.outbox import write_events
from storage.schema.tables import customers, mails, subscriptions
from storage.schema.usage_tables import catalog_versions, usage_notices

HAND_OVER_TIMEOUT = timedelta(minutes=1)
"""How long a recorded mail may be on its way to the sender."""
LAST_USEFUL_MOMENT = timedelta(days=3)

log = logging.getLogger("tenure.usage")

_UNREADABLE = (ValueError, TypeError, LookupError)
"""The exceptions raised for a catalog of another release."""

_Customer = tuple[str, str]
"""Tenant and external id."""
_KEY = [column.name for column in usage_notices.primary_key.columns]


class UsageNotices:
    """Implements `domain.entitlements.ports.Notices`."""

    def __init__(self, engine: AsyncEngine, announcer: DeliveryAnnouncer | None = None) -> None:
        self._engine = engine
        self._announcer = announcer

    async def write(self, *, limit: int) -> NoticesSent:
        async with transaction(self._engine) as connection:
            waiting, catalogs = await _claim_with_catalogs(connection, limit)
            if not waiting:
                return NoticesSent()
            current = await _current_catalog(connection)
            recipients = await _recipients(connection, {(row.tenant, row.customer) for row in waiting})
            rows = list(_mail_rows(waiting, catalogs, current, recipients))
            queued = await _queue(connection, rows) if rows else ()
            claimed = tuple_(*(usage_notices.c[name] for name in _KEY)).in_(
                [tuple(getattr(row, name) for name in _KEY) for row in waiting]
            )
            await connection.execute(update(usage_notices).where(claimed).values(told_at=func.now()))
            begun = await write_events(connection, list(_events(waiting, recipients)))
        if self._announcer is not None:
            self._announcer.announce(begun)
        return NoticesSent(len(waiting), tuple(queued))

    async def left_behind(self, *, limit: int) -> Sequence[QueuedMail]:
        age = func.now() - mails.c.created_at
        wanted = _select_queued().where(
            mails.c.handed_over_at.is_(None), age > HAND_OVER_TIMEOUT, age < LAST_USEFUL_MOMENT
        )
        async with transaction(self._engine) as connection:
            return [_queued(row) for row in await connection.execute(wanted.limit(limit))]

    async def handed_over(self, handed: Sequence[QueuedMail], tenant: str | None = None) -> None:
        ids = [UUID(mail.id) for mail in handed]
        async with transaction(self._engine, tenant) as connection:
            await connection.execute(update(mails).where(mails.c.id.in_(ids)).values(handed_over_at=func.now()))


async def _claim_with_catalogs(
    connection: AsyncConnection, limit: int
) -> tuple[Sequence[Row[Any]], dict[str, Catalog]]:
    """The next notices, and their catalogs.

    A notice whose catalog this release cannot read waits for a release that can, and holds up no others.
    """
    unreadable: set[str] = set()
    while True:
        waiting = await _claim(connection, limit, unreadable)
        catalogs, unreadable_names = await _catalogs(connection, {row.catalog for row in waiting})
        if not unreadable_names:
            return waiting, catalogs
        log.error(
            "usage mails wait: their catalog cannot be read by this release",
            extra={"catalogs": sorted(unreadable_names)},
        )
        unreadable |= unreadable_names


async def _claim(connection: AsyncConnection, limit: int, unreadable: set[str]) -> Sequence[Row[Any]]:
    """The oldest notices, except those in progress elsewhere."""
    waiting = select(usage_notices).where(usage_notices.c.told_at.is_(None)).order_by(usage_notices.c.at)
    if unreadable:
        waiting = waiting.where(usage_notices.c.catalog.not_in(unreadable))
    return (await connection.execute(waiting.limit(limit).with_for_update(skip_locked=True))).all()


async def _current_catalog(connection: AsyncConnection) -> Catalog | None:
    """The current catalog; None if there is none, or this release cannot read it."""
    try:
        return await in_force(connection)
    except _UNREADABLE:
        return None


async def _catalogs(connection: AsyncConnection, names: set[str]) -> tuple[dict[str, Catalog], set[str]]:
    """The published ones of these catalogs, and the names of those that cannot be read."""
    wanted = select(catalog_versions.c.name, catalog_versions.c.content).where(catalog_versions.c.name.in_(names))
    found: dict[str, Catalog] = {}
    unreadable_names = set()
    for row in await connection.execute(wanted):
        try:
            found[row.name] = catalog_from_json(row.content)
        except _UNREADABLE:
            unreadable_names.add(row.name)
    return found, unreadable_names


@dataclass(frozen=True)
class _Recipient:
    customer: UUID
    subscription: UUID


async def _recipients(connection: AsyncConnection, holders: set[_Customer]) -> dict[_Customer, _Recipient]:
    """Each customer with their live subscription, else the newest; some have none. Nobody is told who was erased."""
    wanted = (
        select(customers.c.tenant, customers.c.external_id, subscriptions.c.id, subscriptions.c.customer)
        .join(subscriptions, subscriptions.c.customer == customers.c.id)
        .where(tuple_(customers.c.tenant, customers.c.external_id).in_(list(holders)))
        .where(customers.c.erased_at.is_(None))
        # The last one of a customer stays in the mapping.
        .order_by(subscriptions.c.status != "canceled", subscriptions.c.created_at)
    )
    return {(row.tenant, row.external_id): _Recipient(row.customer, row.id) for row in await connection.execute(wanted)}


def _mail_rows(
    waiting: Sequence[Row[Any]],
    catalogs: Mapping[str, Catalog],
    current: Catalog | None,
    recipients: Mapping[_Customer, _Recipient],
) -> list[dict[str, Any]]:
    found = []
    for row in waiting:
        catalog, recipient = catalogs.get(row.catalog), recipients.get((row.tenant, row.customer))
        mail = usage_mail(_crossing(row), catalog, _for_sale(catalog, current)) if catalog is not None else None
        if mail is not None and recipient is not None:
            found.append(_row_of(mail, row.tenant, recipient.subscription))
    return found


def _events(waiting: Sequence[Row[Any]], recipients: Mapping[_Customer, _Recipient]) -> Iterator[OutboundEvent]:
    for row in waiting:
        recipient = recipients.get((row.tenant, row.customer))
        if recipient is not None:
            whose = str(recipient.customer), str(recipient.subscription)
            yield threshold_reached(_crossing(row), row.tenant, *whose)


def _for_sale(catalog: Catalog, current: Catalog | None) -> Catalog:
    return current if current is not None and current.product == catalog.product else catalog


def _crossing(row: Row[Any]) -> Crossing:
    return Crossing(**{field.name: getattr(row, field.name) for field in fields(Crossing)})


def _row_of(mail: Mail, tenant: str, subscription: UUID) -> dict[str, Any]:
    return {
        "id": mail_id(str(subscription), mail),
        "tenant": tenant,
        "subscription": subscription,
        "key": mail.key,
        "occasion": mail.occasion.value,
        "at": mail.at,
        "facts": mail.facts,
    }


async def _queue(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[QueuedMail]:
    await connection.execute(insert(mails).values(rows).on_conflict_do_nothing())
    wanted = _select_queued().where(mails.c.id.in_([row["id"] for row in rows]))
    return [_queued(row) for row in await connection.execute(wanted)]


def _select_queued() -> Any:
    return select(mails.c.id, mails.c.subscription, mails.c.occasion).where(mails.c.status == "queued")


def _queued(row: Row[Any]) -> QueuedMail:
    return QueuedMail(str(row.id), str(row.subscription), Occasion(row.occasion))
