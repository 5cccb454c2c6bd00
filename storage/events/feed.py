"""The feed of events: in the order in which they were committed, so that no reader misses one that commits late.

An event belongs to the transaction that wrote it. A reader sees those of transactions that began before every
transaction that is still running: whatever commits later comes later.
"""

import base64
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ColumnElement, Row, Select, cast, func, select, tuple_
from sqlalchemy.dialects.postgresql import TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import Malformed
from domain.events.outbound import StoredEvent
from storage.db.engine import listing, transaction
from storage.schema.event_tables import events
from storage.schema.tables import customers, installation

MOST_READ: Final = 1000
"""Events that one page looks at for those of the types that are asked for."""
_LARGEST: Final = 2**63 - 1
RESTORED: Final = "feed"
"""The name of the row in `installation` that says which restore the feed's numbers are since."""

_it = events.c
_PLACE = tuple_(_it.txid, _it.position)
# The oldest transaction that is still running, as of the statement.
_HORIZON = cast(cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), TEXT), BigInteger)
_SINCE = func.coalesce(select(installation.c.value).where(installation.c.name == RESTORED).scalar_subquery(), "")


@dataclass(frozen=True)
class FeedRequest:
    """Which events of the feed a page holds."""

    limit: int = 20
    cursor: str | None = None
    """Where the page before ended; None: from the oldest one that is kept."""
    types: Collection[str] = ()
    """Empty: all."""
    subscription: UUID | None = None


@dataclass(frozen=True)
class FeedPage:
    """A page of the feed, oldest event first."""

    events: Sequence[StoredEvent]
    next_cursor: str | None
    """Where the next page begins, also if there is nothing more as yet; None: nothing was ever read."""
    has_more: bool
    """Whether the next page may hold events already."""


@dataclass(frozen=True)
class _Place:
    txid: int
    position: int
    since: str = ""
    """Which restore its numbers are since; empty: there was none."""


class EventFeed:
    """Reads events of one tenant."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def page(self, tenant: str, request: FeedRequest) -> FeedPage:
        """Reads the next events.

        Raises:
            Malformed: field `cursor`; the feed has not returned it, or an earlier database has.
            GatewayUnavailable: the database does not respond in time.
        """
        most = MOST_READ if request.types else request.limit + 1
        async with listing(self._engine, tenant) as connection:
            since, after = await _known(connection, request.cursor)
            read = (await connection.execute(_next(tenant, request.subscription, after, most))).all()
        found = [row for row in read if not request.types or row.type in request.types]
        shown = found[: request.limit]
        is_cut = len(found) > request.limit
        # What was looked at in vain is not looked at again.
        last = shown[-1] if is_cut else read[-1] if read else None
        return FeedPage(
            [_stored(row) for row in shown],
            _cursor(_Place(last.txid, last.position, since)) if last is not None else request.cursor,
            is_cut or len(read) == most,
        )


async def begin_anew(engine: AsyncEngine) -> None:
    """After a restore: refuses every cursor from before.

    What was lost has numbers that are given again: a cursor to it would skip what comes to have them.
    """
    since = uuid4().hex
    noted = insert(installation).values(name=RESTORED, value=since)
    async with transaction(engine) as connection:
        await connection.execute(noted.on_conflict_do_update(index_elements=["name"], set_={"value": since}))


async def _known(connection: AsyncConnection, cursor: str | None) -> tuple[str, _Place | None]:
    """Which restore the feed's numbers are since, and the place that a cursor names.

    One beyond the horizon is of the database from before a restore, too, of which the feed was not told.
    """
    horizon, since = (await connection.execute(select(_HORIZON, _SINCE))).one()
    if cursor is None:
        return since, None
    place = _read(cursor)
    if place.txid >= horizon or place.since != since:
        raise _not_a_cursor()
    return since, place


def _next(tenant: str, subscription: UUID | None, after: _Place | None, most: int) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [_it.tenant == tenant, _it.txid < _HORIZON]
    if subscription is not None:
        conditions.append(_it.subscription == subscription)
    if after is not None:
        conditions.append(tuple_(after.txid, after.position) < _PLACE)
    return (
        select(events, customers.c.external_id)
        .join_from(events, customers, customers.c.id == _it.customer, isouter=True)
        .where(*conditions)
        .order_by(_it.txid, _it.position)
        .limit(most)
    )


def _stored(row: Row[Any]) -> StoredEvent:
    return StoredEvent(
        id=str(row.id),
        type=row.type,
        version=row.version,
        at=row.at,
        sequence=row.sequence,
        customer=str(row.customer),
        external_id=row.external_id or "",
        payload=row.payload,
    )


def _cursor(place: _Place) -> str:
    return base64.urlsafe_b64encode(json.dumps(_numbers(place)).encode()).decode()


def _numbers(place: _Place) -> list[int | str]:
    return [place.txid, place.position, *([place.since] if place.since else [])]


def _read(cursor: str) -> _Place:
    try:
        txid, position, *since = json.loads(base64.urlsafe_b64decode(cursor))
    except (ValueError, TypeError, RecursionError):
        raise _not_a_cursor() from None
    if (
        type(txid) is not int
        or type(position) is not int
        or not (not since or (len(since) == 1 and isinstance(since[0], str)))
        or not 0 <= min(txid, position) <= max(txid, position) <= _LARGEST
    ):
        raise _not_a_cursor()
    return _Place(txid, position, *since)


def _not_a_cursor() -> Malformed:
    return Malformed(
        "this is not a cursor that this feed has returned: read on without one, from the oldest event that is kept",
        field="cursor",
    )
