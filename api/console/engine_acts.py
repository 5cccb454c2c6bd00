"""What operators do about the engine: a form each, which says first what will happen, asks why, and acts once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import Response

from api.console.forms import REASON, new_key, reason_in
from api.console.once import once
from api.console.visits import Visit
from api.http.auth import OPERATOR_ROLES
from api.web.wording import as_sentence
from domain.audit import AuditTarget
from domain.errors import Rejected
from storage.access.api_keys import Role


@dataclass(frozen=True)
class EngineAct:
    """One thing to do, before it is done."""

    operation: str
    """The operation's id in OpenAPI."""
    target: AuditTarget
    path: str
    """Of the form, below the API's root."""
    back: str
    """Where it leads afterwards."""
    title: str
    label: str
    """Of the button."""
    happens: Sequence[str]
    """What will happen, in sentences."""
    facts: Sequence[tuple[str, str]] = ()
    """What it is about."""
    kind: str = "primary"
    roles: Sequence[Role] = OPERATOR_ROLES
    is_of_installation: bool = False
    why_not: str = ""
    """Why it cannot be done now; empty: it can."""


async def ask(visit: Visit, act: EngineAct) -> Response:
    """Show the form."""
    await _require(visit, act)
    return _page(visit, act)


async def act_once(
    visit: Visit, fields: Mapping[str, str], act: EngineAct, do: Callable[[], Awaitable[object]]
) -> Response:
    """Carry the form out, once however often it is sent, and lead back; or show it again with what is wrong."""
    await _require(visit, act)
    reason, errors = reason_in(fields)
    if errors:
        return _page(visit, act, status=422, errors=errors, reason=fields.get(REASON, ""))
    try:
        async with visit.command(act.operation, fields, target=act.target, reason=reason) as command:
            await once(visit, command.key, act.path, act.operation, do)
    except Rejected as error:
        return _page(visit, act, status=409, problem=as_sentence(error.message), reason=reason)
    return visit.to(act.back)


async def _require(visit: Visit, act: EngineAct) -> None:
    await visit.require(act.operation, *act.roles, target=act.target, is_of_installation=act.is_of_installation)


def _page(
    visit: Visit,
    act: EngineAct,
    *,
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    problem: str = "",
    reason: str = "",
) -> Response:
    return visit.page(
        "engine_act.html",
        status=status,
        act=act,
        action=visit.at(act.path),
        back=visit.at(act.back),
        label=act.label,
        kind=act.kind,
        key=new_key(),
        errors=errors or {},
        problem=problem,
        reason=reason,
    )
