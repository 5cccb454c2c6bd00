"""The link in mails: it opens the page on which a customer pays or puts a card on file."""

from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api import lifecycle
from api.lifecycle import NotRunning
from api.pages import HEADERS, page
from api.parts import HasParts, HasStores, Parts
from domain.errors import GatewayUnavailable, TenureError
from domain.lifecycle import Status
from domain.links import read_pay_token
from workflows.messages import OpenCheckout
from workflows.subscription import SubscriptionWorkflow

router = APIRouter(prefix="/pay", include_in_schema=False)

ACTOR = "pay link"


@router.get("/done")
async def done(parts: HasParts) -> HTMLResponse:
    return page(
        brand(parts),
        "Thank you",
        "Your card is on file. What happens next is on its way to you by mail; you can close this page.",
    )


@router.get("/canceled")
async def canceled(parts: HasParts) -> HTMLResponse:
    return page(
        brand(parts),
        "Nothing was changed",
        "You left the payment page before it was done. The link in our mail brings you back to it at any time.",
    )


@router.get("/{token}")
async def pay(token: str, request: Request, parts: HasParts, stores: HasStores) -> Response:
    try:
        return await _way_to_pay(read_pay_token(token, parts.secret_key), parts, stores)
    except GatewayUnavailable:
        return page(
            brand(parts),
            "One moment, please",
            "The payment page cannot be opened right now. Please try the link again in a few minutes.",
            status=503,
        )
    except TenureError as error:
        words = WORDS.get(error.code, WORDS["rejected"])
        return page(brand(parts), words.title, words.text, status=status_of(error))


async def _way_to_pay(subscription_id: str, parts: Parts, stores: Stores) -> Response:
    found = await stores.subscriptions.get(subscription_id)
    if found is None:
        raise Rejected("there is no such subscription", code="bad_link")
    if found.is_over:
        raise Rejected("the subscription is over", code="subscription_canceled")
    bill = await stores.invoices.open_bill(subscription_id)
    if bill is not None and bill.url:
        return _redirect(bill.url)
    here = parts.public_url.rstrip("/")
    command = OpenCheckout(str(uuid4()), ACTOR, f"{here}/pay/done", f"{here}/pay/canceled")
    answer = await lifecycle.carry_out(parts.client, subscription_id, SubscriptionWorkflow.open_checkout, command)
    return _redirect(answer.url)


def _redirect(url: str) -> RedirectResponse:
    return RedirectResponse(url, status_code=303, headers=HEADERS)
