"""Pages of lists: sorted by creation time, within a range of it, each beginning where the last one ended.

Every list takes the same `PageRequest`. It names its columns once, as a `Keyset`, and has each page cut by it.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, tuple_

from domain.errors import Malformed

Row = TypeVar("Row")
_MOMENT = "%Y-%m-%dT%H:%M:%S.%f%z"


class Sort(StrEnum):
    """The order of a list."""

    NEWEST_FIRST = "desc"
    OLDEST_FIRST = "asc"


@dataclass(frozen=True)
class PageRequest:
    """Which rows of a list a page holds.

    Raises:
        Malformed: field `limit`, it is less than 1; field `created_to`, it is not after `created_from`.
    """

    limit: int = 20
    """The most rows."""
    cursor: str | None = None
    """Of the page before; None: the first page."""
    sort: Sort = Sort.NEWEST_FIRST
    created_from: datetime | None = None
    """Rows created at this moment or later."""
    created_to: datetime | None = None
    """Rows created before this moment."""

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise Malformed("a page holds at least 1 row", field="limit")
        if self.created_from and self.created_to and self.created_to <= self.created_from:
            raise Malformed("must be after created_from: the range ends before it", field="created_to")


@dataclass(frozen=True)
class Position:
    """Where a row is in its list."""

    created: datetime
    id: str
    """Sets rows apart that were created at the same moment."""


@dataclass(frozen=True)
class Cut(Generic[Row]):
    """A page, cut out of a list."""

    rows: list[Row]
    next_cursor: str | None
    """Of the page after it; None on the last one."""
    ends_early: bool = False
    """True if it may hold fewer rows than its limit although there are more: enough was read for one page."""


@dataclass(frozen=True)
class Keyset:
    """The columns that a list is sorted by. An index needs them last, after what its filters compare."""

    created: ColumnElement[Any]
    id: ColumnElement[Any]
    read_id: Callable[[str], Any] = UUID

    def conditions(self, page: PageRequest, until: Position | None = None) -> list[ColumnElement[bool]]:
        """What is true of the rows from the cursor on, within the range, and up to *until*.

        Raises:
            Malformed: field `cursor`; it is not a valid cursor, or of a list sorted otherwise.
        """
        found = self.in_range(page)
        here, falls = tuple_(self.created, self.id), page.sort is Sort.NEWEST_FIRST
        if page.cursor is not None:
            before = self._at(read(page.cursor, page.sort))
            found.append(here < before if falls else here > before)
        if until is not None:
            found.append(here >= self._at(until) if falls else here <= self._at(until))
        return found

    def in_range(self, page: PageRequest) -> list[ColumnElement[bool]]:
        """What is true of the rows within the range."""
        found: list[ColumnElement[bool]] = []
        if page.created_from is not None:
            found.append(self.created >= page.created_from)
        if page.created_to is not None:
            found.append(self.created < page.created_to)
        return found

    def order(self, sort: Sort) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        if sort is Sort.NEWEST_FIRST:
            return self.created.desc(), self.id.desc()
        return self.created.asc(), self.id.asc()

    def _at(self, position: Position) -> Any:
        try:
            return tuple_(position.created, self.read_id(position.id))
        except ValueError:
            raise not_a_cursor() from None


def cut(page: PageRequest, rows: Sequence[Row], position: Callable[[Row], Position]) -> Cut[Row]:
    """The page, of which one row more than its limit was read if there is one."""
    shown = list(rows[: page.limit])
    return Cut(shown, after(position(shown[-1]), page.sort) if len(rows) > page.limit else None)


def after(position: Position, sort: Sort = Sort.NEWEST_FIRST) -> str:
    """The cursor of the page after this row."""
    parts = [position.created.strftime(_MOMENT), position.id]
    if sort is not Sort.NEWEST_FIRST:
        parts.append(sort.value)
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


def read(cursor: str, sort: Sort = Sort.NEWEST_FIRST) -> Position:
    """The row before the page.

    Raises:
        Malformed: field `cursor`; it is not a valid cursor, or of a list sorted otherwise.
    """
    try:
        created, id_, *sorted_by = json.loads(base64.urlsafe_b64decode(cursor))
        # Without an offset the instant would be ambiguous; near the ends of the calendar it has no equivalent in UTC.
        position = Position(datetime.strptime(created, _MOMENT).astimezone(UTC), plain_text(id_))
        of = Sort(*sorted_by) if sorted_by else Sort.NEWEST_FIRST
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise not_a_cursor() from None
    if of is not sort:
        raise Malformed(f"this is a cursor of a list with sort={of.value}: pass the same sort with it", field="cursor")
    return position


def plain_text(given: object) -> str:
    """The text, if PostgreSQL can store it.

    Raises:
        ValueError: it cannot.
    """
    if not isinstance(given, str) or "\0" in given:
        raise ValueError(given)
    given.encode()  # half a surrogate pair has no bytes
    return given


def not_a_cursor() -> Malformed:
    """What a list says of a cursor that is none of its own."""
    return Malformed("this is not a cursor that a list has returned", field="cursor")
