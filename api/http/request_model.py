"""The base of request bodies."""

from pydantic import BaseModel, ConfigDict, model_validator

_FREE_FORM = frozenset({"add_ons", "metadata"})
"""Fields whose keys are chosen by the caller."""


class RequestModel(BaseModel):
    """Base of every request body. Unknown fields are rejected; `null` is the same as leaving a field out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, given: object) -> object:
        if not isinstance(given, dict) or (None not in given.values() and _FREE_FORM.isdisjoint(given)):
            return given
        kept = {name: _non_null(value) if name in _FREE_FORM else value for name, value in given.items()}
        return {name: value for name, value in kept.items() if value is not None or name not in cls.model_fields}


def _non_null(value: object) -> object:
    """Drop the keys that are null; None if no key is left."""
    if not isinstance(value, dict) or None not in value.values():
        return value
    return {name: one for name, one in value.items() if one is not None} or None
