"""Bodies, for all endpoints: what says to be JSON or nothing, with each name once in an object and numbers JSON has."""

import json
from collections.abc import Sequence
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.auth import authenticate
from api.http.errors import response_to
from domain.errors import Malformed, TenureError

PREFIX: Final = "/v1/"
"""Below it every body is JSON; what the payment provider sends is read by whoever checks its signature."""
METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
_PARSED: Final = "tenure.parsed"

NOTHING: Final = object()
"""No body, or none that can be read: what is wrong with it is told by whoever reads it in earnest."""


class JsonBodies:
    """Refuses bodies that say to be something else, or that could be read in two ways, before anything is done."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in METHODS or not path_of(scope).startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            body = await request.body()
            scope[_PARSED] = _parsed(body, Headers(scope=scope))
        except ClientDisconnect:
            return  # nobody is left to be answered
        except (HTTPException, TenureError) as error:
            await (await _refusal(request, error))(scope, receive, send)
            return
        await self._app(scope, _from_the_beginning(body, receive), send)


def parsed_body(request: Request) -> Any:
    """The body as it was read; NOTHING: it has to be read again, to tell what is wrong with it."""
    return request.scope.get(_PARSED, NOTHING)


def path_of(scope: Scope) -> str:
    """Where a request goes to, whatever the application is mounted below."""
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))


def read_json(body: bytes) -> Any:
    """What a body says.

    Raises:
        Malformed: a name stands twice in one object, so that readers would differ; or a number is none.
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(body, object_pairs_hook=_each_once, parse_constant=_no_number)


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        field = twice if twice.isidentifier() and twice.isascii() else "body"
        raise Malformed(f"{twice[:64]!r} stands twice in one object: say it once", field=field[:64])
    return found


def _no_number(name: str) -> Any:
    raise Malformed(f"{name} is no number in JSON", field="body")


def _parsed(body: bytes, headers: Headers) -> Any:
    if not body:
        return NOTHING
    if not is_json(headers.get("Content-Type", "")):
        raise HTTPException(
            415,
            f"a body is JSON here, and this one says to be {headers['Content-Type'][:64]!r}:"
            " send it with 'Content-Type: application/json'",
            headers={"Accept-Post": "application/json"},
        )
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise HTTPException(415, "a body is taken as it is: send it without a Content-Encoding")
    try:
        return read_json(body)
    except (ValueError, RecursionError):
        return NOTHING


def is_json(content_type: str) -> bool:
    """Whether a body is to be read as JSON; one that says nothing is, for there is nothing else to be."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("", "application/json") or (kind.startswith("application/") and kind.endswith("+json"))


async def _refusal(request: Request, error: Exception) -> Response:
    """The answer; whoever has no key is told that, and nothing else."""
    try:
        await authenticate(request)
    except TenureError as unknown:
        error = unknown
    answer = response_to(error)
    assert answer is not None  # noqa: S101 - an expected error
    return answer


def _from_the_beginning(body: bytes, receive: Receive) -> Receive:
    """What is received of a request whose body was read, for whoever reads it after us."""
    left: list[bytes] = [body]

    async def again() -> Message:
        if not left:
            return await receive()
        return {"type": "http.request", "body": left.pop(), "more_body": False}

    return again
