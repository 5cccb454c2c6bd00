"""Who has asked for what, and what came of it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api.http.auth import Analyst
from api.http.csv import CONTENT_TYPE, Cell, csv_answer, wants_csv
from api.http.dependencies import WithRepositories
from api.http.lists import NextCursor, WithPage
from api.http.openapi import READING
from domain.audit import ActorKind, AuditEntry, AuditOutcome
from domain.formatting import moment
from storage.access.audit import AuditFilter

_AS_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}, "description": "the entries, as JSON or as CSV"}
}

router = APIRouter(prefix="/v1/audit", tags=["Audit"], responses=READING | _AS_CSV)


class ActorView(BaseModel):
    """Who acted."""

    kind: ActorKind
    id: str = Field(description="the id of the key, the operator or the customer, or the name of the command")
    role: str


class TargetView(BaseModel):
    """What was acted on."""

    kind: str = Field(examples=["subscription"])
    id: str = Field(description="our own id; empty if nothing was made, or nothing of that name is there")


class AuditEntryView(BaseModel):
    """One command, and what came of it."""

    id: str
    at: datetime = Field(description="when it was asked for")
    actor: ActorView
    action: str = Field(description="the operation's id in this description, or a command", examples=["extendTrial"])
    target: TargetView
    request_id: str = Field(description="as in the response's header `X-Request-Id` and in the log")
    outcome: AuditOutcome = Field(
        description="`asked` while it is under way; `unknown` if it may have been carried out: the timeline says"
    )
    code: str | None = Field(description="why it was refused, or is not known", examples=["subscription_canceled"])
    settled_at: datetime | None = Field(description="when its outcome was known")
    reason: str | None = Field(description="what the actor wrote; null if nothing, or if it was erased")
    address: str | None = Field(description="where the request came from; null if it was erased")
    before: Mapping[str, Any] | None = Field(description="the target before, if it was there")
    after: Mapping[str, Any] | None = Field(description="the target after, if the command was carried out")

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryView":
        return cls(
            id=entry.id,
            at=entry.at,
            actor=ActorView(kind=entry.actor.kind, id=entry.actor.id, role=entry.actor.role),
            action=entry.action,
            target=TargetView(kind=entry.target.kind, id=entry.target.id),
            request_id=entry.request_id,
            outcome=entry.outcome,
            code=entry.code or None,
            settled_at=entry.settled_at,
            reason=entry.reason,
            address=entry.address,
            before=entry.before,
            after=entry.after,
        )


class AuditList(BaseModel):
    """One page of the audit."""

    data: list[AuditEntryView]
    next_cursor: NextCursor


_HEADS = (
    "id",
    "at",
    "actor_kind",
    "actor",
    "actor_role",
    "action",
    "target_kind",
    "target",
    "request_id",
    "outcome",
    "code",
    "settled_at",
    "reason",
    "address",
    "before",
    "after",
)

Filter = Annotated[str | None, Query(max_length=100, pattern="^[ -~]*$")]


@router.get("", operation_id="listAudit", summary="List audit entries, newest first", response_model=AuditList)
async def list_audit(
    caller: Analyst,
    repositories: WithRepositories,
    page: WithPage,
    request: Request,
    target: Filter = None,
    action: Filter = None,
    actor: Filter = None,
    format: Annotated[Literal["json", "csv"] | None, Query(description="or by `Accept: text/csv`")] = None,  # noqa: A002
) -> AuditList | Response:
    """Every command of an operator or an admin, refusals included, and every one with a reason.

    A page by `action` or `actor` may hold fewer entries than its limit although there are more: follow `next_cursor`.
    The next page of a CSV is in its header `Link`.
    """
    found = await repositories.audit.find(caller.tenant, AuditFilter(target, action, actor), page)
    if not wants_csv(request, format):
        return AuditList(data=[AuditEntryView.of(entry) for entry in found.rows], next_cursor=found.next_cursor)
    answer = csv_answer("audit", _HEADS, (_cells(entry) for entry in found.rows))
    if found.next_cursor is not None:
        following = request.url.include_query_params(cursor=found.next_cursor)
        answer.headers["Link"] = f'<{following}>; rel="next"'
    return answer


def _cells(entry: AuditEntry) -> list[Cell]:
    return [
        entry.id,
        moment(entry.at),
        entry.actor.kind,
        entry.actor.id,
        entry.actor.role,
        entry.action,
        entry.target.kind,
        entry.target.id,
        entry.request_id,
        entry.outcome,
        entry.code,
        moment(entry.settled_at) if entry.settled_at is not None else None,
        entry.reason,
        entry.address,
        _json(entry.before),
        _json(entry.after),
    ]


def _json(standing: Mapping[str, object] | None) -> str | None:
    return None if standing is None else json.dumps(standing, sort_keys=True)
