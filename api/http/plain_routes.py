"""Plain ASGI routes before FastAPI, for endpoints that products call all the time: FastAPI costs more than their work.

Each stands for an ordinary endpoint, which FastAPI describes. It reads the arguments that the endpoint's signature asks
for and answers every request itself, errors included, as FastAPI would: no caller can tell the two apart.
"""

import inspect
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, get_args, get_origin

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends, Path, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.http.bodies import NOTHING, parsed_body
from api.http.errors import response_to

Endpoint = Callable[..., Awaitable[Response]]
_Validate = Callable[..., Any]


def plain_route(route: APIRoute) -> Route:
    """The plain route of an endpoint, at the path and method of its own.

    Raises:
        TypeError: the endpoint asks for something that only FastAPI can read.
    """
    return Route(route.path, endpoint=_PlainEndpoint(route.endpoint), methods=route.methods)


class _PlainEndpoint:
    """The ASGI application of one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._arguments = _Arguments(inspect.signature(endpoint, eval_str=True).parameters.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._endpoint(**await self._arguments.read(request))
        except Exception as error:
            expected = response_to(error)
            if expected is None:
                raise
            response = expected
        await response(scope, receive, send)


class _Arguments:
    """Reads an endpoint's arguments: the request, dependencies of the request alone, path, query, and a JSON body."""

    def __init__(self, parameters: Iterable[inspect.Parameter]) -> None:
        self._request: list[str] = []
        self._dependencies: list[tuple[str, Callable[[Request], Awaitable[Any]]]] = []
        self._path: list[tuple[str, _Validate]] = []
        self._query: list[tuple[str, _Validate, Any]] = []
        self._body: list[tuple[str, _Validate]] = []
        for one in parameters:
            self._add(one)

    def _add(self, parameter: inspect.Parameter) -> None:
        name, kind = parameter.name, parameter.annotation
        marks = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
        mark = next((one for one in marks if isinstance(one, Depends | Path | Query)), None)
        if kind is Request:
            self._request.append(name)
        elif isinstance(mark, Depends) and mark.dependency is not None:
            self._dependencies.append((name, mark.dependency))
        elif isinstance(mark, Path):
            self._path.append((name, _validate(kind)))
        elif isinstance(mark, Query) and parameter.default is not inspect.Parameter.empty:
            self._query.append((name, _validate(kind), parameter.default))
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            self._body.append((name, _validate(kind)))
        else:
            raise TypeError(f"a plain route cannot read {parameter}")

    async def read(self, request: Request) -> dict[str, Any]:
        """The arguments of a request.

        Raises:
            RequestValidationError: with everything that is wrong, in FastAPI's order and words.
        """
        body = await _body_of(request) if self._body else NOTHING
        read: dict[str, Any] = dict.fromkeys(self._request, request)
        for name, dependency in self._dependencies:
            read[name] = await dependency(request)
        errors: list[Any] = []
        for name, validate in self._path:
            read[name] = _valid(validate, request.path_params[name], ("path", name), errors)
        for name, validate, default in self._query:
            given = request.query_params.get(name)
            read[name] = default if given is None else _valid(validate, given, ("query", name), errors)
        for name, validate in self._body:
            if body is NOTHING:
                errors.append(_MISSING_BODY)
            else:
                read[name] = _valid(validate, body, ("body",), errors)
        if errors:
            raise RequestValidationError(errors)
        return read


_MISSING_BODY = {"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}


def _validate(kind: Any) -> _Validate:
    """Return what validates a value: not the `TypeAdapter`, which looks at its own arguments each time."""
    return TypeAdapter(kind).validator.validate_python


def _valid(validate: _Validate, value: object, where: tuple[str, ...], errors: list[Any]) -> Any:
    try:
        return validate(value, from_attributes=True)
    except ValidationError as error:
        errors += [one | {"loc": (*where, *one["loc"])} for one in error.errors(include_url=False)]
        return None


async def _body_of(request: Request) -> Any:
    """The JSON body, or NOTHING.

    Raises:
        RequestValidationError: not JSON.
        HTTPException: status 400; it cannot be read as JSON.
    """
    parsed = parsed_body(request)
    if parsed is not NOTHING:
        return parsed
    try:
        return await request.json() if await request.body() else NOTHING
    except json.JSONDecodeError as error:
        where = {"loc": ("body", error.pos), "msg": "JSON decode error", "input": {}, "ctx": {"error": error.msg}}
        raise RequestValidationError([{"type": "json_invalid", **where}]) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400) from error
