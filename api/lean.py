"""Reading requests that come thousands of times a second without asking FastAPI, which takes longer than the answer.

The endpoint's signature describes it as ever, and a request that is not plainly well is read by it, so that what is
wrong with it is told in the same words as everywhere.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from api.auth import Caller, authenticate, demand
from api.fields import ExternalId
from api.holdings import Holdings
from api.parts import parts_of, stores_of
from storage.keys import Role

_EXTERNAL_ID: Final = TypeAdapter[str](ExternalId)

Read = Callable[[Request], Awaitable[Mapping[str, Any] | None]]
"""What an endpoint is to be called with; None: FastAPI is to read the request."""


def lean_route(read: Read) -> type[APIRoute]:
    """A route whose requests are read by *read*, and by FastAPI where that gives up."""

    class LeanRoute(APIRoute):
        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] not in (self.methods or ()):
                await super().handle(scope, receive, send)
                return
            request = Request(scope, receive)
            given = await read(request)
            if given is None:
                await super().handle(scope, _from_the_beginning(request), send)
            else:
                answer: Response = await self.endpoint(**given)
                await answer(scope, receive, send)

    return LeanRoute


def _from_the_beginning(request: Request) -> Receive:
    """What is received of a request, for whoever reads it after us."""
    body: bytes | None = getattr(request, "_body", None)

    async def receive() -> Message:
        nonlocal body
        if body is None:
            return await request.receive()
        whole, body = body, None
        return {"type": "http.request", "body": whole, "more_body": False}

    return receive


async def caller_of(request: Request, *roles: Role) -> Caller:
    """Who calls.

    Raises:
        Rejected: code `unauthorized` or `forbidden`.
    """
    caller = await authenticate(request)
    demand(caller, *roles)
    return caller


def about_customer(request: Request) -> dict[str, Any] | None:
    """Whom a request is about, and what looks up what they hold; None: the external id is none."""
    try:
        external_id = _EXTERNAL_ID.validate_python(request.path_params["external_id"])
    except ValidationError:
        return None
    return {"external_id": external_id, "holdings": Holdings(parts_of(request), stores_of(request))}


async def body_as(request: Request, kind: type[BaseModel]) -> BaseModel | None:
    """A request's body; None: it is not such JSON, or does not say that it is."""
    if request.headers.get("Content-Type", "").partition(";")[0].strip() != "application/json":
        return None
    try:
        return kind.model_validate_json(await request.body())
    except (ValidationError, ClientDisconnect):
        return None
