"""What operators and admins do about an endpoint: a form each, which says first what will happen."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import APIRouter, HTTPException, Response

from api.console.endpoints import KIND, PATH
from api.console.engine_acts import EngineAct, act_once, ask
from api.console.forms import REASON, new_key, reason_in
from api.console.once import once
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.http.auth import ADMIN_ROLES, OPERATOR_ROLES
from api.web.wording import as_sentence
from api.webhook_endpoints.ids import new_id
from domain.audit import AuditTarget
from domain.errors import Rejected
from domain.events.endpoints import Endpoint, EndpointState
from services.events.hand_over import Announcer
from storage.access.api_keys import Role
from storage.events.endpoints import EndpointChange

SINCE: Final[Mapping[str, tuple[str, timedelta]]] = {
    "1": ("the last hour", timedelta(hours=1)),
    "6": ("the last 6 hours", timedelta(hours=6)),
    "24": ("the last day", timedelta(days=1)),
    "72": ("the last 3 days", timedelta(days=3)),
    "168": ("the last week", timedelta(days=7)),
    "720": ("the last 30 days", timedelta(days=30)),
}
"""From when what was missed is sent, by hours."""

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@dataclass(frozen=True)
class _Kind:
    """One kind of act."""

    operation: str
    title: str
    label: str
    happens: tuple[str, ...]
    do: Callable[[Visit, Endpoint], Awaitable[object]]
    is_harmful: bool = False
    leads_back: bool = True
    """To the endpoint's page; otherwise to the list."""


def _change(state: EndpointState) -> Callable[[Visit, Endpoint], Awaitable[object]]:
    return lambda visit, endpoint: visit.repositories.webhook_endpoints.change(
        visit.tenant, endpoint.id, EndpointChange(state=state)
    )


ACTS: Final[Mapping[str, _Kind]] = {
    "disable": _Kind(
        "updateWebhookEndpoint",
        "Disable an endpoint",
        "Disable",
        (
            "Nothing more is sent to it, and what was on its way is canceled.",
            "Once it is enabled again, “Send what it has missed” sends the rest.",
        ),
        _change(EndpointState.DISABLED),
        is_harmful=True,
    ),
    "enable": _Kind(
        "updateWebhookEndpoint",
        "Enable an endpoint",
        "Enable",
        ("It gets what happens from now on. “Send what it has missed” sends what happened meanwhile.",),
        _change(EndpointState.ENABLED),
    ),
    "delete": _Kind(
        "deleteWebhookEndpoint",
        "Delete an endpoint",
        "Delete",
        ("Nothing more is sent to it, what was on its way is canceled, and its secrets are gone for good.",),
        lambda visit, endpoint: visit.repositories.webhook_endpoints.delete(visit.tenant, endpoint.id),
        is_harmful=True,
        leads_back=False,
    ),
}


@router.get("/{endpoint_id}/rotate")
async def ask_to_rotate(endpoint_id: str, visit: WithVisit) -> Response:
    endpoint = await _endpoint(visit, endpoint_id, "rotateWebhookSecret", *ADMIN_ROLES)
    return _rotation(visit, endpoint)


@router.post("/{endpoint_id}/rotate")
async def rotate(endpoint_id: str, form: WithSent) -> Response:
    """Show the new secret once."""
    visit, fields = form.visit, form.fields
    endpoint = await _endpoint(visit, endpoint_id, "rotateWebhookSecret", *ADMIN_ROLES)
    reason, errors = reason_in(fields)
    if errors:
        return _rotation(visit, endpoint, status=422, errors=errors, reason=fields.get(REASON, ""))
    target = AuditTarget(KIND, endpoint.id)
    async with visit.command("rotateWebhookSecret", fields, target=target, reason=reason) as command:
        secret = new_id(visit.tenant, f"rotate {endpoint.id}", command.key)
        made = await visit.repositories.webhook_endpoints.rotate(visit.tenant, endpoint.id, secret)
    return visit.page("endpoint_secret.html", endpoint=made.endpoint, secret=made.secret, is_new=False)


@router.get("/{endpoint_id}/recover")
async def ask_to_recover(endpoint_id: str, visit: WithVisit) -> Response:
    endpoint = await _endpoint(visit, endpoint_id, "recoverDeliveries", *OPERATOR_ROLES)
    return _recovery(visit, endpoint)


