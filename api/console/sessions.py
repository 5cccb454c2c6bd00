"""Signing in to the console and out: by a mailed link, or with an API key until there is an operator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from starlette.background import BackgroundTask

from api.console.navigation import HOME
from api.console.visits import Visit
from api.http.dependencies import AppDependencies, Repositories, dependencies_of, repositories_of
from api.http.request_context import current_request
from api.web.cookies import CONSOLE
from api.web.errors import PageRoute, error_page
from api.web.forms import StaleForm, check_csrf, check_origin, read_form
from api.web.pages import PageMessage, pages_of
from api.web.readers import Reader
from api.web.wording import as_sentence
from configuration.mail_addresses import mail_address
from domain.audit import AuditedCommand, AuditOutcome, AuditTarget
from domain.errors import GatewayUnavailable, Rejected
from storage.access.console_sessions import CONSOLE_ROLES, ConsoleSession
from storage.access.web_sessions import WebRole

log = structlog.get_logger("tenure.web")

NEXT: Final = "next"
"""The page to open after signing in."""
LONGEST_PATH: Final = 500
LINK_MESSAGES: Final[Mapping[str, PageMessage]] = {
    "link_used": PageMessage("This link has been used", "It signs in once. Have another one sent to you.", 410),
    "link_expired": PageMessage("This link has expired", "Have another one sent to you.", 410),
    "bad_link": PageMessage("This link is not complete", "Open it again: it must not be cut short.", 404),
}
STALE_FORM: Final = PageMessage(
    "This page is out of date", "You have signed in again since. Nothing was changed: open the page again.", 403
)


class NoSession(Rejected):
    """The browser has no session of the console, or it is over."""

    code = "no_session"


class ConsoleRoute(PageRoute):
    """A route of the console. Without a session, it asks to sign in."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super(PageRoute, self).get_route_handler()

        async def page(request: Request) -> Response:
            try:
                answer: Response = await handle(request)
            except NoSession:
                return await _ask(request, is_over=bool(CONSOLE.of(request)), status=401)
            except StaleForm:
                return _message(request, STALE_FORM, "Open the console", HOME)
            except Exception as error:  # noqa: BLE001 - whatever happens, people get a page
                return error_page(request, error, reader=_reader(request))
            return answer

        return page


router = APIRouter(prefix=HOME, include_in_schema=False, route_class=ConsoleRoute)


async def visit_of(request: Request) -> Visit:
    """Return the visit of the browser's session.

    Raises:
        NoSession: there is none.
    """
    repositories, token = repositories_of(request), CONSOLE.of(request)
    session = await repositories.crossings.console.session(token) if token else None
    if session is None or session.role not in CONSOLE_ROLES:
        raise NoSession("there is no session")
    dependencies = dependencies_of(request)
    return Visit(dependencies, repositories, pages_of(request), _reader(request), session, request.url.path)


WithVisit = Annotated[Visit, Depends(visit_of)]


@dataclass(frozen=True)
class Sent:
    """A form that was sent from a page of the console."""

    visit: Visit
    fields: dict[str, str]


async def sent(request: Request) -> Sent:
    """Return the form.

    Raises:
        NoSession: there is no session.
        Rejected: code `forbidden`; the form is not ours.
    """
    fields = dict(await read_form(request))
    visit = await visit_of(request)
    check_csrf(fields, visit.session.csrf)
    return Sent(visit, fields)


WithSent = Annotated[Sent, Depends(sent)]


@router.get("/sign-in")
async def ask_to_sign_in(request: Request) -> Response:
    return await _ask(request)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Mail a link, or begin a session of an API key. The answer tells nobody whether an address is an operator's."""
    fields, repositories = await read_form(request), repositories_of(request)
    client = request.client.host if request.client is not None else ""
    if wait := repositories.console_limits.by_client.take(client):
        return await _ask(request, status=429, problem="Too many tries: wait a moment.", wait=wait)
    if fields.get("api_key"):
        return await _begin_by_key(request, fields["api_key"].strip())
    email = fields.get("email", "").strip()
    try:
        address = mail_address(email)
    except ValueError:
        return await _ask(request, email=email, errors={"email": "This is not a mail address."}, status=422)
    answer = await _ask(request, is_sent=True)
    if not repositories.console_limits.by_address.take(address.lower()):
        answer.background = BackgroundTask(
            _mail_links, address, _next(request.query_params.get(NEXT, "")), dependencies_of(request), repositories
        )
    return answer


@router.get("/enter/{token}")
async def open_link(token: str, request: Request) -> Response:
    """Show a button. Programs that look at every link press none, so that the link is not used up by them."""
    try:
        to = await repositories_of(request).crossings.console.check_link(token)
    except Rejected as error:
        return await _opened_before(token, request) or _message(request, LINK_MESSAGES[error.code])
    pages = pages_of(request)
    action = f"{pages.root}{HOME}/enter/{token}"
    return pages.page("console/enter.html", _reader(request), action=action, tenant=to.tenant)


