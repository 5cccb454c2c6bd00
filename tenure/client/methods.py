"""Methods of the two clients, made of operations: the same name, parameters and docstring, with *self* for the core."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from inspect import Parameter, signature
from typing import Any, Concatenate, ParamSpec, TypeVar

from tenure.client.core import Core, Steps
from tenure.client.paging import Pages

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def awaited(
    operation: Callable[Concatenate[Core, P], Steps[T]],
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """The operation as a coroutine method."""

    @wraps(operation)
    async def method(client: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = await client._carry_out(operation(client._core, *args, **kwargs))  # noqa: SLF001 - its own method
        return result

    return _as_method(method)


def blocking(operation: Callable[Concatenate[Core, P], Steps[T]]) -> Callable[Concatenate[Any, P], T]:
    """The operation as a blocking method."""

    @wraps(operation)
    def method(client: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = client._carry_out(operation(client._core, *args, **kwargs))  # noqa: SLF001 - its own method
        return result

    return _as_method(method)


def async_iterator(
    operation: Callable[Concatenate[Core, P], Pages[T]],
) -> Callable[Concatenate[Any, P], AsyncIterator[T]]:
    """A list as a method for `async for`, which fetches page after page."""

    @wraps(operation)
    async def method(client: Any, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        fetch, cursor, is_last = operation(client._core, *args, **kwargs), None, False  # noqa: SLF001 - its own method
        while not is_last:
            page = await client._carry_out(fetch(cursor))  # noqa: SLF001
            cursor, is_last = page.next_cursor, page.next_cursor is None
            for one in page.data:
                yield one

    return _as_method(method)


def iterator(operation: Callable[Concatenate[Core, P], Pages[T]]) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """A list as a method for `for`, which fetches page after page."""

    @wraps(operation)
    def method(client: Any, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        fetch, cursor, is_last = operation(client._core, *args, **kwargs), None, False  # noqa: SLF001 - its own method
        while not is_last:
            page = client._carry_out(fetch(cursor))  # noqa: SLF001
            cursor, is_last = page.next_cursor, page.next_cursor is None
            yield from page.data

    return _as_method(method)


def _as_method(method: F) -> F:
    """For `help` and editors: *self* in place of the operation's first parameter."""
    _core, *rest = signature(method).parameters.values()
    itself = Parameter("self", Parameter.POSITIONAL_ONLY)
    method.__signature__ = signature(method).replace(parameters=[itself, *rest])  # type: ignore[attr-defined]
    return method
