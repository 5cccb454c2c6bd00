"""Billing sessions: how a visit begins, continues and ends."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from api.billing_pages import link_mails
from api.billing_pages.visits import PATHS, Visit
from api.http.dependencies import WithDependencies, WithRepositories, dependencies_of, repositories_of
from api.web.cookies import BILLING
from api.web.errors import PageRoute, error_page
from api.web.forms import StaleForm, check_csrf, check_origin, read_form
from api.web.link_messages import SEND_A_LINK
from api.web.pages import PageMessage, Pages, WithPages, pages_of
from api.web.readers import reader_of
from configuration.mail_addresses import mail_address
from domain.billing_flows import BillingFlow
from domain.errors import Rejected
from domain.names import DEFAULT_TENANT
from localization.languages import sentence
from storage.access.web_sessions import Destination

LINK_USED = PageMessage(
    sentence("This link has been used"),
    sentence("It opens your billing page once. Please open the page in the product again, or have a link sent to you."),
    410,
)
LINK_EXPIRED = PageMessage(
    sentence("This link has expired"),
    sentence("Please open your billing page in the product again, or have a link sent to you."),
    410,
)
NOT_A_LINK = PageMessage(
    sentence("This link is not complete"), sentence("Please open it again: it must not be cut short."), 404
)
STALE_FORM = PageMessage(
    sentence("This page is out of date"),
    sentence("You have opened your billing page again since. Nothing was changed; please go on from there."),
    403,
)
OPEN_BILLING_PAGE = sentence("Open your billing page")
MESSAGES = {"link_used": LINK_USED, "link_expired": LINK_EXPIRED, "bad_link": NOT_A_LINK}


class NoSession(Rejected):
    """The browser has no session, or it is over."""

    code = "no_session"


class BillingRoute(PageRoute):
    """A route of the billing pages. Without a session, it shows how to get one."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super(PageRoute, self).get_route_handler()

        async def page(request: Request) -> Response:
            try:
                answer: Response = await handle(request)
            except NoSession:
                return _ask(request, over=bool(BILLING.of(request)), status=401)
            except StaleForm:
                return _message(request, STALE_FORM, OPEN_BILLING_PAGE, "/billing")
            except Exception as error:  # noqa: BLE001 - whatever happens, people get a page
                return error_page(request, error, embed_in=dependencies_of(request).embed_origins)
            return answer

        return page


router = APIRouter(prefix="/billing", include_in_schema=False, route_class=BillingRoute)


async def visit_of(request: Request) -> Visit:
    """Return the visit of the browser's session.

    Raises:
        NoSession: there is none.
    """
    repositories, token = repositories_of(request), BILLING.of(request)
    session = await repositories.crossings.session(token) if token else None
    if session is None:
        raise NoSession("there is no session")
    account = await repositories.billing_accounts.of_customer(session.tenant, session.subject)
    if account is None:
        raise NoSession("the customer is gone")
    reader = reader_of(request, session.locale or account.locale, account.timezone)
    return Visit(
        dependencies_of(request),
        repositories,
        pages_of(request),
        reader,
        account,
        session.csrf,
        session.csrf,
        return_url=session.return_url,
        embed=session.embed,
    )


WithVisit = Annotated[Visit, Depends(visit_of)]


@dataclass(frozen=True)
class Sent:
    """A form that the customer has sent."""

    visit: Visit
    fields: dict[str, str]


async def sent(request: Request) -> Sent:
    """Return the form of a session's page.

    Raises:
        NoSession: there is no session.
        Rejected: code `forbidden`; the form is not ours.
    """
    fields = dict(await read_form(request))
    visit = await visit_of(request)
    check_csrf(fields, visit.csrf)
    return Sent(visit, fields)


WithSent = Annotated[Sent, Depends(sent)]


