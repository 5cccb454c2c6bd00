"""The parameters that every list has, and what it returns beside its rows."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field

from api.http.fields import Moment
from storage.db.cursors import PageRequest, Sort

MAX_LIMIT = 100

NextCursor = Annotated[
    str | None, Field(description="pass it as `cursor`, with the same parameters, for the next page; null on the last")
]
Cursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the previous page")]
_EXAMPLES = ["2027-01-01T00:00:00Z"]
CreatedFrom = Annotated[Moment | None, Query(description="created at this time or later", examples=_EXAMPLES)]
CreatedTo = Annotated[Moment | None, Query(description="created before this time", examples=_EXAMPLES)]
Sorting = Annotated[Sort, Query(description="by creation: `desc` begins with the newest, `asc` with the oldest")]


def page_request(
    *, limit: int = 20, max_limit: int = MAX_LIMIT, sort: Sort = Sort.NEWEST_FIRST
) -> Callable[..., PageRequest]:
    """The dependency that reads a list's parameters; *limit* and *sort* are those that hold if none are given."""
    default_limit, default_sort = limit, sort

    def read(
        cursor: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=max_limit, description="page size")] = default_limit,
        created_from: CreatedFrom = None,
        created_to: CreatedTo = None,
        sort: Sorting = default_sort,
    ) -> PageRequest:
        return PageRequest(limit, cursor, sort, created_from, created_to)

    return read


WithPage = Annotated[PageRequest, Depends(page_request())]
"""The parameters of a list with 20 rows a page, the newest first."""
