"""Calls and answers held against the types of Stripe's SDK.

Where the SDK writes `Literal[...] | str`, so that a program outlives a value to come, the literals alone are Stripe's
words today: any other string is a problem.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Required, Union, cast, get_args, get_origin

from stripe import ListObject, StripeObject
from stripe._object_classes import get_object_class
from stripe._stripe_object import UntypedStripeObject
from typing_extensions import is_typeddict

from tests.harness.stripe_sdk import call_of, fields_of, parameters_of, resolved

Told = Iterator[str]
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WHOLE = re.compile(r"-?\d+")


def parameter_problems(method: str, path: str, params: Mapping[str, Any]) -> list[str]:
    """What of decoded form *params* the SDK's types do not know, lack or have otherwise, at any depth."""
    call = call_of(method, path)
    if call is None:
        return [f"Stripe has no {method.upper()} {path}"]
    if call.params is None:
        return [f"unknown parameter {name}" for name in params]
    return list(_of_typed_dict(params, call.params, ""))


def required_at(method: str, path: str, place: str) -> set[str]:
    """What the object at a *place* of a call's parameters, as a form names it (`items[0]`), must have."""
    call = call_of(method, path)
    kind: Any = call.params if call is not None else None
    for step in re.findall(r"[^\[\]]+", place):
        kind = _inside(kind, step)
    if not is_typeddict(kind):
        return set()
    return {name for name in parameters_of(kind) if name in kind.__required_keys__}


def _inside(hint: Any, step: str) -> Any:
    """What stands one *step* further in."""
    if is_typeddict(hint):
        return _bare(parameters_of(hint)[step])
    return _bare(get_args(hint)[-1]) if get_args(hint) else None


def _bare(hint: Any) -> Any:
    """A field's type without what is said of its presence, and of a union the member that holds more."""
    if get_origin(hint) in (NotRequired, Required):
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return next((each for each in get_args(hint) if _holds_more(each)), None)
    return hint


def _sent(value: Any, hint: Any, name: str) -> Told:
    """Problems of what was sent as text in a form."""
    origin = get_origin(hint)
    if origin in (NotRequired, Required):
        yield from _sent(value, get_args(hint)[0], name)
    elif is_typeddict(hint):
        yield from _of_typed_dict(value, hint, name)
    elif origin in (Union, UnionType):
        fitting = _choices(hint, _holds_more if isinstance(value, Mapping) else None)
        yield from min((list(_sent(value, choice, name)) for choice in fitting), key=len)
    elif origin is list:
        yield from _of_array(value, get_args(hint)[0], name)
    elif origin in (dict, UntypedStripeObject):
        yield from _of_mapping(value, get_args(hint)[-1], name)
    elif not _is_text_of(value, hint):
        yield f"{name}: {value!r} where Stripe takes {hint!s:.100}"


def _choices(hint: Any, fits: Callable[[Any], bool] | None = None) -> list[Any]:
    """The members of a union that fit, if any do, without the string that stands beside the literals that are meant."""
    members = list(get_args(hint))
    has_words = any(get_origin(each) is Literal and set(get_args(each)) - {""} for each in members)
    meant = [each for each in members if not (has_words and each is str)]
    return [each for each in meant if fits(each)] or meant if fits is not None else meant


def _holds_more(hint: Any) -> bool:
    return is_typeddict(hint) or get_origin(hint) in (list, dict, UntypedStripeObject)


def _of_typed_dict(value: Any, kind: Any, name: str) -> Told:
    if not isinstance(value, Mapping):
        yield f"{name}: {value!r} where Stripe takes an object"
        return
    fields = parameters_of(kind)
    for key, each in value.items():
        inner = f"{name}[{key}]" if name else key
        if key in fields:
            yield from _sent(each, fields[key], inner)
        else:
            yield f"unknown parameter {inner}"
    for key, hint in fields.items():
        if get_origin(hint) is not NotRequired and key in kind.__required_keys__ and key not in value:
            yield f"{name}: {key} is missing"


def _of_array(value: Any, hint: Any, name: str) -> Told:
    if not isinstance(value, Mapping) or not all(key.isdigit() for key in value):
        yield f"{name}: {value!r} where Stripe takes an array"
        return
    for key, each in value.items():
        yield from _sent(each, hint, f"{name}[{key}]")


def _of_mapping(value: Any, hint: Any, name: str) -> Told:
    if not isinstance(value, Mapping):
        yield f"{name}: {value!r} where Stripe takes keys and values"
        return
    for key, each in value.items():
        yield from _sent(each, hint, f"{name}[{key}]")


def _is_text_of(value: Any, hint: Any) -> bool:
    if not isinstance(value, str):
        return False
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint is bool:
        return value in ("true", "false")
    if hint is int:
        return _WHOLE.fullmatch(value) is not None
    if hint in (float, Decimal):
        return _NUMBER.fullmatch(value) is not None
    return hint is str or hint is Any


