"""The pages that links in mails open: each does what the mail says, without a login, and shows nothing else."""

from datetime import UTC, datetime
from math import ceil
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.billing_pages.choices import press_cancel, show_cancel
from api.billing_pages.flows import FLOWS, press, show
from api.billing_pages.link_mails import send_link
from api.billing_pages.visits import Visit
from api.http.dependencies import dependencies_of, repositories_of
from api.web.errors import PageRoute
from api.web.forms import read_form
from api.web.link_messages import MAIL_LINK_MESSAGES, SEND_A_LINK
from api.web.pages import pages_of
from api.web.readers import reader_of
from domain.billing_flows import BillingFlow
from domain.errors import Rejected
from domain.notifications.mail_links import MailLink
from storage.subscriptions.billing_accounts import BillingAccount

SENDS: Final = "send_link"
"""The hidden field of the form that mails a link: a form about a subscription that has ended since mails none."""

router = APIRouter(prefix="/billing/mail", include_in_schema=False, route_class=PageRoute)


@router.get("/{token}")
async def open_link(token: str, request: Request) -> Response:
    """Show what will happen and a button. Nothing changes, however often the link is opened."""
    try:
        visit, link = await _visit(token, request)
    except Rejected as error:
        return _message(request, error)
    if await _later(visit) is not None:
        return _offer(visit, sent=False, another=True)
    if link.flow is BillingFlow.CANCEL:
        return show_cancel(visit)
    flow = FLOWS.get(link.flow)
    return show(visit, flow) if flow is not None else _offer(visit, sent=False)


@router.post("/{token}")
async def press_button(token: str, request: Request) -> Response:
    """Do what the mail says, once; afterwards the page says what is so."""
    fields = await read_form(request)
    try:
        visit, link = await _visit(token, request)
    except Rejected as error:
        return _message(request, error)
    if (later := await _later(visit)) is not None:
        is_asked_for = SENDS in fields
        return await _send(visit, later) if is_asked_for else _offer(visit, sent=False, another=True)
    if link.flow is BillingFlow.CANCEL:
        return await press_cancel(visit, fields)
    flow = FLOWS.get(link.flow)
    return await press(visit, flow, fields) if flow is not None else await _send(visit, visit.account, link.flow)


async def _later(visit: Visit) -> BillingAccount | None:
    """Return the customer's account with the subscription that they have now, if the mail's own has ended.

    What the page would say of the ended one, such as that nothing is charged any more, is not so for the customer.
    """
    was = visit.account
    if not visit.subscription.is_over:
        return None
    found = await visit.repositories.billing_accounts.of_customer(was.tenant, was.customer_id)
    return found if found is not None and found.subscription is not None and not found.subscription.is_over else None


def _offer(visit: Visit, *, sent: bool, another: bool = False) -> Response:
    """Return the page that mails a one-time link, which opens more than what this mail is about."""
    return visit.page("send_link.html", BillingFlow.OVERVIEW, sent=sent, another=another, sends=SENDS)


async def _send(visit: Visit, account: BillingAccount, flow: BillingFlow = BillingFlow.OVERVIEW) -> Response:
    if not visit.repositories.billing_link_limits.by_address.take(account.email.lower()):
        await send_link(account, flow, visit.dependencies, visit.repositories)
    return _offer(visit, sent=True)


async def _visit(token: str, request: Request) -> tuple[Visit, MailLink]:
    """Return who visits by a link.

    Raises:
        Rejected: code `bad_link`, `link_replaced` or `link_expired`.
        HTTPException: it was opened too often.
    """
    dependencies, repositories = dependencies_of(request), repositories_of(request)
    link = MailLink.read(token, dependencies.signing)
    if wait := repositories.billing_link_limits.by_link.take(token):
        raise HTTPException(429, headers={"Retry-After": str(ceil(wait))})
    account = await repositories.crossings.account_of_link(link.subscription)
    if account is None or link.generation != account.link_generation:
        raise Rejected("this subscription's links have been renewed", code="link_replaced")
    if link.expires_at <= datetime.now(UTC):
        raise Rejected("this link has expired", code="link_expired")
    pages = pages_of(request)
    reader = reader_of(request, account.locale, account.timezone)
    address = f"{pages.root}/billing/mail/{token}"
    return Visit(dependencies, repositories, pages, reader, account, f"mail link {token}", link=address), link


def _message(request: Request, error: Rejected) -> Response:
    pages = pages_of(request)
    address = f"{pages.root}/billing/link"
    return pages.message(MAIL_LINK_MESSAGES[error.code], reader_of(request), action=SEND_A_LINK, action_url=address)
