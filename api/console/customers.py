"""Customers: the list, and a page of each with what they have had, their invoices and their contact data."""

from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Response

from api.console.forms import Fields, new_key, reason_in, requested
from api.console.lists import PAGE_SIZE, Cursor, Filter, page_links
from api.console.sessions import ConsoleRoute, WithSent, WithVisit
from api.console.visits import Visit
from api.customers.routes import change_customer
from api.http.auth import OPERATOR_ROLES
from api.subscriptions.requests import ChangeCustomerRequest
from configuration.mail_addresses import searched_address
from domain.audit import AuditTarget
from domain.errors import GatewayUnavailable, Malformed, Rejected, TenureError
from storage.access.audit import CUSTOMER
from storage.db.cursors import PageRequest
from storage.subscriptions.billing_accounts import BillingAccount
from storage.subscriptions.search import Search
from storage.subscriptions.subscription_list import Filters

PATH: Final = "/console/customers"
CONTACT: Final = ("email", "name", "timezone", "locale")

router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute)


@router.get("")
async def list_customers(
    visit: WithVisit,
    q: Filter = "",
    cursor: Cursor = "",
) -> Response:
    q = q.strip()
    query = {"q": q} if q else {}
    search = Search(query["q"], searched_address(query["q"])) if query else None
    try:
        found = await visit.repositories.customer_list.find(
            visit.tenant, search, PageRequest(PAGE_SIZE, cursor or None)
        )
    except Malformed:
        return visit.to(f"{PATH}?{urlencode(query)}")
    return visit.page(
        "customers.html",
        q=q,
        rows=found.rows,
        ends_early=found.ends_early,
        links=page_links(visit, PATH, query, cursor, found.next_cursor),
        path_of=lambda external_id: visit.at(path_of(external_id)),
    )


def path_of(external_id: str) -> str:
    """Return the path of a customer's page."""
    return f"{PATH}/{quote(external_id, safe='')}"


@router.get("/{external_id:path}")
async def show(
    external_id: str,
    visit: WithVisit,
    contact: Annotated[bool, Query()] = False,
    cursor: Annotated[str, Query(max_length=255)] = "",
) -> Response:
    account = await _account(visit, external_id)
    if contact:
        return _form(visit, account)
    repositories = visit.repositories
    invoices, more = await repositories.billing_accounts.invoices(
        visit.tenant, account.customer_id, after=cursor or None, limit=PAGE_SIZE
    )
    had = await repositories.subscription_list.find(
        visit.tenant, Filters(customer=account.external_id), PageRequest(PAGE_SIZE)
    )
    here = visit.at(path_of(external_id))
    return visit.page(
        "customer.html",
        account=account,
        subscriptions=had.rows,
        invoices=invoices,
        older=f"{here}?{urlencode({'cursor': more})}" if more else "",
        first=here if cursor else "",
        contact_address=f"{here}?contact=true",
        audit=visit.at(f"/console/audit?target={account.customer_id}"),
        may_change=visit.may(*OPERATOR_ROLES),
    )


@router.post("/{external_id:path}")
async def change_contact(external_id: str, form: WithSent) -> Response:
    visit, fields = form.visit, form.fields
    account = await _account(visit, external_id)
    target = AuditTarget(CUSTOMER, account.customer_id)
    await visit.require("updateCustomer", *OPERATOR_ROLES, target=target)
    reason, errors = reason_in(fields)
    changed = {name: fields.get(name, "").strip() for name in CONTACT}
    changed = {name: value for name, value in changed.items() if value != (getattr(account, name) or "")}
    if not changed:  # also when the form was sent twice
        return visit.to(path_of(external_id))
    if errors:
        return _form(visit, account, given=fields, errors=errors, status=422)
    try:
        async with visit.command("updateCustomer", fields, target=target, reason=reason) as command:
            body = requested(ChangeCustomerRequest, changed)
            await change_customer(
                external_id, body.given, command.key, visit.caller, visit.dependencies, visit.repositories
            )
    except Malformed as error:
        return _form(visit, account, given=fields, errors={error.field or "email": error.message}, status=422)
    except GatewayUnavailable:
        raise
    except TenureError as error:
        return _form(visit, account, given=fields, problem=f"{error.message} ({error.code})", status=409)
    return visit.to(path_of(external_id))


async def _account(visit: Visit, external_id: str) -> BillingAccount:
    found = await visit.repositories.billing_accounts.by_external_id(visit.tenant, external_id)
    if found is None:
        raise Rejected(f"there is no customer {external_id!r}", code="unknown_customer")
    return found


def _form(
    visit: Visit, account: BillingAccount, *, given: Fields | None = None, status: int = 200, **shown: Any
) -> Response:
    stored = {name: getattr(account, name) or "" for name in CONTACT} | {"reason": ""}
    here = visit.at(path_of(account.external_id))
    return visit.page(
        "contact.html",
        status=status,
        account=account,
        action=here,
        back=here,
        label="Save",
        key=new_key(),
        given=stored | dict(given or {}),
        **shown,
    )
