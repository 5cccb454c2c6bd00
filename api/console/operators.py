"""The people who may sign in. Admins add, change and disable them."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Response

from api.console.forms import new_key
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.http.auth import ADMIN_ROLES
from api.web.storable import storable
from configuration.mail_addresses import mail_address
from domain.audit import AuditTarget
from domain.errors import Rejected
from storage.access.operators import OperatorRole

PATH: Final = "/console/operators"
OPERATOR: Final = "operator"
LONGEST_NAME: Final = 200

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def list_operators(visit: WithVisit) -> Response:
    await visit.require("listOperators", *ADMIN_ROLES)
    return await _page(visit)


@router.post("")
async def add(form: WithSent) -> Response:
    visit, fields = form.visit, form.fields
    await visit.require("addOperator", *ADMIN_ROLES, target=AuditTarget(OPERATOR))
    email, name, role = (fields.get(field, "").strip() for field in ("email", "name", "role"))
    errors = {}
    try:
        email = mail_address(email).lower()
    except ValueError:
        errors["email"] = "This is not a mail address."
    if role not in set(OperatorRole):
        errors["role"] = "Choose a role."
    if len(name) > LONGEST_NAME or not name.isprintable():
        errors["name"] = f"Use at most {LONGEST_NAME} characters that can be shown."
    if errors:
        return await _page(visit, given=fields, errors=errors, status=422)
    try:
        async with visit.command("addOperator", fields, target=AuditTarget(OPERATOR)) as command:
            after, _ = await visit.repositories.operators.add(
                email, OperatorRole(role), tenant=visit.tenant, name=name or None
            )
            command.made(after.id)
    except Rejected as error:
        return await _page(visit, given=fields, problem=error.message, status=409)
    return visit.to(PATH)


@router.post("/disable")
async def disable(form: WithSent) -> Response:
    visit, fields = form.visit, form.fields
    await visit.require("disableOperator", *ADMIN_ROLES, target=AuditTarget(OPERATOR))
    email = storable(fields.get("email", "")).strip()
    try:
        async with visit.command("disableOperator", fields, target=AuditTarget(OPERATOR)) as command:
            disabled = await visit.repositories.operators.disable(email, tenant=visit.tenant)
            command.made(disabled.id)
    except Rejected as error:
        return await _page(visit, problem=error.message, status=409)
    return visit.to(PATH)


async def _page(visit: Visit, *, given: Mapping[str, str] | None = None, status: int = 200, **shown: Any) -> Response:
    found = await visit.repositories.operators.list(visit.tenant)
    blank = {"email": "", "name": "", "role": ""}
    return visit.page(
        "operators.html",
        status=status,
        operators=found,
        roles=[role.value for role in OperatorRole],
        given=blank | dict(given or {}),
        key=new_key(),
        **shown,
    )
