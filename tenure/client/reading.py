"""From JSON to frozen dataclasses. Unknown fields are ignored: a newer Tenure may send more.

A field whose JSON name is a Python keyword has that name in its metadata, as `said`.
"""

import types
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Reader = Callable[[Any], Any]


class Unreadable(Exception):
    """The JSON does not match the expected type."""


def read(kind: type[T], said: Any) -> T:
    """*said* as a value of *kind*: a dataclass, a tuple or mapping of such, a datetime or a plain value.

    Raises:
        Unreadable: a required member is missing, or has the wrong type.
    """
    of: Any = kind
    value: T = _reader(of)(said)
    return value


@cache
def _reader(kind: Any) -> Reader:
    """Build the reader of one type; cached, because answers are frequent."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(kind))
    if origin is Literal:
        return _plain(str)  # a later version may have more values
    if origin is not None:
        return _many(origin, get_args(kind))
    if is_dataclass(kind):
        return _record(kind)
    if kind is object:
        return lambda said: said
    return _moment if kind is datetime else _plain(kind)


def _one_of(kinds: tuple[Any, ...]) -> Reader:
    readers = [_reader(kind) for kind in kinds if kind is not type(None)]
    may_be_none = type(None) in kinds

    def one_of(said: Any) -> Any:
        if said is None and may_be_none:
            return None
        for reader in readers:
            try:
                return reader(said)
            except Unreadable as error:
                problem = error
        raise problem

    return one_of


def _many(origin: Any, kinds: tuple[Any, ...]) -> Reader:
    if origin is tuple:
        one, listed = _reader(kinds[0]), _plain(list)
        return lambda said: tuple(map(one, listed(said)))
    of, named = _reader(kinds[1]), _plain(dict)
    return lambda said: {name: of(one) for name, one in named(said).items()}


def _record(kind: Any) -> Reader:
    hints, named = get_type_hints(kind), _plain(dict)
    known = [(one.name, one.metadata.get("said", one.name), _reader(hints[one.name])) for one in fields(kind)]
    may_be_none = {name for name, hint in hints.items() if type(None) in get_args(hint)}
    needed = {one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING}

    def record(said: Any) -> Any:
        values, members = {}, named(said)
        for name, there, reader in known:
            value = members.get(there, MISSING)
            if value is MISSING or (value is None and name not in may_be_none):
                if name in needed:
                    raise Unreadable(f"{kind.__name__} has no {there}")
                continue
            try:
                values[name] = reader(value)
            except Unreadable as error:
                raise Unreadable(f"{kind.__name__}.{there}: {error}") from None
        return kind(**values)

    return record


def _plain(kind: Any) -> Reader:
    def plain(said: Any) -> Any:
        # A bool is an int in Python, but not in JSON.
        if isinstance(said, kind) and (kind is bool or not isinstance(said, bool)):
            return said
        raise Unreadable(f"{kind.__name__} expected, not {said!r}")

    return plain


def _moment(said: Any) -> datetime:
    try:
        return datetime.fromisoformat(said)
    except (TypeError, ValueError):
        raise Unreadable(f"no moment: {said!r}") from None
