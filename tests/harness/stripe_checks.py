"""Calls and answers held against the types of Stripe's SDK.

Where the SDK writes `Literal[...] | str`, so that a program outlives a value to come, the literals alone are Stripe's
words today: any other string is a problem.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin

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


def answer_problems(method: str, path: str, body: Any) -> list[str]:
    """Where *body*, the answer to a call that went well, is not of the SDK's type."""
    call = call_of(method, path)
    if call is None:
        return [f"Stripe has no {method.upper()} {path}"]
    return list(_got(body, call.answer, "", call.module))


def object_problems(body: Any) -> list[str]:
    """Where one of Stripe's objects is not of the SDK's type for its kind."""
    return list(_of_object(body, get_object_class("V1", body["object"]), ""))


def _got(value: Any, hint: Any, name: str, module: str) -> Told:
    """Problems of what was answered in JSON, to a *hint* written in *module*."""
    hint = resolved(hint, module)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        yield from min((list(_got(value, choice, name, module)) for choice in _choices(hint)), key=len)
    elif origin is list:
        yield from _of_list(value, get_args(hint)[0], name, module)
    elif origin is ListObject:
        yield from _of_page(value, get_args(hint)[0], name, module)
    elif origin in (dict, UntypedStripeObject):
        yield from [] if isinstance(value, dict) else [f"{name}: {value!r} where Stripe has keys and values"]
    elif isinstance(hint, type) and issubclass(hint, StripeObject):
        yield from _of_object(value, hint, name)
    elif not _is_of(value, hint):
        yield f"{name}: {value!r} where Stripe has {hint!s:.100}"


def _of_list(value: Any, hint: Any, name: str, module: str) -> Told:
    if not isinstance(value, list):
        yield f"{name}: {value!r} where Stripe has a list"
        return
    for position, each in enumerate(value):
        yield from _got(each, hint, f"{name}.{position}", module)


def _of_page(value: Any, hint: Any, name: str, module: str) -> Told:
    if not isinstance(value, dict) or value.get("object") != "list":
        yield f"{name}: {value!r} where Stripe has a page of a list"
        return
    yield from (f"{name}: unknown field {key}" for key in value.keys() - {"object", "data", "has_more", "url"})
    yield from _of_list(value.get("data"), hint, f"{name}.data", module)


def _of_object(value: Any, kind: Any, name: str) -> Told:
    if not isinstance(value, dict):
        yield f"{name}: {value!r} where Stripe has an object"
        return
    fields = fields_of(kind)
    for key, each in value.items():
        inner = f"{name}.{key}" if name else key
        if key in fields:
            yield from _got(each, fields[key], inner, kind.__module__)
        else:
            yield f"unknown field {inner}"
    if not value.get("deleted"):
        yield from (f"{name}: {key} is missing" for key, hint in fields.items() if key not in value and _always(hint))


def _always(hint: Any) -> bool:
    return get_origin(hint) not in (Union, UnionType) or NoneType not in get_args(hint)


def _is_of(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint is NoneType:
        return value is None
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is Decimal:
        return isinstance(value, str) and _NUMBER.fullmatch(value) is not None
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return hint is Any or isinstance(value, hint)
