"""The inbox as operators see it: the events of one tenant in pages, and how far behind delivery is.

An event is of tenant `default` until it is known whose it is: what waits, and what was set aside as nobody's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.provider.events import Disposition, KeptEvent
from domain.webhooks.inbox import COUNTED, EventState, InboxRow, InboxSummary
from storage.db.cursors import Cut, Keyset, PageRequest, Position, cut, plain_text
from storage.db.engine import listing, transaction
from storage.db.walks import Ordered, walk
from storage.schema.tables import customers, subscriptions
from storage.schema.webhook_tables import webhook_inbox
from storage.webhooks.inbox import event_of, inbox_row, select_inbox_rows

_IT = webhook_inbox.c
_KEYS = Keyset(_IT.received_at, _IT.event_id, read_id=str)
_Condition = Callable[[Any], ColumnElement[bool]]
"""What rows with these columns have to meet."""
RECENT = timedelta(hours=1)


@dataclass(frozen=True)
class InboxFilter:
    """Which events; None means any."""

    state: EventState | None = None
    type: str | None = None
    """The provider's name for it."""
    subscription: str | None = None
    """A subscription's id: events about it, and those about its customer that name no other."""


@dataclass(frozen=True)
class _Subject:
    """What events about a subscription name."""

    customer_refs: Sequence[str]
    agreement_ref: str


class InboxList:
    """Implements `domain.webhooks.ports.StoredEvents`, and lists events."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, tenant: str, wanted: InboxFilter, page: PageRequest) -> Cut[InboxRow]:
        """One page of the events, by when they were received; it may end early.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        async with listing(self._engine, tenant) as connection:
            subject = None
            if wanted.subscription is not None:
                subject = await _subject(connection, tenant, wanted.subscription)
                if subject is None:
                    return Cut([], None)
            branches, rest = _conditions(tenant, wanted, subject)
            ordered = Ordered(_KEYS, page, branches)
            if rest:
                return await walk(connection, ordered, lambda ids: _rows(connection, page, ids, *rest), _position)
            return cut(page, await _rows(connection, page, ordered.ids(limit=page.limit + 1)), _position)

    async def event(self, tenant: str, event_id: str) -> tuple[KeptEvent, InboxRow] | None:
        """One event, to be delivered, and as it is shown."""
        if not _can_be_stored(event_id):
            return None
        wanted = select(webhook_inbox).where(_IT.tenant == tenant, _IT.event_id == event_id)
        async with transaction(self._engine, tenant) as connection:
            row = (await connection.execute(wanted)).one_or_none()
        return None if row is None else (KeptEvent(event_of(row), row.received_at), inbox_row(row))

    async def summary(self, tenant: str) -> InboxSummary:
        """How many events wait and were set aside, and how long deliveries of the last hour took."""
        async with listing(self._engine, tenant) as connection:
            row = (await connection.execute(_summary(tenant))).one()
        return InboxSummary(
            row.waiting,
            row.oldest_waiting,
            row.set_aside,
            row.received,
            row.delivered,
            _delay(row.median_delay),
            _delay(row.slow_delay),
        )


async def _subject(connection: AsyncConnection, tenant: str, subscription: str) -> _Subject | None:
    """What the events about a subscription name; None: there is no such subscription."""
    try:
        id_ = UUID(subscription)
    except ValueError:
        return None
    wanted = (
        select(subscriptions.c.agreement_ref, customers.c.customer_ref, customers.c.former_refs)
        .join(customers, customers.c.id == subscriptions.c.customer)
        .where(subscriptions.c.tenant == tenant, subscriptions.c.id == id_)
    )
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        return None
    refs = [ref for ref in (row.customer_ref, *row.former_refs) if ref]
    return _Subject(refs, row.agreement_ref or "") if refs else None


def _conditions(
    tenant: str, wanted: InboxFilter, subject: _Subject | None
) -> tuple[list[list[ColumnElement[bool]]], list[_Condition]]:
    """What indexes can tell, by branch, and what else the rows have to meet."""
    of_tenant = _IT.tenant == tenant
    rest: list[_Condition] = []
    if wanted.type is not None:
        rest.append(lambda it: it.type == wanted.type)
    if subject is not None:
        rest.append(lambda it: or_(it.agreement_ref == "", it.agreement_ref == subject.agreement_ref))
        branches = [[of_tenant, _IT.customer_ref == ref] for ref in subject.customer_refs]
    elif wanted.state in (EventState.WAITING, EventState.SET_ASIDE):
        return [[of_tenant, _is(wanted.state, _IT)]], rest
    else:
        branches = [[of_tenant]]
    state = wanted.state
    if state is not None:
        rest.append(lambda it: _is(state, it))
    return branches, rest


def _is(state: EventState, it: Any) -> ColumnElement[bool]:
    wanted: ColumnElement[bool] = (
        it.handled_at.is_(None) if state is EventState.WAITING else it.disposition == state.value
    )
    return wanted


async def _rows(connection: AsyncConnection, page: PageRequest, ids: Select[Any], *rest: _Condition) -> list[InboxRow]:
    """The first of these events that meet the conditions, one more than the page holds."""
    among = ids.subquery("among")
    read = select_inbox_rows().select_from(among.join(webhook_inbox, _IT.event_id == among.c.id))
    # Its own step: of a rare type, the planner would rather look through all there is.
    found = read.offset(0).subquery("found")
    wanted = (
        select(found)
        .where(*(condition(found.c) for condition in rest))
        .order_by(*Keyset(found.c.received_at, found.c.event_id).order(page.sort))
        .limit(page.limit + 1)
    )
    return [inbox_row(row) for row in await connection.execute(wanted)]


def _position(row: InboxRow) -> Position:
    return Position(row.received_at, row.event_id)


def _summary(tenant: str) -> Select[Any]:
    of_tenant = _IT.tenant == tenant
    counted = {
        state: select(_IT.received_at)
        .where(of_tenant, _is(state, _IT))
        .order_by(_IT.received_at, _IT.event_id)
        .limit(COUNTED)
        .subquery(state.value)
        for state in (EventState.WAITING, EventState.SET_ASIDE)
    }
    waiting, set_aside = counted[EventState.WAITING], counted[EventState.SET_ASIDE]
    recent = (
        select(_IT.received_at, _IT.handled_at, _IT.disposition)
        .where(of_tenant, _IT.received_at >= func.now() - RECENT)
        .order_by(_IT.received_at.desc(), _IT.event_id.desc())
        .limit(COUNTED)
        .subquery("recent")
    )
    is_delivered = recent.c.disposition == Disposition.DELIVERED.value
    # Null unless it was delivered: percentiles leave these out.
    delay = case((is_delivered, func.extract("epoch", recent.c.handled_at - recent.c.received_at)))
    return select(
        select(func.count()).select_from(waiting).scalar_subquery().label("waiting"),
        select(func.min(waiting.c.received_at)).scalar_subquery().label("oldest_waiting"),
        select(func.count()).select_from(set_aside).scalar_subquery().label("set_aside"),
        func.count(recent.c.received_at).label("received"),
        func.count().filter(is_delivered).label("delivered"),
        func.percentile_cont(0.5).within_group(delay).label("median_delay"),
        func.percentile_cont(0.95).within_group(delay).label("slow_delay"),
    ).select_from(recent)


def _delay(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=float(seconds))


def _can_be_stored(text: str) -> bool:
    try:
        plain_text(text)
    except ValueError:
        return False
    return True