@router.get("/enter/{token}")
async def open_link(token: str, request: Request, repositories: WithRepositories, pages: WithPages) -> Response:
    """Show a button. Programs that look at every link press none, so that the link is not used up by them."""
    try:
        to = await repositories.crossings.check_link(token)
    except Rejected as error:
        return await _opened_before(token, request) or _message(request, MESSAGES[error.code])
    embed_in = dependencies_of(request).embed_origins if to.embed else ()
    action = f"{pages.root}/billing/enter/{token}"
    reader = reader_of(request, to.locale or await repositories.billing_accounts.locale_of(to.tenant, to.subject))
    return pages.page("billing/enter.html", reader, embed_in=embed_in, embedded=to.embed, action=action)


@router.post("/enter/{token}")
async def enter(token: str, request: Request, repositories: WithRepositories, pages: WithPages) -> Response:
    """Use the link up, and begin a session."""
    check_origin(request)
    try:
        session, to = await repositories.crossings.enter(token)
    except Rejected as error:
        return await _opened_before(token, request) or _message(request, MESSAGES[error.code])
    answer = _lead_on(pages, to)
    BILLING.set(answer, session, embed=to.embed)
    return answer


async def _opened_before(token: str, request: Request) -> Response | None:
    """Lead a browser on that has a session of the link's own customer: its button was pressed twice, for example."""
    session = BILLING.of(request)
    to = await repositories_of(request).crossings.opened_for(token, session) if session else None
    return _lead_on(pages_of(request), to) if to is not None else None


def _lead_on(pages: Pages, to: Destination) -> Response:
    address = f"{pages.root}/billing{PATHS[BillingFlow(to.flow)]}"
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})


@router.get("/link")
async def ask_for_link(request: Request) -> Response:
    """Show a form for people who cannot log in."""
    return _ask(request)


@router.post("/link")
async def send_link(request: Request, dependencies: WithDependencies, repositories: WithRepositories) -> Response:
    """Mail a link to the owner of the address. The answer does not reveal whether that is a customer."""
    fields, limits = await read_form(request), repositories.billing_link_limits
    email = fields.get("email", "").strip()
    client = request.client.host if request.client is not None else ""
    if wait := limits.by_client.take(client):
        return _ask(request, email=email, status=429, headers={"Retry-After": str(ceil(wait))})
    try:
        address = mail_address(email)
    except ValueError:
        words = reader_of(request).language.words
        return _ask(request, email=email, errors={"email": words.gettext(NOT_AN_ADDRESS)}, status=422)
    answer = _ask(request, is_sent=True)
    if not limits.by_address.take(address.lower()):
        tenant = await repositories.tenants.known_or_default(request.query_params.get("tenant", DEFAULT_TENANT))
        answer.background = link_mails.in_background(tenant, address, dependencies, repositories)
    return answer


NOT_AN_ADDRESS = sentence("This is not a mail address.")


@router.post("/leave")
async def leave(form: WithSent, request: Request) -> Response:
    """End the session. The page leads on by itself: browsers follow no redirect from a form to another site."""
    visit = form.visit
    await visit.repositories.crossings.end_session(BILLING.of(request))
    answer = visit.pages.page("billing/left.html", visit.reader, return_url=visit.return_url)
    BILLING.drop(answer, embed=visit.embed)
    return answer


def _ask(
    request: Request,
    *,
    email: str = "",
    over: bool = False,
    is_sent: bool = False,
    errors: dict[str, str] | None = None,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    pages, tenant = pages_of(request), request.query_params.get("tenant")
    return pages.page(
        "billing/ask_link.html",
        reader_of(request),
        status=status,
        headers=headers,
        embed_in=dependencies_of(request).embed_origins,
        action=f"{pages.root}/billing/link" + (f"?{urlencode({'tenant': tenant})}" if tenant else ""),
        email=email,
        over=over,
        sent=is_sent,
        errors=errors or {},
    )


def _message(
    request: Request, message: PageMessage, action: str = SEND_A_LINK, path: str = "/billing/link"
) -> Response:
    """A page that says one thing. It may be in a frame, like all that it stands for."""
    pages, embed_in = pages_of(request), dependencies_of(request).embed_origins
    reader = reader_of(request)
    return pages.message(message, reader, embed_in=embed_in, action=action, action_url=f"{pages.root}{path}")
