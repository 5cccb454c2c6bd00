"""Notes that operators keep about a subscription: they are what is written in the audit, and nowhere else."""

from fastapi import APIRouter, status
from pydantic import BaseModel, Field

from api.http.fields import SubscriptionId
from api.http.idempotency import IdempotentRoute
from api.http.openapi import USING
from api.subscriptions.command_context import OperatorContext
from api.subscriptions.requests import NoteRequest
from domain.audit import references_in

router = APIRouter(
    prefix="/v1/subscriptions/{subscription_id}",
    tags=["Subscriptions"],
    route_class=IdempotentRoute,
    responses=USING,
)


class NoteView(BaseModel):
    """A note that is kept."""

    id: str = Field(description="of its entry in `GET /v1/audit`, which has the text")
    subscription: str


@router.post(
    "/note",
    operation_id="addNote",
    summary="Keep a note about a subscription (operators)",
    status_code=status.HTTP_201_CREATED,
)
async def note(subscription_id: SubscriptionId, context: OperatorContext, body: NoteRequest) -> NoteView:
    """The subscription may have ended, and its customer does not see it.

    `GET /v1/audit?target=<id>&action=addNote` lists the notes. They are exported and erased with the customer's data.
    """
    row = await context.row(subscription_id)
    [entry] = references_in([context.reason(body.text)])
    return NoteView(id=str(entry), subscription=row.id)
