"""HEAD works wherever GET does: health probes, link scanners and monitors use it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

IS_HEAD = "tenure.head"


class HeadRequests:
    """Handles a HEAD as the same GET, with its status and headers but no body."""

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