@dataclass(frozen=True)
class _Problem:
    """What is wrong at a place of an answer, told as `before`, the place, `after`."""

    after: str
    place: str = ""
    before: str = ""

    def within(self, outer: str) -> "_Problem":
        return replace(self, place=f"{outer}.{self.place}" if self.place else outer)

    def __str__(self) -> str:
        return f"{self.before}{self.place}{self.after}"


_Found = Sequence[_Problem]
_Check = Callable[[Any], _Found]
_NONE: _Found = ()


def answer_problems(method: str, path: str, body: Any) -> list[str]:
    """Where *body*, the answer to a call that went well, is not of the SDK's type."""
    call = call_of(method, path)
    if call is None:
        return [f"Stripe has no {method.upper()} {path}"]
    return [str(problem) for problem in _check_of(call.answer, call.module)(body)]


def object_problems(body: Any) -> list[str]:
    """Where one of Stripe's objects is not of the SDK's type for its kind."""
    return [str(problem) for problem in _object_check(cast("Any", get_object_class("V1", body["object"])))(body)]


@cache
def _check_of(hint: Any, module: str) -> _Check:
    """What finds the problems of a value of JSON that should be of *hint*, as *module* writes it.

    Made once for each: the same types stand in thousands of answers.
    """
    hint = resolved(hint, module)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _any_of([_check_of(choice, module) for choice in _choices(hint)])
    if origin is list:
        return _list_check(get_args(hint)[0], module)
    if origin is ListObject:
        return _page_check(get_args(hint)[0], module)
    if origin in (dict, UntypedStripeObject):
        return _leaf_check(lambda value: isinstance(value, dict), "keys and values")
    if isinstance(hint, type) and issubclass(hint, StripeObject):
        return _object_check(cast("Any", hint))
    return _leaf_check(_is_of(hint), f"{hint!s:.100}")


def _leaf_check(fits: Callable[[Any], bool], wanted: str) -> _Check:
    return lambda value: _NONE if fits(value) else [_Problem(f": {value!r} where Stripe has {wanted}")]


def _any_of(checks: Sequence[_Check]) -> _Check:
    def check(value: Any) -> _Found:
        fewest: _Found | None = None
        for each in checks:
            if not (found := each(value)):
                return _NONE
            fewest = found if fewest is None or len(found) < len(fewest) else fewest
        return fewest or _NONE

    return check


def _list_check(hint: Any, module: str) -> _Check:
    def check(value: Any) -> _Found:
        if not isinstance(value, list):
            return [_Problem(f": {value!r} where Stripe has a list")]
        of_each = _check_of(hint, module)
        return [problem.within(str(at)) for at, each in enumerate(value) for problem in of_each(each)]

    return check


def _page_check(hint: Any, module: str) -> _Check:
    of_data = _list_check(hint, module)

    def check(value: Any) -> _Found:
        if not isinstance(value, dict) or value.get("object") != "list":
            return [_Problem(f": {value!r} where Stripe has a page of a list")]
        unknown = [_Problem(f": unknown field {key}") for key in value.keys() - {"object", "data", "has_more", "url"}]
        return unknown + [problem.within("data") for problem in of_data(value.get("data"))]

    return check


@cache
def _object_check(kind: Any) -> _Check:
    fields = fields_of(kind)
    always = {key for key, hint in fields.items() if _always(hint)}
    checks: dict[str, _Check] = {}

    def check_field(key: str, value: Any) -> _Found:
        if (of_field := checks.get(key)) is None:
            # Not before there is a value: objects hold others of their own kind.
            of_field = checks[key] = _check_of(fields[key], kind.__module__)
        return [problem.within(key) for problem in of_field(value)]

    def check(value: Any) -> _Found:
        if not isinstance(value, dict):
            return [_Problem(f": {value!r} where Stripe has an object")]
        found: list[_Problem] = []
        for key, each in value.items():
            found += check_field(key, each) if key in fields else [_Problem("", key, "unknown field ")]
        if not value.get("deleted"):
            found += [_Problem(f": {key} is missing") for key in sorted(always - value.keys())]
        return found

    return check


def _always(hint: Any) -> bool:
    return get_origin(hint) not in (Union, UnionType) or NoneType not in get_args(hint)


_FITS: dict[Any, Callable[[Any], bool]] = {
    Any: lambda value: True,
    NoneType: lambda value: value is None,
    int: lambda value: isinstance(value, int) and not isinstance(value, bool),
    float: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    Decimal: lambda value: isinstance(value, str) and _NUMBER.fullmatch(value) is not None,
}


def _is_of(hint: Any) -> Callable[[Any], bool]:
    """What tells whether a single value is of *hint*."""
    if get_origin(hint) is Literal:
        words = get_args(hint)
        return lambda value: value in words
    return _FITS.get(hint) or (lambda value: isinstance(value, hint))
