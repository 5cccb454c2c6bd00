"""Request logs and metrics: one log line and one measurement each, without bodies or personal data."""

import re
import time
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import problem

REQUEST_ID = "X-Request-Id"
ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
REFUSAL = "refused"
PUBLIC = ("/openapi.json", "/docs")
"""Beginnings of paths whose responses are the same for everyone. Others may be personal: nobody may cache them."""
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

log = structlog.get_logger("tenure.access")


class Observability:
    """The outermost layer: assigns request ids, measures and logs each request, and handles unexpected errors."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "tenure_http_requests", "Requests handled", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "tenure_http_request_seconds", "Time until the response", ["method", "route"], registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        status = 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                if not scope["path"].startswith(PUBLIC):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, named)
            except Exception:
                log.exception("request failed")
                if status:
                    raise  # the response has started: only the server can cut it off
                fault = problem(500, "internal_error", f"an internal error occurred; it is logged as {request_id}")
                await fault(scope, receive, named)
            finally:
                self._record(scope, status or 500, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"] if scope["method"] in METHODS else "other", route_of(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if route in QUIET and status < 400:
            return
        state, ms = scope.get("state", {}), round(seconds * 1000, 1)
        fields = {"method": method, "route": route, "status": status, "ms": ms, "key": state.get("caller_id")}
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


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if ACCEPTED_ID.fullmatch(given) else uuid4().hex
