"""The Temporal Schedules: whether they run, and running, pausing and resuming them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, HTTPException, Response

from api.console.engine_acts import EngineAct, act_once, ask
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.http.auth import ADMIN_ROLES, OPERATOR_ROLES
from domain.audit import AuditTarget
from services.schedules import Schedules, ScheduleStatus, schedule_ids
from storage.access.console_sessions import CONSOLE_ROLES

PATH: Final = "/console/schedules"

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@dataclass(frozen=True)
class _Verb:
    """What can be done with a Schedule."""

    operation: str
    title: str
    happens: str
    do: Callable[[Schedules, str], Awaitable[ScheduleStatus]]
    is_for_admins: bool = False
    kind: str = "primary"


_VERBS: Final[Mapping[str, _Verb]] = {
    "trigger": _Verb(
        "triggerSchedule",
        "Run now",
        "It runs once, now. Nothing is done twice: while a run is in progress, no other is started.",
        Schedules.trigger,
    ),
    "pause": _Verb(
        "pauseSchedule",
        "Pause",
        "No more runs begin until it is resumed: what it does is left undone, for all tenants. A run in progress goes"
        " on.",
        Schedules.pause,
        is_for_admins=True,
        kind="danger",
    ),
    "resume": _Verb(
        "resumeSchedule",
        "Resume",
        "Runs begin again when they are due. Those that were missed are not made up for.",
        Schedules.resume,
        is_for_admins=True,
    ),
}


@router.get("")
async def list_schedules(visit: WithVisit) -> Response:
    await visit.require("listSchedules", *CONSOLE_ROLES, is_of_installation=True)
    return visit.page(
        "schedules.html",
        schedules=await visit.repositories.schedules.all(),
        may_run=visit.may(*OPERATOR_ROLES),
        may_pause=visit.may(*ADMIN_ROLES),
    )


@router.get("/{schedule_id}/{verb}")
async def ask_first(schedule_id: str, verb: str, visit: WithVisit) -> Response:
    return await ask(visit, _act(schedule_id, verb))


@router.post("/{schedule_id}/{verb}")
async def act(schedule_id: str, verb: str, form: WithSent) -> Response:
    wanted, schedules = _act(schedule_id, verb), form.visit.repositories.schedules
    return await act_once(form.visit, form.fields, wanted, lambda: _VERBS[verb].do(schedules, schedule_id))


def _act(schedule_id: str, name: str) -> EngineAct:
    verb = _VERBS.get(name)
    if verb is None or schedule_id not in schedule_ids():
        raise HTTPException(404)
    return EngineAct(
        verb.operation,
        AuditTarget("schedule", schedule_id),
        f"{PATH}/{schedule_id}/{name}",
        PATH,
        f"{verb.title}: {schedule_id}",
        verb.title,
        (verb.happens,),
        kind=verb.kind,
        roles=ADMIN_ROLES if verb.is_for_admins else OPERATOR_ROLES,
        is_of_installation=True,
    )