@router.post("/enter/{token}")
async def enter(token: str, request: Request) -> Response:
    """Use the link up, and begin a session."""
    check_origin(request)
    repositories = repositories_of(request)
    try:
        token, to = await repositories.crossings.console.enter(token)
    except Rejected as error:
        return await _opened_before(token, request) or _message(request, LINK_MESSAGES[error.code])
    session = await repositories.crossings.console.session(token)
    if session is None:
        return _message(request, LINK_MESSAGES["link_expired"])
    return await _begin(request, token, session, to.flow)


@router.post("/sign-out")
async def sign_out(form: WithSent, request: Request) -> Response:
    """End the session."""
    visit = form.visit
    await visit.repositories.crossings.end_session(CONSOLE.of(request))
    await _note(visit.repositories, visit.session, "signOut")
    answer = visit.to(f"{HOME}/sign-in")
    CONSOLE.drop(answer)
    return answer


async def _begin_by_key(request: Request, plaintext: str) -> Response:
    repositories = repositories_of(request)
    key = await repositories.crossings.keys.verify(plaintext)
    if key is None or key.role not in CONSOLE_ROLES:
        wrong = "This is no valid API key with the role admin, operator or read_only."
        return await _ask(request, problem=wrong, status=401)
    try:
        token = await repositories.crossings.console.begin_by_key(key)
    except Rejected as error:
        return await _ask(request, problem=as_sentence(error.message), status=409)
    session = ConsoleSession(key.tenant, key.id, WebRole.API_KEY, key.name, key.role, "")
    return await _begin(request, token, session, request.query_params.get(NEXT, ""))


async def _begin(request: Request, token: str, session: ConsoleSession, path: str) -> Response:
    await _note(repositories_of(request), session, "signIn")
    answer = _lead_on(request, path)
    CONSOLE.set(answer, token)
    return answer


async def _note(repositories: Repositories, session: ConsoleSession, action: str) -> None:
    command = AuditedCommand(session.tenant, session.actor, action, AuditTarget(), current_request().request_id)
    await repositories.audit.note(command, AuditOutcome.DONE)


async def _mail_links(address: str, path: str, dependencies: AppDependencies, repositories: Repositories) -> None:
    """Mail a link to each operator with this address: who works for two tenants chooses by the mail."""
    try:
        for operator in await repositories.crossings.console.operators_at(address):
            queued = await repositories.operator_mails.write_sign_in(operator, path, dependencies.signing)
            await repositories.mail_dispatcher.dispatch([queued])
    except GatewayUnavailable as error:
        # The page has been answered already: who gets no mail asks again.
        log.warning("a sign-in link was not mailed", error=error.message)


async def _opened_before(token: str, request: Request) -> Response | None:
    """Lead a browser on that has a session of the link's own operator: its button was pressed twice, for example."""
    session = CONSOLE.of(request)
    to = await repositories_of(request).crossings.console.opened_for(token, session) if session else None
    return _lead_on(request, to.flow) if to is not None else None


def _lead_on(request: Request, path: str) -> Response:
    address = f"{pages_of(request).root}{_next(path) or HOME}"
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})


async def _ask(request: Request, *, status: int = 200, wait: float = 0, **shown: Any) -> Response:
    pages = pages_of(request)
    path = _next(request.query_params.get(NEXT, "")) or (_next(_path(request)) if status == 401 else "")
    query = {NEXT: path} if path and path != HOME else {}
    headers = {"Retry-After": str(ceil(wait))} if wait else {}
    blank: dict[str, Any] = {"email": "", "is_over": False, "is_sent": False, "errors": {}, "problem": ""}
    by_key = not await repositories_of(request).crossings.console.anybody()
    action = f"{pages.root}{HOME}/sign-in" + (f"?{urlencode(query)}" if query else "")
    fixed = {"action": action, "by_key": by_key}
    return pages.page("console/sign_in.html", _reader(request), status=status, headers=headers, **blank | fixed | shown)


def _next(path: str) -> str:
    """Return a page of the console to lead on to; empty if it is none, or leads somewhere else."""
    is_ours = path == HOME or path.startswith(f"{HOME}/")
    is_plain = len(path) <= LONGEST_PATH and path.isascii() and path.isprintable() and "\\" not in path
    leads_in = path.startswith((f"{HOME}/sign-", f"{HOME}/enter/"))
    return path if is_ours and is_plain and "//" not in path and not leads_in else ""


def _path(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    return request.url.path + query


def _message(
    request: Request, message: PageMessage, action: str = "Sign in", path: str = f"{HOME}/sign-in"
) -> Response:
    pages = pages_of(request)
    return pages.message(message, _reader(request), action=action, action_url=f"{pages.root}{path}")


def _reader(request: Request) -> Reader:
    """The console is in English; its days are those of the figures."""
    return Reader.of("en", dependencies_of(request).timezone)
