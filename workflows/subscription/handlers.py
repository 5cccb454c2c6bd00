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
    """Same as `workflow.update(name=…)`, described in the Temporal UI by the first line of the handler's docstring.

    It also fixes the type: the SDK's types would return an unawaited value.
    """

    def declare(handler: Callable[P, Awaitable[R]], /) -> UpdateMethodMultiParam[P, R]:
        first_line = (handler.__doc__ or "").partition("\n")[0]
        declaring = cast("_Declaring", workflow.update(name=name, description=first_line or None))
        return declaring(handler)

    return declare
