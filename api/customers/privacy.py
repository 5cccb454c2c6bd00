"""A customer's data: exported, and erased."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api.entitlements.routes import CustomerId
from api.http.audit import AuditedRoute
from api.http.auth import Admin, Operator
from api.http.dependencies import WithDependencies, WithRepositories
from api.http.fields import Reason
from api.http.openapi import COMMANDING, READING, Responses
from api.subscriptions.command_context import service_context
from api.subscriptions.flush_overage import report_overage_first
from domain.errors import Rejected

RESTORES: Final = "Tenure-Restores"
"""The header that says whether a restored backup is erased again."""
NOT_COVERED: Final = "not-covered; TENURE_ERASURES_FILE is not set"
NOT_LISTED: Final = "not-covered; they never signed up, and the list of erasures has customers alone"

router = APIRouter(prefix="/v1/customers", tags=["Customers"], route_class=AuditedRoute, responses=READING)


class ProviderRefsView(BaseModel):
    """A customer's ids at the payment provider, which has data of its own about them."""

    customers: list[str]
    subscriptions: list[str]


class CustomerExport(BaseModel):
    """Everything that is stored about a customer."""

    exported_at: datetime
    customer: str = Field(description="our id; empty: nobody has signed up, and all that is known is what was used")
    provider: ProviderRefsView
    tables: dict[str, list[dict[str, Any]]] = Field(description="every row about the customer, by table")


class ErasureView(BaseModel):
    """An erasure of which something is left outside the database."""

    finished: bool = Field(description="false: the rest follows by itself; repeat the request to see whether it has")


_header = {"schema": {"type": "string"}, "description": "`covered`, or `not-covered` and why"}
ERASING: Final[Responses] = {
    202: {
        "model": ErasureView,
        "description": "Erased from the database; what is left elsewhere follows by itself",
        "headers": {RESTORES: _header},
    },
    204: {"description": "Erased; also if it had been before", "headers": {RESTORES: _header}},
}


@router.get(
    "/{external_id:path}/export", operation_id="exportCustomer", summary="Export everything stored about a customer"
)
async def export_customer(external_id: CustomerId, caller: Operator, repositories: WithRepositories) -> CustomerExport:
    customer = await repositories.customers.id_of(tenant=caller.tenant, external_id=external_id)
    found = await repositories.exports.of(caller.tenant, customer) if customer is not None else None
    found = found or await repositories.exports.of_usage(caller.tenant, external_id)
    if found is None:
        raise _unknown(external_id)
    refs = ProviderRefsView(customers=list(found.customer_refs), subscriptions=list(found.agreement_refs))
    tables = {name: [dict(row) for row in rows] for name, rows in found.tables.items()}
    return CustomerExport(exported_at=datetime.now(UTC), customer=found.customer, provider=refs, tables=tables)


@router.delete(
    "/{external_id:path}",
    operation_id="eraseCustomer",
    summary="Erase a customer's data; the books stay",
    status_code=204,
    response_model=None,
    responses={**COMMANDING, **ERASING},
)
async def erase_customer(
    external_id: CustomerId,
    request: Request,
    caller: Admin,
    dependencies: WithDependencies,
    repositories: WithRepositories,
    _reason: Annotated[Reason, Query(alias="reason", description="for the audit, which keeps it: name nobody")] = "",
    cancel: Annotated[bool, Query(description="cancel a live subscription at once; without it that is a 409")] = False,
) -> Response:
    customer = await repositories.erasures.known(caller.tenant, external_id)
    if customer is None:
        if not await repositories.erasures.erase_usage(caller.tenant, external_id):
            raise _unknown(external_id)
        return Response(status_code=204, headers={RESTORES: NOT_LISTED})
    live = await repositories.erasures.live_subscription(caller.tenant, customer)
    if live is not None and cancel:
        request.state.command_key = request.state.sign_up_key = ""
        await report_overage_first(service_context(request, dependencies, repositories, caller), live)
    erasing = repositories.erasing(caller.tenant)
    is_finished = await erasing.erase(caller.tenant, customer, caller.actor, cancel=cancel, asked=external_id)
    headers = {RESTORES: "covered" if erasing.covers_restores else NOT_COVERED}
    if is_finished:
        return Response(status_code=204, headers=headers)
    body = ErasureView(finished=False).model_dump_json()
    return Response(body, 202, headers, media_type="application/json")


def _unknown(external_id: str) -> Rejected:
    return Rejected(f"there is no customer {external_id!r}", code="unknown_customer")
