"""How large a request may be."""

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import response_to
from api.http.observability import note_refusal

TOO_LARGE = "too_large"
MAX_BODY_BYTES = 1024 * 1024
"""Bytes. A webhook of the provider is some kilobytes, a command of ours less."""


def _too_large() -> HTTPException:
    # Of this kind, for FastAPI takes any other that comes up while it reads a body for a body that is no JSON.
    return HTTPException(413, f"a request may hold {MAX_BODY_BYTES} bytes at most")


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
            if read > MAX_BODY_BYTES:
                note_refusal(scope, TOO_LARGE)
                raise _too_large()
            return message

        announced = Headers(scope=scope).get("Content-Length", "")
        if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
            refusal = response_to(_too_large())
            assert refusal is not None  # noqa: S101 - an expected error
            note_refusal(scope, TOO_LARGE)
            await refusal(scope, receive, send)
            return
        await self._app(scope, counted, send)
