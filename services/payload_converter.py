"""Converts what Temporal stores of workflows to JSON and back: a field that has its default is left out.

Most of a subscription is at its defaults, and history holds it again with each run. A field that is left out is read
as its default, by earlier releases too. So a default never changes once it was released.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, get_type_hints

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    AdvancedJSONEncoder,
    CompositePayloadConverter,
    DefaultPayloadConverter,
    JSONPlainPayloadConverter,
    JSONTypeConverter,
    value_to_type,
)


class SparseJSONEncoder(AdvancedJSONEncoder):
    """Encodes a dataclass without the fields that have their defaults."""

    def default(self, o: Any) -> Any:
        """Override `json.JSONEncoder.default`."""
        if is_dataclass(o) and not isinstance(o, type):
            return {each.name: value for each in fields(o) if not _is_default(each, value := getattr(o, each.name))}
        return super().default(o)


class _KnownTypes(JSONTypeConverter):
    """Reads dataclasses and enumerations as the SDK does, which looks their type hints up again for each object."""

    def to_typed_value(self, hint: type, value: Any) -> Any:
        """Override `JSONTypeConverter.to_typed_value`."""
        if not isinstance(hint, type):
            return self.Unhandled
        if is_dataclass(hint) and isinstance(value, dict):
            return self._read(hint, value)
        if issubclass(hint, StrEnum) and isinstance(value, str):
            return hint(value)
        return self.Unhandled

    def _read(self, hint: type, value: dict[str, Any]) -> Any:
        hints = _hints(hint)
        if hints is None:
            return self.Unhandled
        given = {}
        for name, its in hints.items():
            if name in value:
                try:
                    given[name] = value_to_type(its, value[name], [self])
                except Exception as error:
                    raise TypeError(f"Failed converting field {name} on dataclass {hint}") from error
        return hint(**given)


@lru_cache(maxsize=256)
def _hints(of: type) -> Mapping[str, Any] | None:
    """The types of the fields of a dataclass; None if it has one that is not given to it.

    As many as payloads hold, and no more: the workflow sandbox makes the classes of a workflow's own module again for
    each run, and what is kept of them keeps the module.
    """
    hints, all_fields = get_type_hints(of), fields(of)
    return {each.name: hints[each.name] for each in all_fields} if all(each.init for each in all_fields) else None


RUN_ENCODINGS: Final = ("json/tenure-run-1", "json/tenure-run-2")
"""The encodings of values that must be read by nobody who does not know them: each names one as `payload_encoding`."""


class _NamedJSONPayloadConverter(JSONPlainPayloadConverter):
    """Converts the values that name its encoding."""

    def to_payload(self, value: Any) -> Payload | None:
        """Override `JSONPlainPayloadConverter.to_payload`."""
        return super().to_payload(value) if getattr(value, "payload_encoding", None) == self.encoding else None


class SparsePayloadConverter(CompositePayloadConverter):
    """The SDK's converter, but for JSON."""

    def __init__(self) -> None:
        """Create it: each client and each run of a workflow has one."""
        others = DefaultPayloadConverter.default_encoding_payload_converters
        types = [_KnownTypes()]
        plain = JSONPlainPayloadConverter(encoder=SparseJSONEncoder, custom_type_converters=types)
        named = (
            _NamedJSONPayloadConverter(encoder=SparseJSONEncoder, encoding=each, custom_type_converters=types)
            for each in RUN_ENCODINGS
        )
        super().__init__(*named, *(plain if each.encoding == plain.encoding else each for each in others))


def _is_default(of: Field[Any], value: Any) -> bool:
    if of.default is not MISSING:
        return _is_same(value, of.default)
    return of.default_factory is not MISSING and _is_same(value, of.default_factory())


def _is_same(value: Any, other: Any) -> bool:
    """True if both are the same JSON. `==` does not say so: it passes over fields that do not count for equality."""
    if value is other:
        return True
    if type(value) is not type(other):
        return False
    if is_dataclass(value):
        return all(_is_same(getattr(value, each.name), getattr(other, each.name)) for each in fields(value))
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(_is_same, value, other))
    if isinstance(value, Mapping):
        return value.keys() == other.keys() and all(_is_same(each, other[key]) for key, each in value.items())
    return bool(value == other)
