"""How the engine is; reading requires an API key of role `read_only`, `operator` or `admin`, acting of the last two.

Each operation is defined once here; `Tenure` and `AsyncTenure` have it as a method of the same name, without `core`.
"""

from typing import TypeVar, Unpack

from tenure.client.core import Core, Steps, new_key
from tenure.client.health import InboxEvent, InboxPage, InboxSummary
from tenure.client.paging import PAGE_SIZE, Listing, Pages
from tenure.client.requests import Call, body_of, step_of
from tenure.client.values import InboxState

T = TypeVar("T")


def list_inbox(
    core: Core,
    *,
    state: InboxState | None = None,
    type: str | None = None,  # noqa: A002 - its name in the API
    subscription: str | None = None,
    cursor: str | None = None,
    limit: int | None = None,
    **part: Unpack[Listing],
) -> Steps[InboxPage]:
    """Return one page of the payment provider's events, newest first."""
    query = body_of(state=state, type=type, subscription=subscription, cursor=cursor, limit=limit, **part)
    return core.ask(Call("GET", "/v1/inbox", InboxPage, query=query))


def inbox(
    core: Core,
    *,
    state: InboxState | None = None,
    type: str | None = None,  # noqa: A002 - its name in the API
    subscription: str | None = None,
    **part: Unpack[Listing],
) -> Pages[InboxEvent]:
    """Iterate over the payment provider's events, newest first; pages are fetched as needed."""
    return lambda cursor: list_inbox(
        core, state=state, type=type, subscription=subscription, cursor=cursor, limit=PAGE_SIZE, **part
    )


def inbox_summary(core: Core) -> Steps[InboxSummary]:
    """Return how far behind the delivery of events is."""
    return core.ask(Call("GET", "/v1/inbox/summary", InboxSummary))


def replay_event(core: Core, event: str, reason: str, *, key: str | None = None) -> Steps[InboxEvent]:
    """Deliver an event again, and return it with its new outcome; nothing is booked twice.

    Raises:
        NotFound: code `unknown_event`.
        Conflict: code `not_deliverable`: nothing can take it now.
    """
    return _act(core, f"/v1/inbox/{step_of('event', event)}/replay", InboxEvent, reason, key)


def _act(core: Core, path: str, kind: type[T], reason: str, key: str | None) -> Steps[T]:
    call = Call("POST", path, kind, body={"reason": reason}, key=key or new_key(), takes_time=True)
    return core.ask(call)
