"""Declares workflow updates under the names that callers and histories know."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, Protocol, TypeVar, cast

from temporalio import workflow
from temporalio.workflow import UpdateMethodMultiParam

P = ParamSpec("P")
R = TypeVar("R")


class _Declaring(Protocol):
    def __call__(self, handler: Callable[P, Awaitable[R]], /) -> UpdateMethodMultiParam[P, R]: ...


def update(*, name: str) -> _Declaring:
    """Same as `workflow.update(name=…)`, with the type fixed: the SDK's types would return an unawaited value."""
    return cast("_Declaring", workflow.update(name=name))