@router.post("/{endpoint_id}/recover")
async def recover(endpoint_id: str, form: WithSent) -> Response:
    visit, fields = form.visit, form.fields
    endpoint = await _endpoint(visit, endpoint_id, "recoverDeliveries", *OPERATOR_ROLES)
    reason, errors = reason_in(fields)
    chosen = SINCE.get(fields.get("since", ""))
    if chosen is None:
        errors["since"] = "Choose since when."
    if chosen is None or errors:
        return _recovery(visit, endpoint, status=422, errors=errors, given=fields)
    since = datetime.now(UTC) - chosen[1]
    target = AuditTarget(KIND, endpoint.id)
    try:
        async with visit.command("recoverDeliveries", fields, target=target, reason=reason) as command:
            path = f"{PATH}/{endpoint.id}/recover"
            await once(visit, command.key, path, "recoverDeliveries", lambda: _recover(visit, endpoint, since))
    except Rejected as error:
        problem = as_sentence(error.message)
        return _recovery(visit, endpoint, status=409, problem=problem, given=fields)
    return visit.to(f"{PATH}/{endpoint.id}?state=pending")


async def _recover(visit: Visit, endpoint: Endpoint, since: datetime) -> None:
    done = await visit.repositories.deliveries.recover(visit.tenant, endpoint.id, since)
    Announcer(visit.repositories.hand_over(visit.tenant)).announce(done.waiting)


@router.get("/{endpoint_id}/{verb}")
async def ask_to_act(endpoint_id: str, verb: str, visit: WithVisit) -> Response:
    act, _ = await _act(visit, endpoint_id, verb)
    return await ask(visit, act)


@router.post("/{endpoint_id}/{verb}")
async def carry_out(endpoint_id: str, verb: str, form: WithSent) -> Response:
    visit = form.visit
    act, do = await _act(visit, endpoint_id, verb)
    return await act_once(visit, form.fields, act, do)


async def _act(visit: Visit, endpoint_id: str, verb: str) -> tuple[EngineAct, Callable[[], Awaitable[object]]]:
    kind = ACTS.get(verb)
    if kind is None:
        raise HTTPException(404)
    endpoint = await _endpoint(visit, endpoint_id, kind.operation, *ADMIN_ROLES)
    path = f"{PATH}/{endpoint.id}"
    act = EngineAct(
        kind.operation,
        AuditTarget(KIND, endpoint.id),
        f"{path}/{verb}",
        path if kind.leads_back else PATH,
        kind.title,
        kind.label,
        kind.happens,
        _facts(endpoint),
        kind="danger" if kind.is_harmful else "primary",
        roles=ADMIN_ROLES,
    )
    return act, lambda: kind.do(visit, endpoint)


async def _endpoint(visit: Visit, endpoint_id: str, operation: str, *roles: Role) -> Endpoint:
    await visit.require(operation, *roles, target=AuditTarget(KIND, endpoint_id))
    return await visit.repositories.webhook_endpoints.get(visit.tenant, endpoint_id)


def _facts(endpoint: Endpoint) -> tuple[tuple[str, str], ...]:
    return (("Address", endpoint.url), ("Description", endpoint.description), ("State", endpoint.state.value))


def _rotation(
    visit: Visit,
    endpoint: Endpoint,
    *,
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    reason: str = "",
) -> Response:
    path = f"{PATH}/{endpoint.id}"
    act = EngineAct(
        "rotateWebhookSecret",
        AuditTarget(KIND, endpoint.id),
        f"{path}/rotate",
        path,
        "Replace the secret of an endpoint",
        "Replace the secret",
        (
            "The new secret is shown once, on the next page.",
            "For 24 hours what is sent has a signature by each of the two, so that the product can change over.",
        ),
        _facts(endpoint),
    )
    return visit.page(
        "engine_act.html",
        status=status,
        act=act,
        action=visit.at(act.path),
        back=visit.at(act.back),
        label=act.label,
        key=new_key(),
        errors=errors or {},
        reason=reason,
    )


def _recovery(
    visit: Visit,
    endpoint: Endpoint,
    *,
    status: int = 200,
    errors: Mapping[str, str] | None = None,
    problem: str = "",
    given: Mapping[str, str] | None = None,
) -> Response:
    path = f"{PATH}/{endpoint.id}"
    return visit.page(
        "endpoint_recover.html",
        status=status,
        facts=_facts(endpoint),
        since=[(hours, words, "") for hours, (words, _) in SINCE.items()],
        given={"since": "", "reason": ""} | dict(given or {}),
        action=visit.at(f"{path}/recover"),
        back=visit.at(path),
        label="Send what it has missed",
        key=new_key(),
        errors=errors or {},
        problem=problem,
    )
