"""Validates a file against a model, and reports every error in plain words."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from configuration.yaml_source import Place, Problem, Source
from domain.did_you_mean import did_you_mean

_COMPLAINTS = {
    "missing": "is missing",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than {max_length} characters",
}
_WANTED = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "model_type": "keys with values",
    "dict_type": "keys with values",
    "list_type": "a list",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
}
"""Our messages for pydantic's errors; {} are its limits."""


class Strict(BaseModel):
    """A part of a file: unknown keys are refused, and values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


M = TypeVar("M", bound=BaseModel)


class Faults(ValueError):
    """Errors that a validator found inside its value, each with its place."""

    def __init__(self, found: Iterable[tuple[Place, str]]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(message for _, message in self.found))


def check(source: Source, model: type[M], context: object = None, also: Iterable[Problem] = ()) -> M:
    """Return the file's values as *model*, unless they have errors or *also*, errors found before, is not empty.

    Raises:
        ConfigurationError: lists all errors.
    """
    problems = list(also)
    try:
        checked = model.model_validate(source.tree, context=context)
    except ValidationError as error:
        problems += [one for details in error.errors(include_url=False) for one in _problems(details, model)]
        raise source.error(problems) from None
    if problems or source.problems:
        raise source.error(problems)
    return checked


def _problems(details: ErrorDetails, model: type[BaseModel]) -> list[Problem]:
    place = tuple(part for part in details["loc"] if part != "[key]")
    about_key = details["loc"][-1:] == ("[key]",)
    fault = details.get("ctx", {}).get("error")
    if isinstance(fault, Faults):
        return [Problem((*place, *inner), message) for inner, message in fault.found]
    if details["type"] == "extra_forbidden":
        suggestion = did_you_mean(str(place[-1]), known_keys(model, place[:-1]))
        return [Problem(place, f"unknown key; {suggestion}", at_key=True)]
    return [Problem(place, in_words(details), at_key=about_key)]


def in_words(details: ErrorDetails) -> str:
    """The error of one value."""
    limits: Mapping[str, Any] = details.get("ctx", {})
    if details["type"] == "value_error":
        return str(limits["error"])
    if details["type"] in _COMPLAINTS:
        return _COMPLAINTS[details["type"]].format(**limits)
    if details["type"] in _WANTED:
        return f"must be {_WANTED[details['type']].format(**limits)}, not {shown(details['input'])}"
    return details["msg"]


def shown(value: object) -> str:
    """A value as written in the file, shortened."""
    match value:
        case None:
            return "empty"
        case bool():
            return str(value).lower()
        case dict():
            return "keys with values"
        case list():
            return "a list"
        case int() | Decimal():
            return str(value)
    text = str(value)
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def known_keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys allowed at *place* in a file that *model* describes."""
    found: object = model
    for part in place:
        fields = _fields(found)
        found = fields[str(part)].annotation if fields else get_args(found)[-1]
        if type(None) in get_args(found):
            found = next(one for one in get_args(found) if one is not type(None))
    return list(_fields(found))


def _fields(kind: object) -> Mapping[str, FieldInfo]:
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}
