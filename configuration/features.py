"""What a catalog's plans entitle to: the features it declares, and what each plan gives of them."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from configuration.validation import Faults, Strict, shown
from configuration.yaml_source import Place, did_you_mean

UNLIMITED = "unlimited"

Name = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]


class Kind(StrEnum):
    """What can be said of a feature."""

    SWITCH = "switch"
    """true or false"""
    NUMBER = "number"
    """How many, or `unlimited`."""
    LEVEL = "level"
    """One of `values`, which go from the least to the most."""
    SET = "set"
    """Some of `values`."""


class Feature(Strict):
    """One thing that plans differ in."""

    name: Name
    kind: Annotated[Kind, Field(strict=False)]
    values: list[Name] | None = None

    @model_validator(mode="after")
    def _values_fit_kind(self) -> Self:
        chooses = self.kind in (Kind.LEVEL, Kind.SET)
        if chooses and not self.values:
            raise Faults([(("values",), f"is missing: a {self.kind} needs the list of what there is to choose from")])
        if not chooses and self.values is not None:
            raise Faults([(("values",), f"a {self.kind} has none: they belong to a level or a set")])
        if twice := _twice(self.values or []):
            raise Faults([(("values",), f"{twice!r} stands here twice")])
        return self


Entitlements = dict[str, object]


def declared(tree: object) -> dict[str, Feature | None]:
    """The features of a file that is not checked yet; None: declared, but in a way that cannot be used."""
    found = tree.get("features") if isinstance(tree, dict) else None
    return {code: _feature(raw) for code, raw in found.items()} if isinstance(found, dict) else {}


def _feature(raw: object) -> Feature | None:
    try:
        return Feature.model_validate(raw)
    except ValidationError:
        return None


def check_entitlements(given: Mapping[str, object], features: Mapping[str, Feature | None]) -> None:
    """Check what one plan gives.

    Raises:
        Faults: it gives what is not declared or not of its kind, or says nothing of something that is.
    """
    if faults := list(_faults(given, features)):
        raise Faults(faults)


def _faults(given: Mapping[str, object], features: Mapping[str, Feature | None]) -> Iterator[tuple[Place, str]]:
    for code, value in given.items():
        if code not in features:
            yield (code,), f"no feature of this name is declared under 'features'; {did_you_mean(code, features)}"
        elif (feature := features[code]) is not None and (fault := _fault(value, feature)):
            yield (code,), fault
    if silent := [code for code in features if code not in given]:
        yield (), f"nothing is said of {', '.join(silent)}: say what this plan gives of every feature"


def _fault(value: object, feature: Feature) -> str | None:
    match feature.kind:
        case Kind.SWITCH:
            return None if isinstance(value, bool) else f"must be true or false, not {shown(value)}"
        case Kind.NUMBER:
            fits = value == UNLIMITED or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)
            return None if fits else f"must be a whole number from 0 up, or {UNLIMITED}, not {shown(value)}"
        case Kind.LEVEL:
            known = feature.values or []
            return (
                None if value in known else f"{shown(value)} is none of its values; {did_you_mean(str(value), known)}"
            )
    return _fault_of_set(value, feature.values or [])


def _fault_of_set(value: object, known: list[str]) -> str | None:
    if not isinstance(value, list):
        return f"must be a list, as [{', '.join(known)}], not {shown(value)}"
    for one in value:
        if one not in known:
            return f"{shown(one)} is none of its values; {did_you_mean(str(one), known)}"
    twice = _twice(value)
    return f"{twice!r} stands here twice" if twice else None


def _twice(values: list[str]) -> str | None:
    return next((one for number, one in enumerate(values) if one in values[:number]), None)


def in_words(value: object, feature: Feature) -> str:
    """What a plan gives of a feature, for people."""
    match value:
        case True:
            return feature.name
        case False:
            return f"no {feature.name}"
        case list():
            return f"{feature.name}: {', '.join(value) or 'none'}"
    return f"{feature.name}: {value}"
