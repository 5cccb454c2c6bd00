"""The history of a subscription: steps with their causes, mails and usage thresholds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from domain.entitlements.usage_mails import USAGE_OCCASIONS, feature_of, threshold_of
from storage.db.cursors import Cut, Keyset, PageRequest, Position, Sort, cut, not_a_cursor, plain_text, read
from storage.db.engine import listing, transaction
from storage.schema.tables import invoices, journal, mails, subscriptions


@dataclass(frozen=True)
class PastEntry:
    """One event: a journal entry, a mail, or usage close to a limit."""

    at: datetime
    kind: str
    summary: str
    cause_kind: str
    cause_ref: str
    cause_actor: str
    details: Mapping[str, str]


TimelinePage = Cut[PastEntry]


@dataclass(frozen=True, order=True)
class _Place:
    """Where an entry is in its subscription's history."""

    at: datetime
    source: int
    """Lines of the journal come before the mails of the same moment."""
    first: Any
    second: Any
    """Its order among others of its source at the same moment."""
    part: int = 0
    """Of a mail that makes two entries."""


_LINES, _MAILS = 0, 1
_ORDERED_BY = {_LINES: (journal.c.sequence, journal.c.position), _MAILS: (mails.c.created_at, mails.c.key)}
_Placed = tuple[_Place, PastEntry]


class Timeline:
    """Reads the journal and the mails."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def past(self, tenant: str, subscription: str, page: PageRequest) -> TimelinePage:
        """One page of all events; each mail follows the step that decided it.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor.
        """
        before = _read(page)
        lines, queued = (
            _wanted(source, table, page, before).where(
                table.c.tenant == tenant, table.c.subscription == UUID(subscription)
            )
            for source, table in ((_LINES, journal), (_MAILS, mails))
        )
        async with listing(self._engine, tenant) as connection:
            past = [_line(row) for row in await connection.execute(lines)]
            for row in await connection.execute(queued):
                past += _mailed(row)
        falls = page.sort is Sort.NEWEST_FIRST
        beyond = [one for one in past if before is None or (one[0] < before if falls else one[0] > before)]
        found = cut(page, sorted(beyond, key=lambda one: one[0], reverse=falls), lambda one: _position(one[0]))
        return Cut([entry for _, entry in found.rows], found.next_cursor)

    async def open_invoice(self, tenant: str, subscription: str) -> str | None:
        """The URL of the page to pay the newest unpaid invoice."""
        wanted = (
            select(invoices.c.url)
            .join(subscriptions, subscriptions.c.id == invoices.c.subscription)
            .where(
                invoices.c.tenant == tenant,
                invoices.c.subscription == UUID(subscription),
                invoices.c.status == "open",
                invoices.c.url != "",
                subscriptions.c.status != "canceled",
            )
            .order_by(invoices.c.at.desc())
            .limit(1)
        )
        async with transaction(self._engine, tenant) as connection:
            url: str | None = (await connection.execute(wanted)).scalar()
        return url


def _wanted(source: int, table: Table, page: PageRequest, before: _Place | None) -> Select[Any]:
    """The rows of one source from a place on, that one included: enough for a page of them alone."""
    at, columns, falls = table.c.at, _ORDERED_BY[source], page.sort is Sort.NEWEST_FIRST
    wanted = select(table).where(*Keyset(at, columns[0]).in_range(page))
    wanted = wanted.order_by(*(column.desc() if falls else column for column in (at, *columns)))
    # The one before the page is among them, and may be left out.
    wanted = wanted.limit(page.limit + 2)
    if before is None:
        return wanted
    if before.source == source:
        here, there = tuple_(at, *columns), tuple_(before.at, before.first, before.second)
        return wanted.where(here <= there if falls else here >= there)
    if falls:
        return wanted.where(at <= before.at if source < before.source else at < before.at)
    return wanted.where(at >= before.at if source > before.source else at > before.at)


def _position(place: _Place) -> Position:
    return Position(place.at, json.dumps([place.source, place.first, place.second, place.part], default=str))


def _read(page: PageRequest) -> _Place | None:
    if page.cursor is None:
        return None
    position = read(page.cursor, page.sort)
    try:
        source, first, second, part = json.loads(position.id)
        if source == _MAILS:
            return _Place(position.created, source, _moment(first), plain_text(second), int(part))
        if source == _LINES:
            return _Place(position.created, source, _number(first), _number(second), int(part))
    except (ValueError, TypeError, OverflowError):  # the last: Infinity, or next to the ends of the calendar
        pass
    raise not_a_cursor()


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at.astimezone(UTC)


def _number(number: int) -> int:
    if not 0 <= int(number) < 2**31:
        raise ValueError(number)
    return int(number)


def _line(row: Row[Any]) -> _Placed:
    entry = PastEntry(row.at, row.kind, row.summary, row.cause_kind, row.cause_ref, row.cause_actor, dict(row.details))
    return _Place(row.at, _LINES, row.sequence, row.position), entry


def _mailed(row: Row[Any]) -> list[_Placed]:
    """A mail. A usage mail, which no step of the subscription has decided, follows the state of the usage."""
    details = {"mail": str(row.id), "key": row.key, "message_id": row.message_id or "", "status": row.status}
    summary = f"Mail {row.occasion.replace('_', ' ')}: {row.status}"
    # Of an erased customer the usage is not told any more.
    is_of_usage = row.occasion in USAGE_OCCASIONS and bool(row.facts)
    mailed = PastEntry(row.at, f"mail_{row.status}", summary, "usage" if is_of_usage else "step", row.key, "", details)
    entries = [_crossed(row), mailed] if is_of_usage else [mailed]
    return [(_Place(row.at, _MAILS, row.created_at, row.key, part), entry) for part, entry in enumerate(entries)]


def _crossed(row: Row[Any]) -> PastEntry:
    facts = row.facts
    summary = f"{facts['meter_name']}: {facts['used']} of {facts['limit']} used ({facts['percent']} %)"
    details = {name: str(facts[name]) for name in ("plan", "used", "limit", "percent")}
    details |= {"feature": feature_of(row.key), "threshold": threshold_of(row.key)}
    return PastEntry(row.at, row.occasion, summary, "usage", row.key, "", details)
