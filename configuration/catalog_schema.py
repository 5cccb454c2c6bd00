"""The JSON Schema of catalog files, for validation in editors."""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from configuration.catalog_entries import CatalogEntry

_SAYS_NOTHING = frozenset({"title", "default"})
"""Titles are made of the keys' names, and defaults are as they are kept, not as they are written."""


def catalog_schema() -> str:
    """The schema as a file holds it.

    It follows from what catalogs are read with. What only several parts of a file tell together, as that a plan says
    something of every feature, is left to `tenure catalog check`.
    """
    schema = {"$schema": GenerateJsonSchema.schema_dialect, **_plain(CatalogEntry.model_json_schema())}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _plain(part: Any) -> Any:
    if isinstance(part, list):
        return [_plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    plain = {key: _plain(value) for key, value in part.items() if key not in _SAYS_NOTHING}
    if "patternProperties" in plain:
        plain["additionalProperties"] = False
    # What is empty is refused: a key is left out instead.
    choices = [one for one in plain.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        del plain["anyOf"]
        return choices[0] | plain
    return plain | {"anyOf": choices} if choices else plain
