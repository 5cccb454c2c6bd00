"""What happened at Tenure, for products that cannot be called; requires an API key of any role but `webhooks`.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from tenure.client.core import Core, Steps
from tenure.client.events import EventPage
from tenure.client.requests import Call, body_of
from tenure.client.values import EventType


def list_events(
    core: Core,
    *,
    cursor: str | None = None,
    limit: int | None = None,
    type: EventType | None = None,  # noqa: A002 - its name in the API
    subscription: str | None = None,
) -> Steps[EventPage]:
    """Return the events after *cursor*, oldest first, up to 100 at a time; without one, from the oldest that is kept.

    Keep the page's `next_cursor` with what you have made of its events, and read on from there, at once while
    `has_more` is true. None appears behind a cursor. One that Tenure does not know any more, as after it was restored
    from a backup, is refused: begin again without one.

    Raises:
        Malformed: field `cursor`.
    """
    query = body_of(cursor=cursor, limit=limit, type=type, subscription=subscription)
    return core.ask(Call("GET", "/v1/events", EventPage, query=query))
