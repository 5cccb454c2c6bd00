"""Invoices, as last seen at the payment provider."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.http.auth import Reader
from api.http.dependencies import WithRepositories
from api.http.fields import ExternalId
from api.http.openapi import READING
from api.subscriptions.views import InvoiceList

router = APIRouter(prefix="/v1/invoices", tags=["Invoices"], responses=READING)


@router.get("", operation_id="listInvoices", summary="List invoices, newest first")
async def list_invoices(
    caller: Reader,
    repositories: WithRepositories,
    customer: Annotated[ExternalId | None, Query(description="a customer's external id")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> InvoiceList:
    return InvoiceList.of(await repositories.timeline.invoices(caller.tenant, external_id=customer, limit=limit))
