"""Pages of lists: their addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Query

from api.console.visits import Visit

PAGE_SIZE: Final = 20
Cursor = Annotated[str, Query(max_length=500)]
Filter = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True)
class PageLinks:
    """The addresses of other pages of a list; empty: there is none."""

    older: str
    first: str


def page_links(visit: Visit, path: str, given: Mapping[str, str], cursor: str, following: str | None) -> PageLinks:
    """Return the addresses of the page after the one at *cursor*, and of the first, with the same filters."""
    query = {name: value for name, value in given.items() if value}
    older = f"{visit.at(path)}?{urlencode(query | {'cursor': following})}" if following else ""
    return PageLinks(older, f"{visit.at(path)}?{urlencode(query)}" if cursor else "")
