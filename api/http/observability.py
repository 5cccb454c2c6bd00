"""What operators see of requests: one log line and one measurement each; no bodies, no personal data."""

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
PUBLIC = frozenset({"/openapi.json", "/docs"})
"""The same for everybody. All else may be about somebody, and is kept by no browser and no proxy."""
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
"""Asked every few seconds by machines, or all the time by products: measured, but logged only when they fail or refuse.
What was used is written down with its key in any case."""

log = structlog.get_logger("tenure.access")


class Observability:
    """The outermost layer: names, times, logs and counts each request, and answers for faults of ours."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._requests = Counter(
            "tenure_http_requests", "Requests answered", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "tenure_http_request_seconds", "Time until the answer", ["method", "route"], registry=registry
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
                if scope["path"] not in PUBLIC:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        began = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, named)
            except Exception:
                log.exception("request failed")
                if status:
                    raise  # the answer is under way already: only the server can cut it off
                fault = problem(500, "internal_error", f"this is a fault of ours; it is logged under {request_id}")
                await fault(scope, receive, named)
            finally:
                self._note(scope, status or 500, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"] if scope["method"] in METHODS else "other", route_of(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)
        if route in QUIET and status < 400:
            return
        state, ms = scope.get("state", {}), round(seconds * 1000, 1)
        told = {"method": method, "route": route, "status": status, "ms": ms, "key": state.get("caller_id")}
        if REFUSAL in state:
            log.warning("request", **told, refused=state[REFUSAL])
        else:
            log.info("request", **told)


def note_refusal(scope: Scope, code: str) -> None:
    """Have the request's log line tell why a message was not taken in."""
    scope.setdefault("state", {})[REFUSAL] = code


def route_of(scope: Scope) -> str:
    """The route's template, never the path itself: ids and tokens belong neither in labels nor in logs."""
    return str(getattr(scope.get("route"), "path", "unknown"))


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if ACCEPTED_ID.fullmatch(given) else uuid4().hex
