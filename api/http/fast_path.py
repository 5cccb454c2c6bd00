"""Fast paths for endpoints called thousands of times a second: they bypass FastAPI, which costs more than the work.

Each is an ordinary endpoint as well, described by its signature. A request that is not clearly valid falls through to
FastAPI, so that its error reads the same as everywhere else.
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
"""Returns the endpoint's arguments, or None if FastAPI has to read the request."""


@dataclass(frozen=True)
class FastPath:
    """The fast path of one endpoint."""

    method: str
    path: str
    """The route's template, for logs and metrics."""
    read: Read
    endpoint: Callable[..., Awaitable[Response]]


class FastPaths:
    """Serves requests that have a fast path, and passes all others to the application."""

    def __init__(self, app: ASGIApp, paths: Sequence[FastPath]) -> None:
        self._app = app
        self._paths = [(path.method, compile_path(path.path)[0], path) for path in paths]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fast_path = self._match(scope) if scope["type"] == "http" else None
        if fast_path is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = fast_path
        request = Request(scope, receive)
        try:
            arguments = await fast_path.read(request)
            response = None if arguments is None else await fast_path.endpoint(**arguments)
        except Exception as error:
            response = response_to(error)
            if response is None:
                raise
        if response is None:
            await self._app(scope, receive, send)
        else:
            await response(scope, receive, send)

    def _match(self, scope: Scope) -> FastPath | None:
        path = path_of(scope)
        for method, pattern, fast_path in self._paths:
            if scope["method"] == method and (found := pattern.match(path)):
                scope["path_params"] = found.groupdict()
                return fast_path
        return None


async def caller_of(request: Request, *roles: Role) -> Caller:
    """Return the caller, who must have one of *roles*.

    Raises:
        Rejected: code `unauthorized` or `forbidden`.
    """
    caller = await authenticate(request)
    require_role(caller, *roles)
    return caller


def body_as(request: Request, kind: type[BaseModel]) -> BaseModel | None:
    """Return the body as *kind*, or None if it is not a valid one."""
    parsed = parsed_body(request)
    try:
        return None if parsed is NOTHING else kind.model_validate(parsed)
    except ValidationError:
        return None
