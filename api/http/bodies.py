"""Request bodies: of limited size, and JSON or empty, without duplicate names or numbers that JSON does not have."""

import json
from collections.abc import Sequence
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.auth import authenticate
from api.http.errors import response_to
from api.http.observability import note_refusal
from domain.errors import Malformed, TenureError

PREFIX: Final = "/v1/"
"""Every body below this is JSON. The webhook endpoint reads its own, to verify the signature."""
METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_PARSED: Final = "tenure.parsed"

TOO_LARGE: Final = "too_large"
MAX_BODY_BYTES: Final = 1024 * 1024
"""Webhooks have some kilobytes, our own commands less."""

NOTHING: Final = object()
"""No body, or an unreadable one. FastAPI reads that again and reports the error."""


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


class JsonBodies:
    """Rejects bodies of another content type and ambiguous JSON before the request is handled."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in METHODS or not path_of(scope).startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
            scope[_PARSED] = parsed = _parsed(body, Headers(scope=scope))
            if body and parsed is NOTHING:
                await authenticate(request)
        except ClientDisconnect:
            return  # nobody is left to respond to
        except (HTTPException, TenureError) as error:
            await (await _refusal(request, error))(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)


def parsed_body(request: Request) -> Any:
    """Return the parsed body, or NOTHING if FastAPI has to read it again and report the error."""
    return request.scope.get(_PARSED, NOTHING)


def path_of(scope: Scope) -> str:
    """Return the request's path without the application's mount point."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def read_json(body: bytes) -> Any:
    """Parse a body.

    Raises:
        Malformed: an object has a duplicate name, which parsers treat differently, or a number is not valid JSON.
        ValueError: not JSON.
        RecursionError: nested too deeply.
    """
    return json.loads(body, object_pairs_hook=_without_duplicates, parse_constant=_reject_constant)


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        field = duplicate if duplicate.isidentifier() and duplicate.isascii() else "body"
        raise Malformed(f"{duplicate[:64]!r} appears twice in one object: send it once", field=field[:64])
    return found


def _reject_constant(name: str) -> Any:
    raise Malformed(f"{name} is not a valid JSON number", field="body")


def _parsed(body: bytes, headers: Headers) -> Any:
    if not body:
        return NOTHING
    if not is_json(headers.get("Content-Type", "")):
        raise HTTPException(
            415,
            f"the body must be JSON, not {headers['Content-Type'][:64]!r}:"
            " send it with 'Content-Type: application/json'",
            headers={"Accept-Post": "application/json"},
        )
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise HTTPException(415, "encoded bodies are not supported: send it without a Content-Encoding")
    try:
        return read_json(body)
    except (ValueError, RecursionError):
        return NOTHING


def is_json(content_type: str) -> bool:
    """True if the content type is JSON or missing."""
    if not content_type:
        return True
    kind, _, subtype = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and "/" not in subtype and (subtype == "json" or subtype.endswith("+json"))


async def _refusal(request: Request, error: Exception) -> Response:
    """Return the error response. Callers without a valid key get a 401 and nothing else."""
    try:
        await authenticate(request)
    except TenureError as unauthorized:
        error = unauthorized
    answer = response_to(error)
    assert answer is not None  # noqa: S101 - an expected error
    return answer


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that yields the body again, for the application."""
    pending: list[bytes] = [body]

    async def replay() -> Message:
        if not pending:
            return await receive()
        return {"type": "http.request", "body": pending.pop(), "more_body": False}

    return replay


def _too_large() -> HTTPException:
    # An HTTPException, because FastAPI reports any other error while reading a body as invalid JSON.
    return HTTPException(413, f"a request body may have at most {MAX_BODY_BYTES} bytes")
