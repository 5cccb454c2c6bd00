"""Wraps FastAPI handlers in gates. FastAPI sees the gate as one more parameter of the handler."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from inspect import Parameter, Signature, iscoroutinefunction, signature
from typing import Annotated, Any

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool

from tenure.client.entitlements import Used

Handler = Callable[..., Any]


def behind(handler: Handler, dependency: Callable[..., Any]) -> Handler:
    """The handler, run only if the dependency does not raise."""
    had = _signature(handler)
    name = _free_name(had)

    @wraps(handler)
    async def gated(**given: Any) -> Any:
        del given[name]
        return await _run(handler, given)

    return _with(gated, had, Parameter(name, Parameter.KEYWORD_ONLY, annotation=Annotated[Any, Depends(dependency)]))


def counting(handler: Handler, dependency: Callable[..., Any], run: Callable[..., Awaitable[Any]]) -> Handler:
    """The handler, run by *run*.

    *run* receives the dependency's value, the handler's arguments, and a function that calls the handler with a `Used`;
    the handler gets it if it has a parameter of that type.
    """
    had = _signature(handler)
    name = _free_name(had)
    # "Used" as text: annotations that are imported for type checkers only cannot be evaluated.
    wanted = next((one.name for one in had.parameters.values() if one.annotation in (Used, "Used")), None)
    shown = had.replace(parameters=[one for one in had.parameters.values() if one.name != wanted])

    @wraps(handler)
    async def gated(**given: Any) -> Any:
        value = given.pop(name)

        async def call(used: Used) -> Any:
            return await _run(handler, given if wanted is None else {**given, wanted: used})

        return await run(value, given, call)

    return _with(gated, shown, Parameter(name, Parameter.KEYWORD_ONLY, annotation=Annotated[Any, Depends(dependency)]))


def _signature(handler: Handler) -> Signature:
    try:
        return signature(handler, eval_str=True)
    except NameError:  # of names that are imported for type checkers only
        return signature(handler)


def _free_name(had: Signature) -> str:
    return f"_gate_{sum(one.startswith('_gate_') for one in had.parameters)}"


def _with(gated: Handler, had: Signature, more: Parameter) -> Handler:
    """Set the signature that FastAPI sees: the handler's own, and one more parameter."""
    gated.__signature__ = had.replace(  # type: ignore[attr-defined]
        parameters=[*(one.replace(kind=Parameter.KEYWORD_ONLY) for one in had.parameters.values()), more]
    )
    return gated


async def _run(handler: Handler, given: Mapping[str, Any]) -> Any:
    if iscoroutinefunction(handler):
        return await handler(**given)
    return await run_in_threadpool(handler, **given)
