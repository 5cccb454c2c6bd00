"""The short way of requests that come thousands of times a second: past FastAPI, which takes longer than the answer.

The endpoint is an ordinary one as well, whose signature describes it. A request that is not plainly well goes on to it,
so that what is wrong with it is told in the same words as everywhere.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.auth import Caller, authenticate, require_role
from api.http.bodies import NOTHING, parsed_body, path_of
from api.http.errors import response_to
from storage.access.api_keys import Role

Read = Callable[[Request], Awaitable[Mapping[str, Any] | None]]
"""What an endpoint is to be called with; None: FastAPI is to read the request."""


@dataclass(frozen=True)
class FastPath:
    """One endpoint's short way."""

    method: str
    path: str
    """As the endpoint's route has it; logs and figures name it."""
    read: Read
    endpoint: Callable[..., Awaitable[Response]]


class FastPaths:
    """Answers what has a short way, and leaves the rest to the application."""

    def __init__(self, app: ASGIApp, ways: Sequence[FastPath]) -> None:
        self._app = app
        self._ways = [(way.method, compile_path(way.path)[0], way) for way in ways]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        way = self._way_of(scope) if scope["type"] == "http" else None
        if way is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = way
        request = Request(scope, receive)
        try:
            given = await way.read(request)
            answer = None if given is None else await way.endpoint(**given)
        except Exception as error:
            answer = response_to(error)
            if answer is None:
                raise
        if answer is None:
            await self._app(scope, receive, send)
        else:
            await answer(scope, receive, send)

    def _way_of(self, scope: Scope) -> FastPath | None:
        path = path_of(scope)
        for method, pattern, way in self._ways:
            if scope["method"] == method and (found := pattern.match(path)):
                scope["path_params"] = found.groupdict()
                return way
        return None


async def caller_of(request: Request, *roles: Role) -> Caller:
    """Who calls.

    Raises:
        Rejected: code `unauthorized` or `forbidden`.
    """
    caller = await authenticate(request)
    require_role(caller, *roles)
    return caller


def body_as(request: Request, kind: type[BaseModel]) -> BaseModel | None:
    """A request's body; None: it is not such JSON."""
    parsed = parsed_body(request)
    try:
        return None if parsed is NOTHING else kind.model_validate(parsed)
    except ValidationError:
        return None
