"""The link in mails: it opens the page on which a customer pays or adds a card."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.http.dependencies import AppDependencies, Repositories, WithDependencies, WithRepositories
from api.http.middleware import is_head
from api.payment_pages.card_pages import shared_card_page
from api.web.csp import NO_REFERRER, security_headers
from api.web.errors import PageRoute
from api.web.link_messages import MAIL_LINK_MESSAGES
from api.web.pages import PageMessage, Pages, WithPages
from api.web.readers import Reader, reader_of
from domain.errors import GatewayUnavailable, Rejected, TenureError
from domain.notifications.pay_links import PayLink
from domain.subscription.guards import check_checkout
from localization.languages import sentence
from storage.subscriptions.pay_pages import PayPage

router = APIRouter(prefix="/pay", include_in_schema=False, route_class=PageRoute)

HEADERS: Final = {"Cache-Control": "no-store"} | security_headers(referrer=NO_REFERRER)
"""The address contains the token, and must not reach anyone else."""

SUBSCRIPTION_OVER: Final = PageMessage(
    sentence("This subscription is over"),
    sentence("There is nothing left to pay. You can sign up again any time."),
    410,
)
MESSAGES: Final = {
    **MAIL_LINK_MESSAGES,
    "subscription_canceled": SUBSCRIPTION_OVER,
    "suspended_by_operator": PageMessage(
        sentence("Please get in touch"),
        sentence("Your subscription was suspended by our team. Our support will help you."),
        409,
    ),
}
OTHER_ERROR: Final = PageMessage(
    sentence("This cannot be done right now"),
    sentence("Your subscription takes no payment at the moment. Our support will help you."),
    409,
)
TRY_LATER: Final = PageMessage(
    sentence("One moment, please"),
    sentence("The payment page cannot be opened right now. Please try the link again in a few minutes."),
    503,
)
DONE: Final = PageMessage(
    sentence("Thank you"),
    sentence("Your card is on file. What happens next is on its way to you by mail; you can close this page."),
)
CANCELED: Final = PageMessage(
    sentence("Nothing was changed"),
    sentence("You left the payment page before it was done. The link in our mail brings you back to it at any time."),
)
CLOSED: Final = PageMessage(
    sentence("You can close this page"), sentence("What you changed takes effect by itself within moments.")
)


@router.get("/done")
async def done(request: Request, pages: WithPages) -> HTMLResponse:
    return _page(pages, DONE, reader_of(request))


@router.get("/canceled")
async def canceled(request: Request, pages: WithPages) -> HTMLResponse:
    return _page(pages, CANCELED, reader_of(request))


@router.get("/closed")
async def closed(request: Request, pages: WithPages) -> HTMLResponse:
    return _page(pages, CLOSED, reader_of(request))


@router.get("/{token}")
async def pay(
    token: str, request: Request, dependencies: WithDependencies, repositories: WithRepositories, pages: WithPages
) -> Response:
    """Redirect to where the customer pays. Opening the link again leads to the same page."""
    reader = reader_of(request)
    try:
        link = PayLink.read(token, dependencies.signing)
        if wait := repositories.pay_link_limits.by_link.take(link.subscription):
            return _page(pages, replace(TRY_LATER, status=429), reader, {"Retry-After": str(ceil(wait))})
        known = await _known(link, repositories)
        reader = reader_of(request, known.locale, known.timezone)
        url = await _payment_url(link, known, dependencies, repositories, may_open=not is_head(request.scope))
    except GatewayUnavailable:
        return _page(pages, TRY_LATER, reader)
    except TenureError as error:
        return _page(pages, MESSAGES.get(error.code, OTHER_ERROR), reader)
    return RedirectResponse(url, status_code=303, headers=HEADERS) if url else Response(headers=HEADERS)


def _page(pages: Pages, message: PageMessage, reader: Reader, headers: Mapping[str, str] | None = None) -> HTMLResponse:
    return pages.message(message, reader, headers=headers, referrer=NO_REFERRER)


async def _known(link: PayLink, repositories: Repositories) -> PayPage:
    known = await repositories.crossings.pay_page(link.subscription)
    if known is None:
        raise Rejected("there is no such subscription", code="subscription_canceled")
    return known


async def _payment_url(
    link: PayLink, known: PayPage, dependencies: AppDependencies, repositories: Repositories, *, may_open: bool
) -> str:
    """Return the open invoice's own page if there is one, else a page that puts a card on file.

    No workflow is involved: opening a page changes nothing about a subscription. Empty if a page would have to be
    opened and *may_open* is false.
    """
    _check_link(link, known)
    invoice_url = await repositories.timeline.open_invoice(known.subscription.tenant, link.subscription)
    if invoice_url is not None:
        return invoice_url
    check_checkout(known.subscription)
    if known.url or not may_open:
        return known.url
    return await shared_card_page(known, dependencies, repositories)


def _check_link(link: PayLink, known: PayPage) -> None:
    if link.generation != known.generation:
        raise Rejected("this subscription's links have been renewed", code="link_replaced")
    if link.expires_at is not None and link.expires_at <= datetime.now(UTC):
        raise Rejected("this link has expired", code="link_expired")
