"""The features that a catalog declares, and what each plan gives of them."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from configuration.validation import Faults, Strict, shown
from configuration.yaml_source import Place
from domain import features as domain
from domain.features import Kind, LimitRule, Value, Window
from domain.spelling import did_you_mean

UNLIMITED = "unlimited"
DEFAULT_RULE = "default"
_MULTIPLIER = re.compile(r"x([1-9][0-9]{0,5})")

Name = Annotated[str, StringConstraints(min_length=1, max_length=60, strip_whitespace=True)]


class Feature(Strict):
    """One thing that plans differ in."""

    name: Name
    kind: Annotated[Kind, Field(strict=False)]
    values: list[Name] | None = None
    per: Annotated[Window, Field(strict=False)] | None = None
    gauge: bool = False
    meter: str | None = None
    per_unit: bool = False
    limit: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if faults := [*self._faults_of_values(), *self._faults_of_counting()]:
            raise Faults(faults)
        return self

    def _faults_of_values(self) -> Iterator[tuple[Place, str]]:
        chooses = self.kind in (Kind.LEVEL, Kind.SET)
        if chooses and not self.values:
            yield ("values",), f"is missing: a {self.kind} needs the list of what there is to choose from"
        if not chooses and self.values is not None:
            yield ("values",), f"a {self.kind} has none: they belong to a level or a set"
        if twice := _twice(self.values or []):
            yield ("values",), f"{twice!r} stands here twice"

    def _faults_of_counting(self) -> Iterator[tuple[Place, str]]:
        given = {"per": self.per, "gauge": self.gauge or None, "per_unit": self.per_unit or None}
        if self.kind is not Kind.NUMBER:
            for key, value in (given | {"meter": self.meter, "limit": self.limit}).items():
                if value is not None:
                    yield (key,), f"a {self.kind} is not counted: this belongs to a number"
            return
        if self.per is Window.GAUGE:
            yield ("per",), "is a time; of what there is now, say `gauge: true`"
        if self.per is not None and self.gauge:
            yield ("gauge",), "is either counted per time or a gauge of what there is now, not both"
        if self.per is None and not self.gauge:
            for key, value in (("meter", self.meter), ("limit", self.limit)):
                if value is not None:
                    yield (key,), "use is not counted here: say `per: month` (or another time), or `gauge: true`"

    @property
    def window(self) -> Window | None:
        return Window.GAUGE if self.gauge else self.per

    def built(self, code: str, rules: Mapping[str, LimitRule]) -> domain.Feature:
        """What the rest of us knows of it."""
        meter = (self.meter or code) if self.window is not None else ""
        rule = rules.get(self.limit or DEFAULT_RULE, LimitRule())
        return domain.Feature(
            code, self.name, self.kind, tuple(self.values or ()), self.window, meter, self.per_unit, rule
        )


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


def value_of(given: object, feature: Feature) -> Value:
    """What a plan gives of a feature, after it was checked."""
    if feature.kind is Kind.NUMBER and given == UNLIMITED:
        return None
    if feature.kind is Kind.RATE:
        return _multiplier(given)
    if isinstance(given, list):
        # In the order of the declaration, however a plan lists them.
        return tuple(one for one in feature.values or [] if one in given)
    assert isinstance(given, bool | int | str)  # noqa: S101 - `check_entitlements` saw to it
    return given


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
        case Kind.RATE:
            return None if _multiplier(value) else f"must be a multiplier, written as x5, not {shown(value)}"
        case Kind.LEVEL:
            known = feature.values or []
            return (
                None if value in known else f"{shown(value)} is none of its values; {did_you_mean(str(value), known)}"
            )
    return _fault_of_set(value, feature.values or [])


def _multiplier(value: object) -> int:
    found = _MULTIPLIER.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found is not None else 0


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


def in_words(value: Value, feature: domain.Feature) -> str:
    """What a plan gives of a feature, for people."""
    match value:
        case True:
            return feature.name
        case False:
            return f"no {feature.name}"
        case None:
            return f"{feature.name}: {UNLIMITED}"
        case tuple():
            return f"{feature.name}: {', '.join(value) or 'none'}"
    return f"{feature.name}: {'x' if feature.kind is Kind.RATE else ''}{value}"
