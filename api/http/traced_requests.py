"""A span for each request, with its route and status."""

from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.middleware import METHODS, NEVER_REFUSED, path_of, route_of, subscription_in
from tracing.spans import SUBSCRIPTION, Kind, Spans, trace_id_of

TRACE_PARENT: Final = "traceparent"
FIRST_SERVER_ERROR: Final = 500


class TracedRequests:
    """The outermost layer where traces are on: continues the trace of a caller who sends `traceparent`."""

    def __init__(self, app: ASGIApp, spans: Spans) -> None:
        self._app = app
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or path_of(scope) in NEVER_REFUSED:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "other"
        caller = Headers(scope=scope).get(TRACE_PARENT, "")
        with (
            self._spans.around(method, Kind.SERVER, {"http.request.method": method}, parent=caller) as span,
            structlog.contextvars.bound_contextvars(trace_id=trace_id_of(span.context)),
        ):

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.note({"http.response.status_code": status})
                    if status >= FIRST_SERVER_ERROR:
                        span.fail(str(status))
                await send(message)

            try:
                await self._app(scope, receive, noted)
            finally:
                route, subscription = route_of(scope), subscription_in(scope)
                span.rename(f"{method} {route}")
                span.note({"http.route": route} | ({SUBSCRIPTION: subscription} if subscription else {}))
