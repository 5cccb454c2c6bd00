"""The Temporal Schedules: whether they run, and running, pausing and resuming them."""

from typing import Annotated

from fastapi import APIRouter, Path

from api.http.auth import InstallationAdmin, InstallationAnalyst, InstallationOperator
from api.http.dependencies import WithRepositories
from api.http.idempotency import IdempotentRoute
from api.http.openapi import READING, USING
from api.schedules.views import ScheduleList, ScheduleView
from api.subscriptions.requests import ReasonRequest

router = APIRouter(prefix="/v1/schedules", tags=["Operations"], route_class=IdempotentRoute)

ScheduleId = Annotated[str, Path(max_length=100, examples=["reconcile"])]


@router.get("", operation_id="listSchedules", summary="List the Schedules with their latest runs", responses=READING)
async def list_schedules(_caller: InstallationAnalyst, repositories: WithRepositories) -> ScheduleList:
    """For callers of tenant `default`. While Temporal does not respond, the state of each is `unknown`."""
    return ScheduleList(data=[ScheduleView.of(one) for one in await repositories.schedules.all()])


@router.post(
    "/{schedule_id}/trigger",
    operation_id="triggerSchedule",
    summary="Run a Schedule now (operators)",
    responses=USING,
)
async def trigger(
    schedule_id: ScheduleId, _caller: InstallationOperator, repositories: WithRepositories, _body: ReasonRequest
) -> ScheduleView:
    """For callers of tenant `default`. Nothing is done twice: while a run is in progress, no other is started."""
    return ScheduleView.of(await repositories.schedules.trigger(schedule_id))


@router.post(
    "/{schedule_id}/pause",
    operation_id="pauseSchedule",
    summary="Pause a Schedule (admins)",
    responses=USING,
)
async def pause(
    schedule_id: ScheduleId, _caller: InstallationAdmin, repositories: WithRepositories, _body: ReasonRequest
) -> ScheduleView:
    """For callers of tenant `default`. A run in progress goes on, and `trigger` still starts one."""
    return ScheduleView.of(await repositories.schedules.pause(schedule_id))


@router.post(
    "/{schedule_id}/resume",
    operation_id="resumeSchedule",
    summary="Resume a Schedule (admins)",
    responses=USING,
)
async def resume(
    schedule_id: ScheduleId, _caller: InstallationAdmin, repositories: WithRepositories, _body: ReasonRequest
) -> ScheduleView:
    """For callers of tenant `default`."""
    return ScheduleView.of(await repositories.schedules.resume(schedule_id))
