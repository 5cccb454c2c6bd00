"""What every request passes, outermost first: logs and metrics, HEAD requests, bodies, plain routes."""

import re
import secrets
import time
from collections.abc import Sequence
from functools import cache
from typing import Final

import structlog
from fastapi import HTTPException, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.auth import authenticate
from api.http.bodies import NOTHING, parse_body
from api.http.errors import problem, response_to
from api.http.headers import RawHeaders, header_of, set_header
from api.http.rates import add_rate_headers
from api.http.request_context import RequestContext, begin_request
from domain.errors import TenureError

REQUEST_ID = b"x-request-id"
ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
REFUSAL = "refused"
PUBLIC = ("/openapi.json", "/docs")
"""Beginnings of paths whose responses are the same for everyone. Others may be personal: nobody may cache them."""
NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
NO_STORE: Final = (b"cache-control", b"no-store")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET = frozenset(
    {
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/customers/{external_id:path}/entitlements/{feature}",
        "/v1/customers/{external_id:path}/consume",
    }
)
"""Called every few seconds by machines or all the time by products: measured, but logged only on errors.
Usage is recorded under its key in any case."""

HUNG_UP: Final = 499
"""Logged and measured, never sent: the client has closed the connection before it got a response."""
NEVER_REFUSED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that machines ask for to learn how we are; without an answer they would end us."""
OVERLOADED: Final = "overloaded"

IS_HEAD = "tenure.head"

PREFIX: Final = "/v1/"
"""Every body below this is JSON. The webhook endpoint reads its own, to verify the signature."""
WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
TOO_LARGE: Final = "too_large"
MAX_BODY_BYTES: Final = 1024 * 1024
"""Webhooks have some kilobytes, our own commands less."""

log = structlog.get_logger("tenure.access")


class Observability:
    """The outermost layer: assigns request ids, measures and logs each request, and handles unexpected errors.

    One log line and one measurement each, without bodies or personal data.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, public_url: str) -> None:
        self._app = app
        self._public_url = public_url
        requests = Counter("tenure_http_requests", "Requests handled", ["method", "route", "status"], registry=registry)
        seconds = Histogram(
            "tenure_http_request_seconds", "Time until the response", ["method", "route"], registry=registry
        )
        # There are few of them, and finding one takes longer than to count.
        self._requests, self._seconds = cache(requests.labels), cache(seconds.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        begin_request(RequestContext(request_id, self._public_url))
        status, has_hung_up = 0, False

        async def heard() -> Message:
            nonlocal has_hung_up
            message = await receive()
            has_hung_up = has_hung_up or (message["type"] == "http.disconnect" and not status)
            return message

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = headers = list(message.get("headers", ()))
                _complete(headers, scope, request_id)
            await send(message)

        started = time.perf_counter()
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._app(scope, heard, named)
        except ClientDisconnect:
            has_hung_up = True
        except Exception:
            log.exception("request failed")
            if status:
                raise  # the response has started: only the server can cut it off
            fault = problem(500, "internal_error", f"an internal error occurred; it is logged as {request_id}")
            await fault(scope, receive, named)
        finally:
            self._record(scope, HUNG_UP if has_hung_up else status or 500, time.perf_counter() - started)
            structlog.contextvars.reset_contextvars(**bound)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"] if scope["method"] in METHODS else "other", route_of(scope)
        self._requests(method, route, status).inc()
        self._seconds(method, route).observe(seconds)
        if route in QUIET and status < 400:
            return
        state, ms = scope.get("state", {}), round(seconds * 1000, 1)
        fields = {"method": method, "route": route, "status": status, "ms": ms, "key": state.get("caller_id")}
        if subscription := subscription_in(scope):
            fields["subscription"] = subscription
        if REFUSAL in state:
            log.warning("request", **fields, refused=state[REFUSAL])
        else:
            log.info("request", **fields)


def note_refusal(scope: Scope, code: str) -> None:
    """Add to the request's log line why it was rejected."""
    scope.setdefault("state", {})[REFUSAL] = code


def route_of(scope: Scope) -> str:
    """Return the route's template, never the path: ids and tokens belong neither in labels nor in logs."""
    return str(getattr(scope.get("route"), "path", "unknown"))


def subscription_in(scope: Scope) -> str:
    """Return the id of the subscription that the path names; empty if it names none."""
    found = str(scope.get("path_params", {}).get("subscription_id", ""))
    return found if ACCEPTED_ID.fullmatch(found) else ""


def _request_id(scope: Scope) -> str:
    given = header_of(scope, REQUEST_ID)
    return given if ACCEPTED_ID.fullmatch(given) else secrets.token_hex(16)


def _complete(headers: RawHeaders, scope: Scope, request_id: str) -> None:
    """Add the headers that every response has."""
    set_header(headers, REQUEST_ID, request_id.encode())
    add_rate_headers(scope, headers)
    names = [name for name, _ in headers]
    if NO_SNIFFING[0] not in names:
        headers.append(NO_SNIFFING)
    if NO_STORE[0] not in names and not scope["path"].startswith(PUBLIC):
        headers.append(NO_STORE)


class MostRequests:
    """Refuses requests while as many as it takes are in progress: each would only make the others wait longer.

    uvicorn's own limit counts idle connections too, which products keep open, and refuses health checks.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._in_progress = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or path_of(scope) in NEVER_REFUSED:
            await self._app(scope, receive, send)
            return
        if self._in_progress >= self._most:
            note_refusal(scope, OVERLOADED)
            await _overloaded()(scope, receive, send)
            return
        self._in_progress += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_progress -= 1


class HeadRequests:
    """Handles a HEAD as the same GET, with its status and headers but no body.

    So HEAD works wherever GET does: health probes, link scanners and monitors use it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy, because the server reads the method too. Both share `state`, so that the log line is complete.
        scope.setdefault("state", {})
        as_get: Scope = {**scope, "method": "GET", IS_HEAD: True}
        try:
            await self._app(as_get, receive, without_body)
        finally:
            if "route" in as_get:
                scope["route"] = as_get["route"]


def is_head(scope: Scope) -> bool:
    """True if only headers are requested: then the request must have no side effects."""
    return bool(scope.get(IS_HEAD, False))


class BodyLimit:
    """Rejects larger bodies before they are read completely."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                note_refusal(scope, TOO_LARGE)
                raise _too_large()
            return message

        announced = header_of(scope, b"content-length")
        if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
            refusal = response_to(_too_large())
            assert refusal is not None  # noqa: S101 - an expected error
            note_refusal(scope, TOO_LARGE)
            await refusal(scope, receive, send)
            return
        await self._app(scope, counted, send)


class JsonBodies:
    """Rejects bodies of another content type and ambiguous JSON before the request is handled."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in WITH_BODY or not path_of(scope).startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await _whole_body(receive)
            if parse_body(scope, body) is NOTHING and body:
                await authenticate(request)
        except (HTTPException, TenureError) as error:
            await (await _refusal(request, error))(scope, receive, send)
            return
        if not header_of(scope, b"content-type"):  # JSON is meant, and FastAPI wants it said
            others = [each for each in scope["headers"] if each[0] != b"content-type"]
            scope["headers"] = [*others, (b"content-type", b"application/json")]
        await self._app(scope, _replayed(body, receive), send)


class PlainRoutes:
    """Answers requests that match one of the routes; all others go to the application."""

    def __init__(self, app: ASGIApp, routes: Sequence[Route]) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for route in self._routes:
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found, route=route)
                    await route.app(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def path_of(scope: Scope) -> str:
    """Return the request's path without the application's mount point."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


async def _refusal(request: Request, error: Exception) -> Response:
    """Return the error response. Callers without a valid key get a 401 and nothing else."""
    try:
        await authenticate(request)
    except TenureError as unauthorized:
        error = unauthorized
    answer = response_to(error)
    assert answer is not None  # noqa: S101 - an expected error
    return answer


async def _whole_body(receive: Receive) -> bytes:
    """Read the body.

    Raises:
        ClientDisconnect: the rest of it will not come.
    """
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that yields the body again, for the application."""
    pending: list[bytes] = [body]

    async def replay() -> Message:
        if not pending:
            return await receive()
        return {"type": "http.request", "body": pending.pop(), "more_body": False}

    return replay


def _overloaded() -> Response:
    detail = "the API is at its limit of concurrent requests; nothing was done: repeat the request after Retry-After"
    return problem(503, OVERLOADED, detail)


def _too_large() -> HTTPException:
    # An HTTPException, because FastAPI reports any other error while reading a body as invalid JSON.
    return HTTPException(413, f"a request body may have at most {MAX_BODY_BYTES} bytes")
