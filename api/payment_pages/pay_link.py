"""The link in mails: it opens the page on which a customer pays or puts a card on file."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from activities.wallets import at_wallet, customer_ref
from api.http.dependencies import AppDependencies, Repositories, WithDependencies, WithRepositories
from api.http.head_requests import is_head
from api.payment_pages.html import HEADERS, page
from domain.errors import GatewayUnavailable, Rejected, TenureError
from domain.notifications.pay_links import PayLink
from domain.subscription.guards import check_checkout
from storage.subscriptions.pay_pages import PayPage

router = APIRouter(prefix="/pay", include_in_schema=False)


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
    "link_expired": _Words(
        "This link has expired", "Please open the link in our latest mail, or ask our support for a new one.", 410
    ),
    "link_replaced": _Words(
        "This link was replaced", "Please open the link in our latest mail, or ask our support for a new one.", 410
    ),
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
async def done(dependencies: WithDependencies) -> HTMLResponse:
    return page(
        dependencies.brand,
        "Thank you",
        "Your card is on file. What happens next is on its way to you by mail; you can close this page.",
    )


@router.get("/canceled")
async def canceled(dependencies: WithDependencies) -> HTMLResponse:
    return page(
        dependencies.brand,
        "Nothing was changed",
        "You left the payment page before it was done. The link in our mail brings you back to it at any time.",
    )


@router.get("/closed")
async def closed(dependencies: WithDependencies) -> HTMLResponse:
    return page(
        dependencies.brand, "You can close this page", "What you changed takes effect by itself within moments."
    )


@router.get("/{token}")
async def pay(token: str, request: Request, dependencies: WithDependencies, repositories: WithRepositories) -> Response:
    """Lead to where the customer pays. Asked for again it leads to the same page, and nothing is used up by it."""
    try:
        link = PayLink.read(token, dependencies.secret_key)
        if wait := repositories.openings.by_link.take(link.subscription):
            return _say(dependencies, LATER, retry_after=wait)
        url = await _way_to_pay(link, dependencies, repositories, may_open=not is_head(request.scope))
    except GatewayUnavailable:
        return _say(dependencies, LATER)
    except TenureError as error:
        return _say(dependencies, WORDS.get(error.code, AT_ANY_OTHER))
    return RedirectResponse(url, status_code=303, headers=HEADERS) if url else Response(headers=HEADERS)


def _say(dependencies: AppDependencies, words: _Words, *, retry_after: float = 0) -> HTMLResponse:
    said = page(dependencies.brand, words.title, words.text, status=429 if retry_after else words.status)
    if retry_after:
        said.headers["Retry-After"] = str(ceil(retry_after))
    return said


async def _way_to_pay(
    link: PayLink, dependencies: AppDependencies, repositories: Repositories, *, may_open: bool
) -> str:
    """The open bill's own page if there is one, else a page that puts a card on file.

    No workflow is asked: nothing about a subscription changes by a page being opened. Empty: one would be opened.
    """
    known = await repositories.pay_pages.of(link.subscription)
    if known is None:
        raise Rejected("there is no such subscription", code="subscription_canceled")
    _check_is_good(link, known)
    bill = await repositories.timeline.open_bill(link.subscription)
    if bill is not None:
        return bill
    check_checkout(known.subscription)
    if known.url or not may_open:
        return known.url
    return await _opened(known, dependencies, repositories)


def _check_is_good(link: PayLink, known: PayPage) -> None:
    if link.generation != known.generation:
        raise Rejected("the links of this subscription were renewed since", code="link_replaced")
    if link.expires_at is not None and link.expires_at <= datetime.now(UTC):
        raise Rejected("this link was good until a while ago", code="link_expired")


async def _opened(known: PayPage, dependencies: AppDependencies, repositories: Repositories) -> str:
    """The subscription's next page. All who ask for it at once get the same one, as it has the same key."""
    if repositories.openings.at_provider.locked():
        raise GatewayUnavailable("too many payment pages are being opened", code="busy")
    async with repositories.openings.at_provider:
        it, number = known.subscription, known.number + 1
        key = f"{it.id}/pay/{number}/{it.sequence}"
        reference = await customer_ref(dependencies.wallets, repositories.records, it.customer, key=key)
        here = dependencies.public_url.rstrip("/")
        urls = (f"{here}/pay/done", f"{here}/pay/canceled")

        async def opened(at: str, key: str) -> str:
            return await dependencies.wallets.open_checkout(at, it.id, *urls, key=f"{key}/{_digest(at, *urls)}")

        _, url = await at_wallet(dependencies.wallets, repositories.records, it.customer, reference, opened, key)
        await repositories.pay_pages.opened(it, number, url)
    return url


def _digest(*values: str) -> str:
    """Names what a page is opened with: the provider takes nothing else under the same key."""
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:12]
