"""What happened at Tenure, for products that cannot be called; requires an API key of any role but `webhooks`.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tenure.client.core import Core, Steps
from tenure.client.events import EventPage, TenureEvent, event_from
from tenure.client.paging import PAGE_SIZE, Pages
from tenure.client.requests import Call, body_of
from tenure.client.values import EventType


@dataclass(frozen=True)
class _Page:
    data: tuple[object, ...]
    next_cursor: str | None = None
    has_more: bool = False


def list_events(
    core: Core,
    *,
    cursor: str | None = None,
    types: Sequence[EventType] | None = None,
    subscription: str | None = None,
    limit: int | None = None,
) -> Steps[EventPage]:
    """Return the next events after a *cursor*, oldest first; without one, from the oldest of the last 30 days.

    Keep the page's `next_cursor` with what you have made of its events, and read on from there, at once while
    `has_more` is true. None appears behind a cursor.

    Raises:
        Malformed: Tenure does not know the cursor, as after it was restored from a backup: begin again without one.
        UnreadableEvent: one of them cannot be read.
    """
    listed = None if types is None else tuple(types)
    query = body_of(cursor=cursor, type=listed, subscription=subscription, limit=limit)
    page = yield from core.ask(Call("GET", "/v1/events", _Page, query=query))
    read = [replace(event_from(each), cursor=cursor) for each in page.data]
    if read:
        read[-1] = replace(read[-1], cursor=page.next_cursor)
    return EventPage(tuple(read), page.next_cursor, page.has_more)


def events(
    core: Core,
    *,
    after: str | None = None,
    types: Sequence[EventType] | None = None,
    subscription: str | None = None,
) -> Pages[TenureEvent]:
    """Iterate over all events so far, oldest first; pages are fetched as needed.

    Keep the `cursor` of the last event that you are done with, and go on *after* it the next time.
    """

    def fetch(cursor: str | None) -> Steps[EventPage]:
        page = yield from list_events(
            core, cursor=cursor or after, types=types, subscription=subscription, limit=PAGE_SIZE
        )
        return page if page.has_more else replace(page, next_cursor=None)

    return fetch
