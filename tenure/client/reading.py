"""From JSON to frozen dataclasses. Fields that are not known are passed over: a newer Tenure may say more.

A field whose JSON name is a word of Python's says so in its metadata, as `said`.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class Unreadable(Exception):
    """The JSON is not what was expected."""


def read(kind: type[T], said: Any) -> T:
    """*said* as a value of *kind*: a dataclass, a tuple or mapping of such, a moment or something plain.

    Raises:
        Unreadable: something that is needed is missing, or of another kind.
    """
    value: T = _value(kind, said, kind)
    return value


def _value(kind: Any, said: Any, where: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(kind), said, where)
    if origin is not None:
        return _many(origin, get_args(kind), said, where)
    if is_dataclass(kind):
        return _record(kind, _expect(dict, said, where))
    if kind is datetime:
        return _moment(_expect(str, said, where))
    return said if kind is Any else _expect(kind, said, where)


def _many(origin: Any, kinds: tuple[Any, ...], said: Any, where: Any) -> Any:
    if origin is tuple:
        return tuple(_value(kinds[0], one, where) for one in _expect(list, said, where))
    return {str(name): _value(kinds[1], one, where) for name, one in _expect(dict, said, where).items()}


def _one_of(kinds: tuple[Any, ...], said: Any, where: Any) -> Any:
    if said is None and type(None) in kinds:
        return None
    for kind in kinds:
        try:
            return _value(kind, said, where)
        except Unreadable:
            continue
    raise Unreadable(f"{where}: unexpected {said!r}")


def _record(kind: Any, said: Mapping[str, Any]) -> Any:
    hints, known = _hints(kind), {}
    for one in fields(kind):
        name = one.metadata.get("said", one.name)
        if name in said and (said[name] is not None or _may_be_none(hints[one.name])):
            known[one.name] = _value(hints[one.name], said[name], f"{kind.__name__}.{one.name}")
        elif one.default is MISSING and one.default_factory is MISSING:
            raise Unreadable(f"{kind.__name__}.{one.name} is missing")
    return kind(**known)


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _may_be_none(hint: Any) -> bool:
    return hint is Any or type(None) in get_args(hint)


def _expect(kind: Any, said: Any, where: Any) -> Any:
    # A truth is an int in Python, and never one in JSON.
    if isinstance(said, kind) and (kind is bool or not isinstance(said, bool)):
        return said
    raise Unreadable(f"{where}: {kind.__name__} expected, not {said!r}")


def _moment(said: str) -> datetime:
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        raise Unreadable(f"no moment: {said!r}") from None
