"""Handlers of FastAPI with something before them, which FastAPI sees as one more parameter of theirs."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from inspect import Parameter, Signature, iscoroutinefunction, signature
from typing import Annotated, Any

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool

from tenure.client.entitlements import Used

Handler = Callable[..., Any]


def behind(handler: Handler, dependency: Callable[..., Any]) -> Handler:
    """The handler, run only when a dependency lets it."""
    had = _signature(handler)
    name = _free_name(had)

    @wraps(handler)
    async def gated(**given: Any) -> Any:
        del given[name]
        return await _run(handler, given)

    return _with(gated, had, Parameter(name, Parameter.KEYWORD_ONLY, annotation=Annotated[Any, Depends(dependency)]))


def counting(handler: Handler, asks: Callable[..., Any], run: Callable[..., Awaitable[Any]]) -> Handler:
    """The handler, run by *run*, which is told what it was given and hands it the use where it asks for one."""
    had = _signature(handler)
    name = _free_name(had)
    # By its name where the handler's annotations cannot be read, as they are for type checkers alone.
    wanted = next((one.name for one in had.parameters.values() if one.annotation in (Used, "Used")), None)
    shown = had.replace(parameters=[one for one in had.parameters.values() if one.name != wanted])

    @wraps(handler)
    async def gated(**given: Any) -> Any:
        asked = given.pop(name)

        async def call(used: Used) -> Any:
            return await _run(handler, given if wanted is None else {**given, wanted: used})

        return await run(asked, given, call)

    return _with(gated, shown, Parameter(name, Parameter.KEYWORD_ONLY, annotation=Annotated[Any, Depends(asks)]))


def _signature(handler: Handler) -> Signature:
    try:
        return signature(handler, eval_str=True)
    except NameError:  # of names that are there for type checkers alone
        return signature(handler)


def _free_name(had: Signature) -> str:
    return f"_gate_{sum(one.startswith('_gate_') for one in had.parameters)}"


def _with(gated: Handler, had: Signature, more: Parameter) -> Handler:
    """What FastAPI sees of the handler, and one parameter more."""
    gated.__signature__ = had.replace(  # type: ignore[attr-defined]
        parameters=[*(one.replace(kind=Parameter.KEYWORD_ONLY) for one in had.parameters.values()), more]
    )
    return gated


async def _run(handler: Handler, given: Mapping[str, Any]) -> Any:
    if iscoroutinefunction(handler):
        return await handler(**given)
    return await run_in_threadpool(handler, **given)
