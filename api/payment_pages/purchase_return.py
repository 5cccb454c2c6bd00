"""The page to which customers return from buying: it waits for the subscription, then leads on to the product.

It takes a completed purchase over as a webhook would, and needs no webhook.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.http.dependencies import AppDependencies, WithDependencies, WithRepositories
from api.http.middleware import is_head
from api.web.csp import NO_REFERRER, security_headers
from api.web.errors import PageRoute
from api.web.pages import PageMessage, WithPages
from api.web.readers import reader_of
from domain.errors import GatewayRefused, GatewayUnavailable, Rejected
from domain.purchases.ports import PurchaseState, StoredPurchase
from localization.languages import sentence

RETURN_PATH: Final = "/checkout/return"
MOST_LOOKS: Final = 5
WAIT_SECONDS: Final = 3
HEADERS: Final = {"Cache-Control": "no-store"} | security_headers(referrer=NO_REFERRER)

UNKNOWN: Final = PageMessage(
    sentence("There is no such purchase"), sentence("Please follow the link of the product again."), 404
)
CONFIRMING: Final = PageMessage(
    sentence("One moment, please"), sentence("Your purchase is being confirmed. This page goes on by itself.")
)
LATER: Final = PageMessage(
    sentence("Thank you"),
    sentence("Your purchase is still being confirmed. You need not wait: you will hear from us by mail."),
)
REFUSED: Final = PageMessage(
    sentence("Your purchase could not begin"),
    sentence("You get back what you have paid. What happened is on its way to you by mail."),
)
OVER: Final = PageMessage(
    sentence("This page has expired"), sentence("Nothing was bought. You can start again any time."), 410
)
MESSAGES: Final = {
    PurchaseState.REFUSING: REFUSED,
    PurchaseState.REFUSED: REFUSED,
    PurchaseState.EXPIRED: OVER,
}

router = APIRouter(prefix="/checkout", include_in_schema=False, route_class=PageRoute)

SessionId = Annotated[str, Query(max_length=255)]
Look = Annotated[int, Query(ge=1, le=MOST_LOOKS)]


@router.get("/return")
async def returned(
    request: Request,
    dependencies: WithDependencies,
    repositories: WithRepositories,
    pages: WithPages,
    session_id: SessionId = "",
    look: Look = 1,
) -> Response:
    """Lead on once the subscription has begun; ask again a few times until then."""
    purchase = await repositories.crossings.purchase_of_page(session_id)
    if purchase is None:
        return pages.message(UNKNOWN, reader_of(request), referrer=NO_REFERRER)
    contact = purchase.sign_up.contact
    reader = reader_of(request, contact.locale, contact.timezone or "UTC")
    if is_head(request.scope):
        return Response(headers=HEADERS)
    is_limited = bool(repositories.pay_link_limits.by_link.take(session_id))
    state = purchase.state if is_limited else await _settled(dependencies, purchase)
    if state is PurchaseState.BEGUN:
        target = purchase.success_url.replace("{CHECKOUT_SESSION_ID}", session_id)
        return RedirectResponse(target, status_code=303, headers=HEADERS)
    again = "" if look >= MOST_LOOKS else f"{pages.root}{RETURN_PATH}?session_id={session_id}&look={look + 1}"
    message = MESSAGES.get(state) or (CONFIRMING if again else LATER)
    headers = {"Refresh": f"{WAIT_SECONDS}; url={again}"} if message is CONFIRMING else None
    return pages.message(message, reader, referrer=NO_REFERRER, headers=headers)


async def _settled(dependencies: AppDependencies, purchase: StoredPurchase) -> PurchaseState:
    """What has become of it; a take-over that fails for now is left to the next look, and to the sweep."""
    try:
        return await dependencies.purchases(purchase.sign_up.tenant).settle(purchase.page.ref)
    except (GatewayUnavailable, GatewayRefused, Rejected):
        return purchase.state
