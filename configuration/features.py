"""The features that a catalog declares, and each plan's values for them."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from configuration.catalog_kinds import MAX_NUMBER, UNLIMITED, Code, Name, Text
from configuration.validation import Faults, Strict, shown
from configuration.yaml_source import Place
from domain.catalog import features as domain
from domain.catalog.features import FeatureKind, LimitRule, UsageWindow, Value
from domain.did_you_mean import did_you_mean

DEFAULT_RULE = "default"
_MULTIPLIER = re.compile(r"x([1-9][0-9]{0,5})")
ENTITLEMENTS_SCHEMA: dict[str, Any] = {
    "additionalProperties": {
        "description": f"by the feature's kind: true or false, a number or {UNLIMITED}, a level, a list of values, x5",
        "anyOf": [
            {"type": "boolean"},
            {"type": "integer", "minimum": 0, "maximum": MAX_NUMBER},
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        ],
    }
}
_CHOOSES: dict[str, Any] = {"properties": {"kind": {"enum": ["level", "set"]}}}
_IS_NUMBER: dict[str, Any] = {"properties": {"kind": {"const": "number"}}}
_IS_GAUGE: dict[str, Any] = {"gauge": {"const": True}}
_IS_COUNTED: dict[str, Any] = {"anyOf": [{"required": ["per"]}, {"required": ["gauge"], "properties": _IS_GAUGE}]}
_KINDS_SCHEMA: list[Any] = [
    {"if": _CHOOSES, "then": {"required": ["values"]}, "else": {"properties": {"values": False}}},
    {
        "if": _IS_NUMBER,
        "then": {
            "not": {"required": ["per", "gauge"], "properties": _IS_GAUGE},
            "dependentSchemas": dict.fromkeys(("meter", "limit"), _IS_COUNTED),
        },
        "else": {
            "properties": dict.fromkeys(("per", "meter", "limit"), False)
            | {key: {"const": False} for key in ("gauge", "per_unit")}
        },
    },
]
"""What `_fits_its_kind` checks, as far as a schema can express it."""
_Per = Annotated[
    UsageWindow,
    Field(strict=False),
    WithJsonSchema({"enum": [window.value for window in UsageWindow if window is not UsageWindow.GAUGE]}),
]


class Feature(Strict):
    """One feature in which plans differ."""

    model_config = ConfigDict(json_schema_extra={"allOf": _KINDS_SCHEMA})
    name: Name = Field(description="the name that customers see")
    kind: Annotated[FeatureKind, Field(strict=False)] = Field(description="the type of its values")
    values: list[Name] | None = Field(None, description="the values of a level, from least to most, or of a set")
    per: _Per | None = Field(
        None, description="usage is counted and resets each day, week, month (UTC) or billing period"
    )
    gauge: bool = Field(False, description="usage is the current amount: units are taken and released again")
    meter: Code | None = Field(
        None, description="the meter's name, if not the feature's own code; features of one meter share their usage"
    )
    per_unit: bool = Field(False, description="the plan's number applies to each unit (seat) of the subscription")
    limit: Code | None = Field(None, description="which rule of `limits`; default: the one called default")
    group: Name | None = Field(None, description="which of `pages.groups` it belongs to")
    help: Text = Field("", description="a sentence for customers who do not know what it is")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if faults := [*self._faults_of_values(), *self._faults_of_counting()]:
            raise Faults(faults)
        return self

    def _faults_of_values(self) -> Iterator[tuple[Place, str]]:
        chooses = self.kind in (FeatureKind.LEVEL, FeatureKind.SET)
        if chooses and not self.values:
            yield ("values",), f"is missing: a {self.kind} needs the list of possible values"
        if not chooses and self.values is not None:
            yield ("values",), f"a {self.kind} has no values: only levels and sets do"
        if twice := _twice(self.values or []):
            yield ("values",), f"{twice!r} is listed twice"

    def _faults_of_counting(self) -> Iterator[tuple[Place, str]]:
        given = {"per": self.per, "gauge": self.gauge or None, "per_unit": self.per_unit or None}
        if self.kind is not FeatureKind.NUMBER:
            for key, value in (given | {"meter": self.meter, "limit": self.limit}).items():
                if value is not None:
                    yield (key,), f"a {self.kind} is not counted: only numbers can have this"
            return
        if self.per is UsageWindow.GAUGE:
            yield ("per",), "must be a time span; for a current amount, write `gauge: true`"
        if self.per is not None and self.gauge:
            yield ("gauge",), "a feature is either counted per time span or a gauge, not both"
        if self.per is None and not self.gauge:
            for key, value in (("meter", self.meter), ("limit", self.limit)):
                if value is not None:
                    yield (
                        (key,),
                        "usage is not counted: add `per: month` (or another time span) or `gauge: true`",
                    )

    @property
    def window(self) -> UsageWindow | None:
        return UsageWindow.GAUGE if self.gauge else self.per

    def built(self, code: str, rules: Mapping[str, LimitRule]) -> domain.Feature:
        """The feature as the domain knows it."""
        meter = (self.meter or code) if self.window is not None else ""
        rule = rules.get(self.limit or DEFAULT_RULE, LimitRule())
        return domain.Feature(
            code, self.name, self.kind, tuple(self.values or ()), self.window, meter, self.per_unit, rule
        )


Entitlements = dict[str, object]


def declared(tree: object) -> dict[str, Feature | None]:
    """The features of a file that is not validated yet; None: declared, but invalid."""
    found = tree.get("features") if isinstance(tree, dict) else None
    return {code: _feature(raw) for code, raw in found.items()} if isinstance(found, dict) else {}


def _feature(raw: object) -> Feature | None:
    try:
        return Feature.model_validate(raw)
    except ValidationError:
        return None


def check_entitlements(given: Mapping[str, object], features: Mapping[str, Feature | None]) -> None:
    """Check the feature values of one plan.

    Raises:
        Faults: a value is undeclared or of the wrong kind, or a declared feature has none.
    """
    if faults := list(_faults(given, features)):
        raise Faults(faults)


def value_of(given: object, feature: Feature) -> Value:
    """A plan's value for a feature, after validation."""
    if feature.kind is FeatureKind.NUMBER and given == UNLIMITED:
        return None
    if feature.kind is FeatureKind.RATE:
        return _multiplier(given)
    if isinstance(given, list):
        # In the order of the declaration, however a plan lists them.
        return tuple(one for one in feature.values or [] if one in given)
    assert isinstance(given, bool | int | str)  # noqa: S101 - `check_entitlements` made sure
    return given


