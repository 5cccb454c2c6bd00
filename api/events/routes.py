"""The feed of events, for products that cannot be called."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field

from api.events.schemas import AnyEvent
from api.http.auth import Reader
from api.http.dependencies import WithRepositories
from api.http.fields import subscription_id_of
from api.http.idempotency import IdempotentRoute
from api.http.lists import MAX_LIMIT
from api.http.openapi import READING
from domain.events.outbound import envelope
from domain.events.types import EventType
from storage.events.feed import FeedRequest

_SubscriptionId = Annotated[str, AfterValidator(subscription_id_of)]

router = APIRouter(prefix="/v1/events", tags=["Events"], route_class=IdempotentRoute)


class EventPage(BaseModel):
    """The next events, oldest first."""

    data: list[Annotated[AnyEvent, Field(discriminator="type")]]
    next_cursor: str | None = Field(
        description="keep it, and pass it as `cursor` to read on, also when this page is empty; null only if there has"
        " been no event yet"
    )
    has_more: bool = Field(description="whether there is more to read at once; else ask again when you like")


@router.get(
    "",
    operation_id="listEvents",
    summary="Read events on from a cursor, oldest first",
    response_model=EventPage,
    responses=READING,
)
async def list_events(
    caller: Reader,
    repositories: WithRepositories,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="page size")] = MAX_LIMIT,
    type: Annotated[list[EventType] | None, Query(description="of these types alone")] = None,  # noqa: A002
    subscription: Annotated[_SubscriptionId | None, Query(description="of this one alone")] = None,
) -> JSONResponse:
    """Every event is there once, for 30 days, in the order in which they were committed: none appears behind a cursor.

    It takes a moment for one to appear, as it waits for what was begun before it.
    """
    request = FeedRequest(limit, cursor, type or (), UUID(subscription) if subscription else None)
    page = await repositories.events.page(caller.tenant, request)
    # As they were written: what an earlier release has told is not held against today's schemas.
    data = [envelope(event) for event in page.events]
    return JSONResponse({"data": data, "next_cursor": page.next_cursor, "has_more": page.has_more})
