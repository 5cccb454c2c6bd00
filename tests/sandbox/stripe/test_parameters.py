"""Every call refuses what Stripe does not know, however deep it is nested, and takes only what Stripe takes."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.params import CLEAR, FLAG, METADATA, Clearable, Either, Field, Many, Shape, Text, decode
from sandbox.stripe.routes import Call, all_calls
from tests.harness.stripe_checks import parameter_problems, required_at
from tests.sandbox.stripe import published

CALLS = {f"{call.method} {call.path.pattern}": call for call in all_calls()}
UNKNOWN = "not_of_stripes"


def objects_in(field: Field, name: str) -> Iterator[tuple[str, Shape]]:
    """Where objects with fields of their own may stand, as a form names them."""
    match field:
        case Shape():
            yield name, field
            for key, each in field.fields.items():
                yield from objects_in(each, f"{name}[{key}]" if name else key)
        case Many():
            yield from objects_in(field._field, f"{name}[0]")
        case Clearable():
            yield from objects_in(field._field, name)
        case Either():
            for each in field._fields:
                yield from objects_in(each, name)


def values_in(field: Field, name: str) -> Iterator[tuple[str, str]]:
    """Every parameter that holds a value, as a form names it, with each kind of value that is taken there."""
    match field:
        case Shape():
            for key, each in field.fields.items():
                yield from values_in(each, f"{name}[{key}]" if name else key)
        case Many():
            yield from values_in(field._field, f"{name}[0]")
        case Clearable():
            yield name, CLEAR
            yield from values_in(field._field, name)
        case Either():
            for each in field._fields:
                yield from values_in(each, name)
        case Text():
            yield from ((name, choice) for choice in field._choices or ("whatever",))
        case _:
            yield f"{name}[any]" if field is METADATA else name, "true" if field is FLAG else "1"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_an_unknown_parameter_is_refused_wherever_it_stands(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    places = list(objects_in(call.shape, ""))
    for _, shape in places:
        # Or else what is missing further out would be refused first.
        monkeypatch.setattr(shape, "_required", ())
    for place, _ in places:
        unknown = f"{place}[{UNKNOWN}]" if place else UNKNOWN
        with pytest.raises(StripeFailure) as refused:
            call.shape.read(decode(f"{unknown}=1"))
        error: dict[str, Any] = refused.value.body["error"]
        assert (error.get("code"), error.get("param")) == ("parameter_unknown", unknown)


def path_of(call: Call) -> str:
    return call.path.pattern.replace("(?P<", "{").replace(">[^/]+)", "}")


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_parameters_unknown_to_the_pinned_sdk_are_refused(call: Call) -> None:
    """A parameter, or a value of one; where the SDK has words to choose from, any other string is none of them."""
    for name, value in values_in(call.shape, ""):
        found = parameter_problems(call.method.lower(), path_of(call), decode(f"{name}={value}"))
        assert [told for told in found if "is missing" not in told] == [], name


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_what_the_pinned_sdk_asks_for_is_asked_for(call: Call) -> None:
    for place, shape in objects_in(call.shape, ""):
        assert required_at(call.method.lower(), path_of(call), place) <= set(shape._required), place


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_the_published_description_differs_only_where_it_is_said(call: Call) -> None:
    """It is of an older version than the one pinned: `NEWER_PARAMETERS` names what has changed since."""
    for name, value in values_in(call.shape, ""):
        found = published.parameter_problems(call.method.lower(), path_of(call), decode(f"{name}={value}"))
        assert found == [], name
