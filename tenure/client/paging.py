"""Lists in pages."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from tenure.client.core import Steps

T_co = TypeVar("T_co", covariant=True)
PAGE_SIZE = 100
"""Entries fetched at a time when all of a list is iterated over; the most that the API allows."""


class Page(Protocol[T_co]):
    """One page of a list."""

    @property
    def data(self) -> tuple[T_co, ...]: ...

    @property
    def next_cursor(self) -> str | None: ...


Pages = Callable[[str | None], Steps[Page[T_co]]]
"""Fetches the page at a cursor; None: the first."""