def _faults(given: Mapping[str, object], features: Mapping[str, Feature | None]) -> Iterator[tuple[Place, str]]:
    for code, value in given.items():
        if code not in features:
            yield (code,), f"no feature of this name is declared under 'features'; {did_you_mean(code, features)}"
        elif (feature := features[code]) is not None and (fault := _fault(value, feature)):
            yield (code,), fault
    if silent := [code for code in features if code not in given]:
        yield (), f"{', '.join(silent)} missing: a plan must give a value for every feature"


def _fault(value: object, feature: Feature) -> str | None:
    match feature.kind:
        case FeatureKind.SWITCH:
            return None if isinstance(value, bool) else f"must be true or false, not {shown(value)}"
        case FeatureKind.NUMBER:
            return _fault_of_number(value)
        case FeatureKind.RATE:
            return None if _multiplier(value) else f"must be a multiplier like x5, not {shown(value)}"
        case FeatureKind.LEVEL:
            known = feature.values or []
            return (
                None
                if value in known
                else f"{shown(value)} is not one of its values; {did_you_mean(str(value), known)}"
            )
    return _fault_of_set(value, feature.values or [])


def _fault_of_number(value: object) -> str | None:
    if value == UNLIMITED:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return f"must be a whole number from 0 up, or {UNLIMITED}, not {shown(value)}"
    return None if value <= MAX_NUMBER else f"must be at most {MAX_NUMBER}, or {UNLIMITED}, not {value}"


def _multiplier(value: object) -> int:
    found = _MULTIPLIER.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found is not None else 0


def _fault_of_set(value: object, known: list[str]) -> str | None:
    if not isinstance(value, list):
        return f"must be a list like [{', '.join(known)}], not {shown(value)}"
    for one in value:
        if one not in known:
            return f"{shown(one)} is not one of its values; {did_you_mean(str(one), known)}"
    twice = _twice(value)
    return f"{twice!r} is listed twice" if twice else None


def _twice(values: list[str]) -> str | None:
    return next((one for number, one in enumerate(values) if one in values[:number]), None)
