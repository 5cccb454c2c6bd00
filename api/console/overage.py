"""Use beyond limits of which nobody knows whether it was billed: an operator decides."""

from typing import Any, Final

from fastapi import APIRouter, Response

from api.console.forms import new_key, reason_in
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.http.auth import OPERATOR_ROLES
from api.web.storable import storable
from domain.audit import AuditTarget
from domain.errors import Rejected
from storage.access.audit import CUSTOMER

PATH: Final = "/console/overage"
SHOWN: Final = 50
BILLED, AGAIN = "billed", "again"

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def show(visit: WithVisit) -> Response:
    return await _page(visit)


@router.post("")
async def decide(form: WithSent) -> Response:
    visit, fields = form.visit, form.fields
    key, decision = storable(fields.get("use", "")).strip(), fields.get("decision", "")
    waiting = await visit.repositories.usage_reports.unreported(limit=SHOWN, tenant=visit.tenant)
    use = next((one for one in waiting if one.key == key), None)
    customer = await visit.repositories.customers.id_of(tenant=visit.tenant, external_id=use.customer) if use else None
    target = AuditTarget(CUSTOMER, customer or "")
    await visit.require("resolveOverage", *OPERATOR_ROLES, target=target)
    reason, errors = reason_in(fields)
    if decision not in (BILLED, AGAIN):
        errors["decision"] = "Choose what has become of it."
    if errors:
        return await _page(visit, errors=errors, given=fields, status=422)
    try:
        async with visit.command("resolveOverage", fields, target=target, reason=reason):
            await _resolve(visit, key, is_billed=decision == BILLED)
    except Rejected as error:
        return await _page(visit, problem=error.message, status=409)
    return visit.to(PATH)


async def _resolve(visit: Visit, key: str, *, is_billed: bool) -> None:
    if not await visit.repositories.usage_reports.resolve(key, is_billed=is_billed, tenant=visit.tenant):
        raise Rejected("this use does not wait any more", code="nothing_waits")


async def _page(visit: Visit, *, status: int = 200, **shown: Any) -> Response:
    waiting = await visit.repositories.usage_reports.unreported(limit=SHOWN, tenant=visit.tenant)
    blank: dict[str, Any] = {"given": {}}
    may = visit.may(*OPERATOR_ROLES)
    return visit.page("overage.html", status=status, waiting=waiting, key=new_key(), may=may, **blank | shown)
