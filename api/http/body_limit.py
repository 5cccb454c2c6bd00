"""The maximum size of a request body."""

from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import response_to
from api.http.observability import note_refusal

TOO_LARGE = "too_large"
MAX_BODY_BYTES = 1024 * 1024
"""Webhooks have some kilobytes, our own commands less."""


def _too_large() -> HTTPException:
    # An HTTPException, because FastAPI reports any other error while reading a body as invalid JSON.
    return HTTPException(413, f"a request body may have at most {MAX_BODY_BYTES} bytes")


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

        announced = Headers(scope=scope).get("Content-Length", "")
        if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
            refusal = response_to(_too_large())
            assert refusal is not None  # noqa: S101 - an expected error
            note_refusal(scope, TOO_LARGE)
            await refusal(scope, receive, send)
            return
        await self._app(scope, counted, send)
