"""What every request body has in common."""

from pydantic import BaseModel, ConfigDict, model_validator

_BY_NAME = frozenset({"add_ons", "metadata"})
"""Fields whose own names are the caller's."""


class RequestModel(BaseModel):
    """The ground of every request body. A field that is `null` is one that was left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, given: object) -> object:
        if not isinstance(given, dict) or (None not in given.values() and _BY_NAME.isdisjoint(given)):
            return given
        said = {name: _said(value) if name in _BY_NAME else value for name, value in given.items()}
        return {name: value for name, value in said.items() if value is not None or name not in cls.model_fields}


def _said(value: object) -> object:
    """What is said by name; None: nothing is."""
    if not isinstance(value, dict) or None not in value.values():
        return value
    return {name: one for name, one in value.items() if one is not None} or None
