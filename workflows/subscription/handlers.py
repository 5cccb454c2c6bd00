"""How a workflow's updates are declared: under the names that callers and histories know them by."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, Protocol, TypeVar, cast

from temporalio import workflow
from temporalio.workflow import UpdateMethodMultiParam

P = ParamSpec("P")
R = TypeVar("R")


class _Declaring(Protocol):
    def __call__(self, handler: Callable[P, Awaitable[R]], /) -> UpdateMethodMultiParam[P, R]: ...


def update(*, name: str) -> _Declaring:
    """As `workflow.update`, by whose types one with a name would answer something that is yet to be awaited."""
    return cast("_Declaring", workflow.update(name=name))
