"""The JSON Schema of catalog files, for validation in editors."""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from configuration.catalog_entries import CatalogEntry

_SAYS_NOTHING = frozenset({"title", "default"})
"""Titles repeat the keys' names, and defaults are in stored form, not as written in files."""


def catalog_schema() -> str:
    """The schema as the text of a file.

    It is generated from the models that read catalogs. Rules across several parts of a file, such as that a plan has a
    value for every feature, are left to `tenure catalog check`.
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
    # Empty values are refused: leave the key out instead.
    choices = [one for one in plain.get("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        del plain["anyOf"]
        return choices[0] | plain
    return plain | {"anyOf": choices} if choices else plain
