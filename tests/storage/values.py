"""Any value of the domain: strategies derived from the types, so that no new field is forgotten."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
"""Every text that PostgreSQL can store; the API rejects control characters."""
MOMENTS = st.datetimes(timezones=st.just(UTC))
COUNTS = st.integers(0, 2**31 - 1)


def any_value(kind: object) -> st.SearchStrategy[object]:
    """Every value of a field of this type."""
    plain: dict[object, st.SearchStrategy[object]] = {
        str: TEXTS,
        int: COUNTS,
        bool: st.booleans(),
        datetime: MOMENTS,
        types.NoneType: st.none(),
    }
    if kind in plain:
        return plain[kind]
    origin, parts = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return st.one_of(*(any_value(part) for part in parts))
    if origin is tuple:
        return st.lists(any_value(parts[0]), max_size=3).map(tuple)
    if origin in (dict, Mapping):
        return st.dictionaries(any_value(parts[0]), any_value(parts[1]), max_size=3)
    assert isinstance(kind, type), f"no strategy for {kind}"
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    assert is_dataclass(kind), f"no strategy for {kind}"
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: any_value(hints[field.name]) for field in fields(kind)})
