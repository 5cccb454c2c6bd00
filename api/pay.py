"""The link in mails: it opens the page on which a customer pays or puts a card on file."""

from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api import lifecycle
from api.lifecycle import NotRunning
from api.pages import HEADERS, page
from api.parts import HasParts, HasStores, Parts, Stores
from domain.errors import GatewayUnavailable, Rejected, TenureError
from domain.links import read_pay_token
from workflows.messages import OpenCheckout
from workflows.subscription import SubscriptionWorkflow

router = APIRouter(prefix="/pay", include_in_schema=False)

ACTOR = "pay link"


@dataclass(frozen=True)
class _Words:
    title: str
    text: str
    status: int


OVER: Final = _Words("This subscription is over", "There is nothing left to pay. You can sign up again any time.", 410)
WORDS: Final = {
    "bad_link": _Words(
        "This link is not complete", "Please open it from the mail again: it must not be cut short.", 404
    ),
    "not_running": OVER,
    "subscription_canceled": OVER,
    "suspended_by_operator": _Words(
        "Please get in touch", "Your subscription was suspended by our team. Our support will help you.", 409
    ),
}
AT_ANY_OTHER: Final = _Words(
    "This cannot be done right now", "Your subscription takes no payment at the moment. Our support will help you.", 409
)
LATER: Final = _Words(
    "One moment, please",
    "The payment page cannot be opened right now. Please try the link again in a few minutes.",
    503,
)


@router.get("/done")
async def done(parts: HasParts) -> HTMLResponse:
    return page(
        parts.brand,
        "Thank you",
        "Your card is on file. What happens next is on its way to you by mail; you can close this page.",
    )


@router.get("/canceled")
async def canceled(parts: HasParts) -> HTMLResponse:
    return page(
        parts.brand,
        "Nothing was changed",
        "You left the payment page before it was done. The link in our mail brings you back to it at any time.",
    )


@router.get("/closed")
async def closed(parts: HasParts) -> HTMLResponse:
    return page(parts.brand, "You can close this page", "What you changed takes effect by itself within moments.")


@router.get("/{token}")
async def pay(token: str, parts: HasParts, stores: HasStores) -> Response:
    try:
        url = await _way_to_pay(read_pay_token(token, parts.secret_key), parts, stores)
    except GatewayUnavailable:
        return _say(parts, LATER)
    except TenureError as error:
        return _say(parts, WORDS.get(error.code, AT_ANY_OTHER))
    return RedirectResponse(url, status_code=303, headers=HEADERS)


def _say(parts: Parts, words: _Words) -> HTMLResponse:
    return page(parts.brand, words.title, words.text, status=words.status)


async def _way_to_pay(subscription_id: str, parts: Parts, stores: Stores) -> str:
    """The open bill's own page if there is one, else a page that puts a card on file."""
    bill = await stores.timeline.open_bill(subscription_id)
    if bill is not None:
        return bill
    here = parts.public_url.rstrip("/")
    command = OpenCheckout(str(uuid4()), ACTOR, f"{here}/pay/done", f"{here}/pay/canceled")
    try:
        update = SubscriptionWorkflow.open_checkout
        answer = await lifecycle.carry_out(parts.client, subscription_id, update, command)
    except NotRunning:
        raise Rejected("the subscription is over", code="subscription_canceled") from None
    return answer.url
