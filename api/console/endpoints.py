"""Endpoints of products: where events are sent, which ones, and whether they arrive. Admins decide about them."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Response

from api.console.forms import new_key
from api.console.lists import PAGE_SIZE, Cursor, Filter, page_links
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.http.auth import ADMIN_ROLES, OPERATOR_ROLES
from api.web.wording import as_sentence
from api.webhook_endpoints.ids import new_id
from domain.audit import AuditTarget
from domain.errors import Malformed, Rejected
from domain.events.deliveries import DeliveryState
from domain.events.endpoints import MOST_ENDPOINTS
from domain.events.types import EventType
from storage.db.cursors import PageRequest
from storage.events.endpoints import EndpointChange, NewEndpoint

PATH: Final = "/console/endpoints"
KIND: Final = "webhook_endpoint"
LONGEST_DESCRIPTION: Final = 200
TYPE_PREFIX: Final = "type:"
"""A field of the form for each type, as a form has each field once."""

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def list_endpoints(visit: WithVisit) -> Response:
    await visit.require("listWebhookEndpoints", *OPERATOR_ROLES)
    return await _list(visit)


@router.post("")
async def create(form: WithSent) -> Response:
    """Show the secret once; the form sent again shows that it was shown."""
    visit, fields = form.visit, form.fields
    await visit.require("createWebhookEndpoint", *ADMIN_ROLES, target=AuditTarget(KIND))
    try:
        change = await _wanted(visit, fields)
        async with visit.command("createWebhookEndpoint", fields, target=AuditTarget(KIND)) as command:
            id_ = new_id(visit.tenant, "create", command.key)
            command.made(str(id_))
            new = NewEndpoint(id_, *change, visit.caller.actor)
            made = await visit.repositories.webhook_endpoints.create(visit.tenant, new)
    except Malformed as error:
        return await _list(visit, given=fields, errors={error.field: as_sentence(error.message)}, status=422)
    except Rejected as error:
        return await _list(visit, given=fields, problem=as_sentence(error.message), status=409)
    return visit.page("endpoint_secret.html", endpoint=made.endpoint, secret=made.secret, is_new=True)


@router.get("/{endpoint_id}")
async def show(endpoint_id: str, visit: WithVisit, state: Filter = "", cursor: Cursor = "") -> Response:
    await visit.require("getWebhookEndpoint", *OPERATOR_ROLES, target=AuditTarget(KIND, endpoint_id))
    return await _show(visit, endpoint_id, state, cursor)


@router.post("/{endpoint_id}")
async def change(endpoint_id: str, form: WithSent) -> Response:
    visit, fields = form.visit, form.fields
    target = AuditTarget(KIND, endpoint_id)
    await visit.require("updateWebhookEndpoint", *ADMIN_ROLES, target=target)
    endpoints = visit.repositories.webhook_endpoints
    endpoint = await endpoints.get(visit.tenant, endpoint_id)
    try:
        wanted = EndpointChange(*await _wanted(visit, fields))
    except Malformed as error:
        return await _show(
            visit, endpoint.id, given=fields, errors={error.field: as_sentence(error.message)}, status=422
        )
    async with visit.command("updateWebhookEndpoint", fields, target=target):
        await endpoints.change(visit.tenant, endpoint.id, wanted)
    return visit.to(f"{PATH}/{endpoint.id}")


async def _wanted(visit: Visit, fields: Mapping[str, str]) -> tuple[str, str, tuple[str, ...]]:
    """Return address, description and types of a form.

    Raises:
        Malformed: field `url` or `description`.
    """
    url, description = fields.get("url", "").strip(), fields.get("description", "").strip()
    if len(description) > LONGEST_DESCRIPTION or not description.isprintable():
        raise Malformed(f"use at most {LONGEST_DESCRIPTION} characters that can be shown", field="description")
    await visit.dependencies.event_sender.check(url)
    return url, description, tuple(each.value for each in EventType if f"{TYPE_PREFIX}{each.value}" in fields)


async def _list(
    visit: Visit,
    *,
    given: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
    **shown: Any,
) -> Response:
    found = await visit.repositories.webhook_endpoints.find(visit.tenant, PageRequest(MOST_ENDPOINTS))
    return visit.page(
        "endpoints.html",
        status=status,
        endpoints=found.rows,
        most=MOST_ENDPOINTS,
        may_change=visit.may(*ADMIN_ROLES),
        given={"url": "", "description": ""} | dict(given or {}),
        key=new_key(),
        errors=errors or {},
        **_types(_chosen(given or {})),
        **shown,
    )


async def _show(
    visit: Visit,
    endpoint_id: str,
    state: str = "",
    cursor: str = "",
    *,
    given: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    endpoint = await visit.repositories.webhook_endpoints.get(visit.tenant, endpoint_id)
    chosen = DeliveryState(state) if state in set(DeliveryState) else None
    path = f"{PATH}/{endpoint.id}"
    page = PageRequest(PAGE_SIZE, cursor or None)
    try:
        found = await visit.repositories.deliveries.find(visit.tenant, endpoint.id, page, chosen)
    except Malformed:
        return visit.to(path)
    return visit.page(
        "endpoint.html",
        status=status,
        endpoint=endpoint,
        deliveries=found.rows,
        ends_early=found.ends_early,
        state=chosen.value if chosen is not None else "",
        states=[("", "any")] + [(each.value, each.value) for each in DeliveryState],
        may_change=visit.may(*ADMIN_ROLES),
        given={"url": endpoint.url, "description": endpoint.description} | dict(given or {}),
        key=new_key(),
        errors=errors or {},
        links=page_links(visit, path, {"state": state}, cursor, found.next_cursor),
        **_types(_chosen(given) if given is not None else set(endpoint.types)),
    )


def _chosen(fields: Mapping[str, str]) -> set[str]:
    return {name.removeprefix(TYPE_PREFIX) for name in fields if name.startswith(TYPE_PREFIX)}


def _types(chosen: set[str]) -> dict[str, object]:
    return {"types": [each.value for each in EventType], "chosen": chosen, "type_prefix": TYPE_PREFIX}
