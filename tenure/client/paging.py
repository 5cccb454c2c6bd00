"""Lists in pages."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, Protocol, TypedDict, TypeVar

from tenure.client.core import Steps

T_co = TypeVar("T_co", covariant=True)
PAGE_SIZE = 100
"""Entries fetched at a time when all of a list is iterated over; the most that the API allows."""


class Listing(TypedDict, total=False):
    """Which part of a list, and in which order."""

    created_from: datetime
    """Created at this time or later; invoices: issued, histories: happened."""
    created_to: datetime
    """Created before this time."""
    sort: Literal["asc", "desc"]
    """By creation: `desc` begins with the newest, `asc` with the oldest."""


class Page(Protocol[T_co]):
    """One page of a list. It may hold fewer entries than asked for: it is the last one if its cursor is None."""

    @property
    def data(self) -> tuple[T_co, ...]: ...

    @property
    def next_cursor(self) -> str | None: ...


Pages = Callable[[str | None], Steps[Page[T_co]]]
"""Fetches the page at a cursor; None: the first."""
