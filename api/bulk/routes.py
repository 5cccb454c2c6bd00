"""Bulk runs: preview, start, look at, pause, resume, stop."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response, status

from api.bulk.choosing import chosen
from api.bulk.requests import BulkPreviewRequest, StartBulkRequest
from api.bulk.rows import as_csv, cursor_after, position_of
from api.bulk.views import BulkPreviewView, BulkRowList, BulkRowView, BulkRunList, BulkRunView
from api.http.audit import actor_of
from api.http.auth import Admin, Analyst
from api.http.csv import CONTENT_TYPE, wants_csv
from api.http.dependencies import WithRepositories
from api.http.idempotency import IdempotentRoute
from api.http.lists import MAX_LIMIT, Cursor, WithPage
from api.http.openapi import COMMANDING, READING, USING
from api.subscriptions.requests import EmptyRequest
from domain.bulk.runs import Order, RowOutcome

router = APIRouter(prefix="/v1/bulk", tags=["Bulk"], route_class=IdempotentRoute)

_AS_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}, "description": "the rows, as JSON or as CSV"}
}


@router.post("/preview", operation_id="previewBulk", summary="Preview a bulk run", responses=USING)
async def preview_bulk(body: BulkPreviewRequest, caller: Analyst, repositories: WithRepositories) -> BulkPreviewView:
    """Nothing is changed. The checks of each subscription's workflow are made as before the command."""
    choice = await chosen(repositories, caller.tenant, body)
    return BulkPreviewView.of(choice.action, choice.preview)


@router.post(
    "",
    operation_id="startBulk",
    summary="Start a bulk run (admins)",
    status_code=status.HTTP_201_CREATED,
    responses=COMMANDING,
)
async def start_bulk(
    body: StartBulkRequest, request: Request, caller: Admin, repositories: WithRepositories, response: Response
) -> BulkRunView:
    """Its subscriptions are fixed now: those that refuse now are not asked again, and none is added later.

    If it would not be done for as many as `expected`, nothing is started, and `would_be_done` says for how many.
    """
    order = Order(
        actor_of(caller), request.state.command_key, request.state.reference, expected=body.expected, rate=body.rate
    )
    run = await repositories.bulk.start(caller.tenant, order, lambda: chosen(repositories, caller.tenant, body))
    response.headers["Location"] = f"/v1/bulk/{run.id}"
    return BulkRunView.of_run(run)


@router.get("", operation_id="listBulkRuns", summary="List bulk runs", responses=READING)
async def list_bulk_runs(caller: Analyst, repositories: WithRepositories, page: WithPage) -> BulkRunList:
    found = await repositories.bulk_runs.find(caller.tenant, page)
    return BulkRunList(data=[BulkRunView.of_run(run) for run in found.rows], next_cursor=found.next_cursor)


@router.get("/{run_id}", operation_id="getBulkRun", summary="Get a bulk run", responses=READING)
async def get_bulk_run(run_id: str, caller: Analyst, repositories: WithRepositories) -> BulkRunView:
    return BulkRunView.of_run(await repositories.bulk_runs.get(caller.tenant, run_id))


@router.get(
    "/{run_id}/rows",
    operation_id="listBulkRows",
    summary="List the subscriptions of a bulk run",
    response_model=BulkRowList,
    responses=READING | _AS_CSV,
)
async def list_bulk_rows(
    run_id: str,
    caller: Analyst,
    repositories: WithRepositories,
    request: Request,
    outcome: RowOutcome | None = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="page size; a CSV has all rows")] = 20,
    format: Annotated[Literal["json", "csv"] | None, Query(description="or by `Accept: text/csv`")] = None,  # noqa: A002
) -> BulkRowList | Response:
    """Return them in the order in which they are worked off; as CSV all at once."""
    run = await repositories.bulk_runs.get(caller.tenant, run_id)
    if wants_csv(request, format):
        return await as_csv(repositories, run, outcome)
    rows = await repositories.bulk_runs.rows(run, after=position_of(cursor), limit=limit, outcome=outcome)
    following = cursor_after(rows[limit - 1]) if len(rows) > limit else None
    return BulkRowList(data=[BulkRowView.of(row) for row in rows[:limit]], next_cursor=following)


@router.post("/{run_id}/pause", operation_id="pauseBulk", summary="Pause a bulk run (admins)", responses=COMMANDING)
async def pause_bulk(
    run_id: str, caller: Admin, repositories: WithRepositories, _body: EmptyRequest | None = None
) -> BulkRunView:
    """Once this returns, none of its subscriptions is in progress."""
    return BulkRunView.of_run(await repositories.bulk.pause(caller.tenant, run_id))


@router.post("/{run_id}/resume", operation_id="resumeBulk", summary="Resume a bulk run (admins)", responses=COMMANDING)
async def resume_bulk(
    run_id: str, caller: Admin, repositories: WithRepositories, _body: EmptyRequest | None = None
) -> BulkRunView:
    """One that has not begun, because Temporal was down when it was started, or that Temporal has lost, begins."""
    return BulkRunView.of_run(await repositories.bulk.resume(caller.tenant, run_id))


@router.post("/{run_id}/stop", operation_id="stopBulk", summary="End a bulk run (admins)", responses=COMMANDING)
async def stop_bulk(
    run_id: str, caller: Admin, repositories: WithRepositories, _body: EmptyRequest | None = None
) -> BulkRunView:
    """Subscriptions that wait are skipped; what was done stays done."""
    return BulkRunView.of_run(await repositories.bulk.stop(caller.tenant, run_id))
