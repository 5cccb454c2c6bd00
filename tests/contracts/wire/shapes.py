"""The JSON that a type is on the wire: names of fields and what each may hold, and no name of a class."""

import json
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from services.payload_converter import SparseJSONEncoder

Shape = str | dict[str, Any]

_PLAIN: Mapping[Any, str] = {
    None: "null",
    types.NoneType: "null",
    Any: "any",
    object: "any",
    str: "text",
    int: "whole number",
    float: "number",
    bool: "yes or no",
    datetime: "instant",
    date: "day",
    timedelta: "duration",
    UUID: "uuid",
}
_MANY = (list, tuple, set, frozenset, Sequence)


def shape(kind: Any) -> Shape:
    """What a value of this type is on the wire; a field's name ends in `?` when it may be left out.

    After that comes its default, unless that is nothing (null, or empty, 0 or false where it cannot be null): what is
    at its default is left out (`services/payload_converter.py`), so defaults are on the wire too.

    Raises:
        TypeError: nothing is known of such a type; say here what becomes of it.
    """
    if kind in _PLAIN:
        return _PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"one of": sorted(str(each.value) for each in kind)}
    return _fields(kind) if is_dataclass(kind) else _of_parts(kind, get_origin(kind), get_args(kind))


def _of_parts(kind: Any, origin: Any, of: tuple[Any, ...]) -> Shape:
    if origin in (Union, types.UnionType):
        return _one_of(of)
    if origin is tuple and Ellipsis not in of:
        return _in_order(of)
    if origin in _MANY:
        return {"each": shape(of[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {f"by {_words(of[0])}": shape(of[1])}
    raise TypeError(f"what is a {kind} on the wire?")


def _fields(kind: Any) -> Shape:
    hints = get_type_hints(kind)
    return {f"{each.name}{_default(each, hints[each.name])}": shape(hints[each.name]) for each in fields(kind)}


def _default(of: Field[Any], kind: Any) -> str:
    if of.default is of.default_factory is MISSING:
        return ""
    value = of.default if of.default_factory is MISSING else of.default_factory()
    is_nothing = value is None or (not value and types.NoneType not in get_args(kind))
    return "?" if is_nothing else f"?={json.dumps(value, cls=SparseJSONEncoder, separators=(',', ':'))}"


def _one_of(kinds: tuple[Any, ...]) -> Shape:
    there = [kind for kind in kinds if kind is not types.NoneType]
    found = shape(there[0]) if len(there) == 1 else " or ".join(sorted(_words(kind) for kind in there))
    if len(there) == len(kinds):
        return found
    return f"{found} or null" if isinstance(found, str) else {**found, "or": "null"}


def _words(kind: Any) -> str:
    found = shape(kind)
    if isinstance(found, str):
        return found
    return "|".join(found["one of"]) if "one of" in found else json.dumps(found, sort_keys=True)


def arguments(kinds: Sequence[Any] | None, of: Callable[..., Any]) -> Shape:
    """What something is called with; its types must be said, or nobody could decode it."""
    if kinds is None:
        raise TypeError(f"{of} does not say what it takes")
    return _in_order(kinds)


def _in_order(kinds: Sequence[Any]) -> Shape:
    return {f"{number}.": shape(each) for number, each in enumerate(kinds, start=1)}
