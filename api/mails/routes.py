"""Mails to customers that wait or were given up, and sending one again."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api.http.auth import Analyst, Operator
from api.http.dependencies import WithRepositories
from api.http.idempotency import IdempotentRoute
from api.http.lists import NextCursor, WithPage
from api.http.openapi import READING, USING
from api.subscriptions.requests import ReasonRequest
from domain.notifications.mail_types import Occasion
from domain.notifications.undelivered import COUNTED, MailRow, MailState, MailSummary
from storage.subscriptions.mail_list import MailFilter

router = APIRouter(prefix="/v1/mails", tags=["Operations"], route_class=IdempotentRoute)


class MailView(BaseModel):
    """A mail, without what it says."""

    id: str
    subscription: str
    occasion: Occasion
    state: MailState = Field(
        description="`queued`: it waits for the mail server; `refused`: it was given up; `withdrawn`: no longer needed"
    )
    why_not: str | None = Field(description="why it was given up", examples=["the mail server did not take it in time"])
    created_at: datetime
    sent_at: datetime | None

    @classmethod
    def of(cls, row: MailRow) -> "MailView":
        return cls(
            id=row.id,
            subscription=row.subscription,
            occasion=row.occasion,
            state=row.state,
            why_not=row.why_not or None,
            created_at=row.created_at,
            sent_at=row.sent_at,
        )


class MailList(BaseModel):
    """One page of mails."""

    data: list[MailView]
    next_cursor: NextCursor


class MailSummaryView(BaseModel):
    """How many mails did not go out."""

    waiting: int = Field(description=f"at most {COUNTED}")
    oldest_waiting: datetime | None
    given_up: int = Field(description=f"of those written within a week; at most {COUNTED}")

    @classmethod
    def of(cls, summary: MailSummary) -> "MailSummaryView":
        return cls(waiting=summary.waiting, oldest_waiting=summary.oldest_waiting, given_up=summary.refused)


@router.get(
    "", operation_id="listMails", summary="List the mails that wait or were given up, newest first", responses=READING
)
async def list_mails(
    caller: Analyst,
    repositories: WithRepositories,
    page: WithPage,
    state: Annotated[Literal["queued", "refused"] | None, Query(description="both, if none is given")] = None,
) -> MailList:
    """Mails that were sent are in the timelines of their subscriptions."""
    wanted = MailFilter(None if state is None else MailState(state))
    found = await repositories.mail_list.find(caller.tenant, wanted, page)
    return MailList(data=[MailView.of(row) for row in found.rows], next_cursor=found.next_cursor)


@router.get("/summary", operation_id="getMailSummary", summary="Show how many mails did not go out", responses=READING)
async def get_summary(caller: Analyst, repositories: WithRepositories) -> MailSummaryView:
    return MailSummaryView.of(await repositories.mail_list.summary(caller.tenant))


@router.post("/{mail_id}/retry", operation_id="retryMail", summary="Send a mail again (operators)", responses=USING)
async def retry(
    mail_id: Annotated[str, Path(max_length=100)],
    caller: Operator,
    repositories: WithRepositories,
    _body: ReasonRequest,
) -> MailView:
    """Has one sent that waits or was given up, to the address that the customer has now; it may be late by then.

    A mail that was sent is not sent again.
    """
    return MailView.of(await repositories.mail_retry.retry(caller.tenant, mail_id))
