"""Every request to cancel, with what the customer said."""

from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.http.auth import Operator
from api.http.csv import Cell, csv_answer, wants_csv
from api.http.dependencies import WithRepositories
from api.http.lists import NextCursor, WithPage
from api.metrics.ranges import Format
from api.metrics.reports import RESPONSES
from domain.formatting import moment
from domain.revenue.cancellations import AskedBy
from domain.revenue.outcomes import RetainedBy
from domain.subscription.ends import ReasonCode
from domain.subscription.lifecycle import Status
from storage.revenue.cancellation_list import CancellationRow

router = APIRouter(prefix="/v1/cancellations", tags=["Metrics"], responses=RESPONSES)


class CancellationView(BaseModel):
    """A cancellation that was asked for."""

    asked_at: datetime
    subscription: str
    customer: str = Field(description="your own id of the customer")
    by: AskedBy
    plan: str = Field(description="held at the time")
    status: Status | None = Field(description="at the time; null: not known")
    reason_code: ReasonCode | None = Field(description="null: the customer did not say")
    comment: str | None
    retained_by: RetainedBy | None = Field(description="what was taken instead; null: it was not undone")
    ended_at: datetime | None = Field(description="when the subscription ended; null: it was undone, or is pending")

    @classmethod
    def of(cls, row: CancellationRow) -> Self:
        known: dict[str, Any] = {name: value or None for name, value in vars(row).items()}
        return cls(**known)

    def cells(self) -> list[Cell]:
        """A row of the CSV."""
        return [moment(value) if isinstance(value, datetime) else value for value in dict(self).values()]


class CancellationList(BaseModel):
    """One page of cancellations."""

    data: list[CancellationView]
    next_cursor: NextCursor


@router.get(
    "",
    operation_id="listCancellations",
    summary="List cancellation requests with their comments",
    response_model=CancellationList,
)
async def list_cancellations(
    caller: Operator,
    repositories: WithRepositories,
    page: WithPage,
    request: Request,
    format: Format = None,  # noqa: A002 - the parameter's name
) -> CancellationList | Response:
    """Each request to cancel, with its comment; `created_from` and `created_to` are of when it was asked for.

    The next page of a CSV is in its header `Link`.
    """
    found = await repositories.cancellation_list.find(caller.tenant, page)
    data = [CancellationView.of(row) for row in found.rows]
    if not wants_csv(request, format):
        return CancellationList(data=data, next_cursor=found.next_cursor)
    answer = csv_answer("cancellations", list(CancellationView.model_fields), (each.cells() for each in data))
    if found.next_cursor is not None:
        following = request.url.include_query_params(cursor=found.next_cursor)
        answer.headers["Link"] = f'<{following}>; rel="next"'
    return answer
