"""Every call refuses what Stripe does not know, however deep it is nested, and takes only what Stripe takes."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.stripe.errors import StripeFailure
from sandbox.stripe.params import METADATA, Clearable, Either, Field, Many, Shape, decode
from sandbox.stripe.routes import Call, all_calls
from tests.sandbox.stripe.published import parameter_problems

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


def names_in(field: Field, name: str) -> Iterator[str]:
    """Every parameter that holds a value, as a form names it."""
    match field:
        case Shape():
            for key, each in field.fields.items():
                yield from names_in(each, f"{name}[{key}]" if name else key)
        case Many():
            yield from names_in(field._field, f"{name}[0]")
        case Clearable():
            yield from names_in(field._field, name)
        case Either():
            for each in field._fields:
                yield from names_in(each, name)
        case _:
            yield f"{name}[any]" if field is METADATA else name


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


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_no_parameter_is_taken_that_stripe_does_not_know(call: Call) -> None:
    path = call.path.pattern.replace("(?P<", "{").replace(">[^/]+)", "}")
    for name in names_in(call.shape, ""):
        assert parameter_problems(call.method.lower(), path, decode(f"{name}=1")) == [], name
