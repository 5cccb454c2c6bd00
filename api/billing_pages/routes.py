"""The pages of a billing session. Everything is the session's own customer's: what is another's is not found."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from api.billing_pages.buying import press_buy, show_buy
from api.billing_pages.changes import press_change, show_change
from api.billing_pages.choices import press_cancel, press_pause, show_cancel, show_pause
from api.billing_pages.flows import FLOWS, press, show
from api.billing_pages.overview import show_overview
from api.billing_pages.portal import leave_to_portal
from api.billing_pages.sessions import BillingRoute, WithSent, WithVisit
from api.billing_pages.visits import PATHS
from domain.billing_flows import BillingFlow
from localization.languages import sentence

PAGE_SIZE = 20
THE_INVOICE = sentence("Open the invoice")

Chosen = Annotated[str, Query(max_length=100, description="a plan and an interval, to be chosen at first")]

router = APIRouter(prefix="/billing", include_in_schema=False, route_class=BillingRoute)


@router.get("")
async def overview(
    visit: WithVisit, after: Annotated[str, Query(max_length=20)] = "", looks: Annotated[int, Query(ge=0, le=100)] = 0
) -> Response:
    return await show_overview(visit, after=after, looks=looks)


@router.get(PATHS[BillingFlow.CANCEL])
async def ask_to_cancel(visit: WithVisit) -> Response:
    return show_cancel(visit)


@router.post(PATHS[BillingFlow.CANCEL])
async def cancel(form: WithSent) -> Response:
    return await press_cancel(form.visit, form.fields)


@router.get(PATHS[BillingFlow.PAUSE])
async def ask_to_pause(visit: WithVisit) -> Response:
    return show_pause(visit)


@router.post(PATHS[BillingFlow.PAUSE])
async def pause(form: WithSent) -> Response:
    return await press_pause(form.visit, form.fields)


@router.get(PATHS[BillingFlow.CHANGE_PLAN])
async def ask_to_change(visit: WithVisit, plan: Chosen = "") -> Response:
    return await show_change(visit, {"plan": plan} if plan else None)


@router.post(PATHS[BillingFlow.CHANGE_PLAN])
async def change(form: WithSent) -> Response:
    return await press_change(form.visit, form.fields)


@router.get(PATHS[BillingFlow.BUY])
async def choose_plan(visit: WithVisit, plan: Chosen = "") -> Response:
    return show_buy(visit, {"plan": plan} if plan else None)


@router.post(PATHS[BillingFlow.BUY])
async def buy(form: WithSent) -> Response:
    return await press_buy(form.visit, form.fields)


@router.post("/details")
async def change_details(form: WithSent) -> Response:
    return await leave_to_portal(form.visit)


@router.get(PATHS[BillingFlow.INVOICES])
async def invoices(visit: WithVisit, cursor: Annotated[str | None, Query(max_length=255)] = None) -> Response:
    account = visit.account
    found, after = await visit.repositories.billing_accounts.invoices(
        account.tenant, account.customer_id, after=cursor, limit=PAGE_SIZE
    )
    if cursor is not None and not found:
        return visit.back_to(BillingFlow.INVOICES)
    return visit.page("invoices.html", BillingFlow.INVOICES, invoices=found, cursor=after)


@router.get("/invoices/{ref}")
async def invoice_page(ref: str, visit: WithVisit) -> Response:
    return await _to_provider(visit, ref, pdf=False)


@router.get("/invoices/{ref}/pdf")
async def invoice_file(ref: str, visit: WithVisit) -> Response:
    return await _to_provider(visit, ref, pdf=True)


async def _to_provider(visit: WithVisit, ref: str, *, pdf: bool) -> Response:
    account = visit.account
    url = await visit.repositories.billing_accounts.invoice_page(account.tenant, account.customer_id, ref, pdf=pdf)
    if url is None:
        raise HTTPException(404)
    if visit.embed:
        return visit.leaving(BillingFlow.INVOICES, url, THE_INVOICE)
    return RedirectResponse(url, status_code=303, headers={"Cache-Control": "no-store"})


@router.get("/{page}")
async def ask(page: str, visit: WithVisit) -> Response:
    return show(visit, FLOWS[_flow_at(page)])


@router.post("/{page}")
async def do(page: str, form: WithSent) -> Response:
    return await press(form.visit, FLOWS[_flow_at(page)], form.fields)


def _flow_at(page: str) -> BillingFlow:
    found = next((flow for flow, path in PATHS.items() if path == f"/{page}" and flow in FLOWS), None)
    if found is None:
        raise HTTPException(404)
    return found
