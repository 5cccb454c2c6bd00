"""Invoices, as last seen at the payment provider."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.http.auth import Reader
from api.http.dependencies import WithRepositories
from api.http.fields import ExternalId
from api.http.lists import page_request
from api.http.openapi import READING
from api.subscriptions.views import InvoiceList, InvoiceView
from storage.db.cursors import PageRequest

router = APIRouter(prefix="/v1/invoices", tags=["Invoices"], responses=READING)


@router.get("", operation_id="listInvoices", summary="List invoices")
async def list_invoices(
    caller: Reader,
    repositories: WithRepositories,
    page: Annotated[PageRequest, Depends(page_request(limit=100))],
    customer: Annotated[ExternalId | None, Query(description="a customer's external id")] = None,
) -> InvoiceList:
    found = await repositories.invoice_list.find(caller.tenant, page, external_id=customer)
    return InvoiceList(data=[InvoiceView.of(row) for row in found.rows], next_cursor=found.next_cursor)
