"""The payment provider's events: what has come of each, and delivering one again."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api.http.auth import Analyst, Operator
from api.http.dependencies import WithRepositories
from api.http.idempotency import IdempotentRoute
from api.http.lists import NextCursor, WithPage
from api.http.openapi import READING, USING
from api.subscriptions.requests import ReasonRequest
from domain.webhooks.inbox import COUNTED, EventState, InboxRow, InboxSummary
from storage.webhooks.inbox_list import InboxFilter

router = APIRouter(prefix="/v1/inbox", tags=["Operations"], route_class=IdempotentRoute)


class InboxEventView(BaseModel):
    """An event of the payment provider."""

    id: str = Field(description="the provider's id of it", examples=["evt_1T2b3C"])
    type: str = Field(examples=["invoice.paid"])
    object: str = Field(description="what it is about, by the provider's id", examples=["in_1T2b3C"])
    customer: str | None = Field(description="the customer at the provider, if it names one", examples=["cus_T2b3C"])
    agreement: str | None = Field(description="the provider's subscription, if it names one", examples=["sub_1T2b3C"])
    state: EventState = Field(
        description="`waiting`: the sweep tries it again every minute; `passed_over`: it concerns no subscription;"
        " `set_aside`: it is about something that is not ours, or cannot be matched to anything we know"
    )
    outcome: str | None = Field(description="what was done with it, in words", examples=["delivered to subscription …"])
    received_at: datetime
    handled_at: datetime | None = Field(description="when that was first done")

    @classmethod
    def of(cls, row: InboxRow) -> "InboxEventView":
        return cls(
            id=row.event_id,
            type=row.type,
            object=row.object_id,
            customer=row.customer_ref or None,
            agreement=row.agreement_ref or None,
            state=row.state,
            outcome=row.outcome or None,
            received_at=row.received_at,
            handled_at=row.handled_at,
        )


class InboxEventList(BaseModel):
    """One page of events."""

    data: list[InboxEventView]
    next_cursor: NextCursor


class RecentDeliveriesView(BaseModel):
    """What arrived within the last hour."""

    received: int = Field(description=f"events; at most {COUNTED}, the newest")
    delivered: int = Field(description="those of them that were delivered to a subscription")
    p50_seconds: float | None = Field(
        description="median seconds from receipt to delivery; null if nothing was delivered"
    )
    p95_seconds: float | None = Field(description="95th percentile of the same")


class InboxSummaryView(BaseModel):
    """How far behind delivery is."""

    waiting: int = Field(description=f"events that are not delivered yet; at most {COUNTED}")
    oldest_waiting: datetime | None = Field(description="when the oldest of them was received")
    set_aside: int = Field(description=f"at most {COUNTED}")
    last_hour: RecentDeliveriesView

    @classmethod
    def of(cls, summary: InboxSummary) -> "InboxSummaryView":
        recent = RecentDeliveriesView(
            received=summary.received,
            delivered=summary.delivered,
            p50_seconds=_seconds(summary.median_delay),
            p95_seconds=_seconds(summary.slow_delay),
        )
        return cls(
            waiting=summary.waiting,
            oldest_waiting=summary.oldest_waiting,
            set_aside=summary.set_aside,
            last_hour=recent,
        )


def _seconds(delay: timedelta | None) -> float | None:
    return None if delay is None else round(delay.total_seconds(), 3)


Text = Annotated[str | None, Query(max_length=100, pattern="^[ -~]*$")]


@router.get("", operation_id="listInbox", summary="List the payment provider's events, newest first", responses=READING)
async def list_inbox(
    caller: Analyst,
    repositories: WithRepositories,
    page: WithPage,
    state: EventState | None = None,
    type: Annotated[Text, Query(description="the provider's name for it", examples=["invoice.paid"])] = None,  # noqa: A002
    subscription: Annotated[Text, Query(description="a subscription's id: events about it or its customer")] = None,
) -> InboxEventList:
    """What was received, when, and what was done with it; `created_from` and `created_to` are about receipt.

    An event has no tenant until it is delivered: events that wait, and those set aside, are shown to tenant `default`.
    A page may hold fewer events than its limit although there are more: follow `next_cursor`.
    """
    found = await repositories.inbox.find(caller.tenant, InboxFilter(state, type, subscription), page)
    return InboxEventList(data=[InboxEventView.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/summary", operation_id="getInboxSummary", summary="Show how far behind delivery is", responses=READING)
async def get_summary(caller: Analyst, repositories: WithRepositories) -> InboxSummaryView:
    return InboxSummaryView.of(await repositories.inbox.summary(caller.tenant))


@router.post(
    "/{event_id}/replay",
    operation_id="replayEvent",
    summary="Deliver an event again (operators)",
    responses=USING,
)
async def replay(
    event_id: Annotated[str, Path(max_length=255, examples=["evt_1T2b3C"])],
    caller: Operator,
    repositories: WithRepositories,
    _body: ReasonRequest,
) -> InboxEventView:
    """Its subscription looks again at what the event points to: nothing is booked twice.

    One that was set aside and is delivered now is set aside no longer. One that still has nowhere to go is set aside
    again, or stays as it was.
    """
    return InboxEventView.of(await repositories.event_replay.replay(caller.tenant, event_id))
