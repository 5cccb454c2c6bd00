"""Form parameters: strictly parsed into nested values."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import parse_qsl

from sandbox.stripe.errors import StripeFailure, invalid

Params = dict[str, Any]
CLEAR = ""
"""The value of a parameter to unset."""

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


class Field(Protocol):
    def read(self, value: Any, name: str) -> Any: ...


def decode(encoded: str) -> Params:
    """`a[b][0]=c` and `a[b][]=c` as nested dicts; lists come as dicts of positions."""
    tree: Params = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        match = _KEY.match(key)
        if match is None:
            raise invalid(f"Invalid parameter name: {key}", param=key)
        path = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        _plant(tree, path, value, key)
    return tree


def _plant(tree: Params, path: Sequence[str], value: str, key: str) -> None:
    node = tree
    for step in path[:-1]:
        node = node.setdefault(step or str(len(node)), {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid parameter: {key} is both a value and an object", param=key)
    node[path[-1] or str(len(node))] = value


def _empty(name: str) -> StripeFailure:
    return invalid(
        f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty "
        "value.",
        param=name,
        code="parameter_invalid_empty",
    )


class Text:
    """A string, of the *choices* when there are any."""

    def __init__(self, *choices: str) -> None:
        self._choices = choices

    def read(self, value: Any, name: str) -> str:
        if not isinstance(value, str):
            raise invalid("Invalid string: this parameter takes a value, not an object", param=name)
        if not value:
            raise _empty(name)
        if self._choices and value not in self._choices:
            raise invalid(f"Invalid {name}: must be one of {' or '.join(self._choices)}", param=name)
        return value


class Whole:
    def read(self, value: Any, name: str) -> int:
        if value == "":
            raise _empty(name)
        if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,15}", value):
            raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
        return int(value)


class Flag:
    def read(self, value: Any, name: str) -> bool:
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param=name)
        return bool(value == "true")


class Metadata:
    """The caller's keys and values; an empty value unsets its key."""

    def read(self, value: Any, name: str) -> dict[str, str] | str:
        if value == CLEAR:
            return CLEAR
        if not isinstance(value, dict):
            raise invalid("Invalid object: metadata takes keys and values", param=name)
        for key, text in value.items():
            if not isinstance(text, str) or len(text) > 500 or len(key) > 40:
                raise invalid(
                    f"Metadata keys have at most 40 and values at most 500 characters: {key}",
                    param=f"{name}[{key}]",
                )
        return dict(value)


class Many:
    def __init__(self, field: Field) -> None:
        self._field = field

    def read(self, value: Any, name: str) -> list[Any]:
        if not isinstance(value, dict) or not all(position.isdigit() for position in value):
            raise invalid("Invalid array", param=name)
        ordered = sorted(value.items(), key=lambda entry: int(entry[0]))
        return [self._field.read(each, f"{name}[{position}]") for position, each in ordered]


class Either:
    """The first of the *fields* that accepts the value."""

    def __init__(self, *fields: Field) -> None:
        self._fields = fields

    def read(self, value: Any, name: str) -> Any:
        for field in self._fields[:-1]:
            try:
                return field.read(value, name)
            except StripeFailure:
                continue
        return self._fields[-1].read(value, name)


class Clearable:
    """A field that an empty string unsets."""

    def __init__(self, field: Field) -> None:
        self._field = field

    def read(self, value: Any, name: str) -> Any:
        return CLEAR if value == CLEAR else self._field.read(value, name)


class Shape:
    """An object with exactly these fields; *required* ones must be present."""

    def __init__(self, fields: Mapping[str, Field], *, required: Sequence[str] = ()) -> None:
        self.fields = dict(fields)
        self._required = required

    def read(self, value: Any, name: str = "") -> Params:
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=name or None)
        self._refuse_unknown(value, name)
        for wanted in self._required:
            if wanted not in value:
                full = _nested(name, wanted)
                raise invalid(f"Missing required param: {full}.", param=full, code="parameter_missing")
        return {key: self.fields[key].read(each, _nested(name, key)) for key, each in value.items()}

    def _refuse_unknown(self, value: Mapping[str, Any], name: str) -> None:
        unknown = [_nested(name, key) for key in value if key not in self.fields]
        if unknown:
            noun = "parameter" if len(unknown) == 1 else "parameters"
            raise invalid(f"Received unknown {noun}: {', '.join(unknown)}", param=unknown[0], code="parameter_unknown")


def _nested(name: str, key: str) -> str:
    return f"{name}[{key}]" if name else key


LANGUAGES = [
    "auto",
    "bg",
    "cs",
    "da",
    "de",
    "el",
    "en",
    "en-GB",
    "es",
    "es-419",
    "et",
    "fi",
    "fil",
    "fr",
    "fr-CA",
    "hr",
    "hu",
    "id",
    "it",
    "ja",
    "ko",
    "lt",
    "lv",
    "ms",
    "mt",
    "nb",
    "nl",
    "pl",
    "pt",
    "pt-BR",
    "ro",
    "ru",
    "sk",
    "sl",
    "sv",
    "th",
    "tr",
    "vi",
    "zh",
    "zh-HK",
    "zh-TW",
]
"""The shared parameters of lists."""
TEXT = Text()
WHOLE = Whole()
FLAG = Flag()
METADATA = Metadata()
EXPAND = Many(TEXT)
RANGE = Either(WHOLE, Shape({"gt": WHOLE, "gte": WHOLE, "lt": WHOLE, "lte": WHOLE}))
PAGING: dict[str, Field] = {"limit": WHOLE, "starting_after": TEXT, "ending_before": TEXT}


def merged_metadata(current: Mapping[str, str], change: Mapping[str, str] | str) -> dict[str, str]:
    """*current* after *change*: an empty value removes its key, an empty string removes all."""
    if isinstance(change, str):
        return {}
    both = {**current, **change}
    return {key: text for key, text in both.items() if text != CLEAR}
