"""How large a request may be."""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

LARGEST_BODY = 1024 * 1024
"""Bytes. A webhook of the provider is some kilobytes, a command of ours less."""


class _TooLarge(Exception):
    pass


class BodyLimit:
    """Refuses larger bodies, before they are read whole."""

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
            if read > LARGEST_BODY:
                raise _TooLarge
            return message

        announced = Headers(scope=scope).get("Content-Length", "")
        if announced.isdigit() and int(announced) > LARGEST_BODY:
            await _refusal()(scope, receive, send)
            return
        try:
            await self._app(scope, counted, send)
        except _TooLarge:
            await _refusal()(scope, receive, send)


def _refusal() -> Response:
    return problem(413, "too_large", f"a request may hold {LARGEST_BODY} bytes at most")
