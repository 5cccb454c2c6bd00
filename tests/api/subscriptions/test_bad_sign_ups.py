"""Invalid sign-ups: the error names the field to fix, and nothing is written."""

import json
from typing import Any

import pytest

from sandbox.stack import Stack
from tests.harness.callers import Caller, a_sign_up, fields_of, problem_of, written, written_at_rest

LONG = "x" * 10_000
SURROGATE = "\ud800"

BAD_FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("plan", {"plan": "platinum"}),
    ("plan", {"plan": ""}),
    ("plan", {"plan": 7}),
    ("plan", {"plan": None}),
    ("plan", {"plan": LONG}),
    ("plan", {"plan": "starter\x00"}),
    ("interval", {"interval": "week"}),
    ("interval", {"interval": 1}),
    ("quantity", {"quantity": 0}),
    ("quantity", {"quantity": -1}),
    ("quantity", {"quantity": "3"}),
    ("quantity", {"quantity": 1.5}),
    ("quantity", {"quantity": True}),
    ("quantity", {"quantity": 10**9}),
    ("quantity", {"quantity": 10**400}),
    ("quantity", {"quantity": 10_000, "plan": "enterprise"}),
    ("add_ons", {"add_ons": {"warp_drive": 1}}),
    ("add_ons", {"add_ons": ["users"]}),
    ("add_ons.users", {"add_ons": {"users": -1}}),
    ("add_ons.users", {"add_ons": {"users": "2"}}),
    ("trial_days", {"trial_days": -1}),
    ("trial_days", {"trial_days": 91}),
    ("trial_days", {"trial_days": "x"}),
    ("trial_days", {"trial_days": 7.0}),
    ("allow_another_trial", {"allow_another_trial": "yes"}),
    ("allow_another_trial", {"allow_another_trial": 1}),
    ("payment_method", {"trial_days": 0}),
    ("payment_method", {"payment_method": "pm_card_nonsense"}),
    ("payment_method", {"payment_method": ""}),
    ("payment_method", {"payment_method": "pm card"}),
    ("payment_method", {"payment_method": "../customers"}),
    ("payment_method", {"payment_method": ".."}),
    ("payment_method", {"payment_method": "."}),
    ("payment_method", {"payment_method": "pm_card_visa\n"}),
    ("payment_method", {"payment_method": "pm_card_visa%2e%2e"}),
    ("payment_method", {"payment_method": "pm_ｃard"}),
    ("payment_method", {"payment_method": "p" * 201}),
    ("payment_method", {"payment_method": 1}),
    ("metadata", {"metadata": {f"key-{number}": "x" for number in range(51)}}),
    ("metadata.note", {"metadata": {"note": "x" * 501}}),
    ("metadata.note", {"metadata": {"note": 1}}),
    ("metadata.note", {"metadata": {"note": "\x00"}}),
    ("metadata.note", {"metadata": {"note": SURROGATE}}),
    ("metadata", {"metadata": "note"}),
    ("coupon", {"coupon": "WELCOME"}),
    ("customer.emial", {"customer": {"emial": "ada@example.com"}}),
    ("customer.external_id", {"customer": {"external_id": ""}}),
    ("customer.external_id", {"customer": {"external_id": "   "}}),
    ("customer.external_id", {"customer": {"external_id": "a\x00b"}}),
    ("customer.external_id", {"customer": {"external_id": "a\nb"}}),
    ("customer.external_id", {"customer": {"external_id": SURROGATE}}),
    ("customer.external_id", {"customer": {"external_id": "."}}),
    ("customer.external_id", {"customer": {"external_id": ".."}}),
    ("customer.external_id", {"customer": {"external_id": "org/../7"}}),
    ("customer.external_id", {"customer": {"external_id": "org/usage"}}),
    ("customer.external_id", {"customer": {"external_id": "org/usage/runs"}}),
    ("customer.external_id", {"customer": {"external_id": "org/entitlements "}}),
    ("customer.external_id", {"customer": {"external_id": "org/7/entitlements/export"}}),
    ("customer.external_id", {"customer": {"external_id": "org/export"}}),
    ("customer.external_id", {"customer": {"external_id": "org/banner"}}),
    ("customer.external_id", {"customer": {"external_id": LONG}}),
    ("customer.external_id", {"customer": {"external_id": 7}}),
    ("customer.email", {"customer": {"email": "ada"}}),
    ("customer.email", {"customer": {"email": "ada@"}}),
    ("customer.email", {"customer": {"email": "ada@example.com, eve@example.com"}}),
    ("customer.email", {"customer": {"email": "ada@example.com\r\nBcc: eve@example.com"}}),
    ("customer.email", {"customer": {"email": "=?utf-8?q?Ada=0D=0ABcc=3Ax?=@example.com"}}),
    ("customer.email", {"customer": {"email": "ada=?x?=@example.com"}}),
    ("customer.email", {"customer": {"email": "jürgen@example.com"}}),
    ("customer.email", {"customer": {"email": "ada@☃.example"}}),
    ("customer.email", {"customer": {"email": "ada@xn--a.example"}}),
    ("customer.email", {"customer": {"email": f"{LONG}@example.com"}}),
    ("customer.email", {"customer": {"email": f"{SURROGATE}@example.com"}}),
    ("customer.email", {"customer": {"email": None}}),
    ("customer.name", {"customer": {"name": LONG}}),
    ("customer.name", {"customer": {"name": "Ada\x07"}}),
    ("customer.name", {"customer": {"name": SURROGATE}}),
    ("customer.timezone", {"customer": {"timezone": "Mars/Olympus"}}),
    ("customer.timezone", {"customer": {"timezone": "../etc/passwd"}}),
    ("customer.timezone", {"customer": {"timezone": ""}}),
    ("customer.timezone", {"customer": {"timezone": SURROGATE}}),
    ("customer.locale", {"customer": {"locale": "english!"}}),
]

BAD_BODIES = {
    "empty": b"",
    "not JSON": b"{customer}",
    "cut short": b'{"customer": {',
    "an array": b"[]",
    "a string": b'"starter"',
    "null": b"null",
    "not UTF-8": b'{"plan": "\xff\xfe"}',
    "nested too deeply": b"[" * 200_000,
    "a number too long": b'{"quantity": ' + b"9" * 5000 + b"}",
    "a form": b"plan=starter",
}


async def refused(stack: Stack, caller: Caller, content: bytes, key: str | None) -> dict[str, Any]:
    """Return the problem, which is the same with and without a key; nothing is written."""
    before = await written_at_rest(stack, *("customers", "subscriptions", "idempotency_keys"))
    headers = {"Idempotency-Key": key} if key else {}
    answer = await caller.send("/v1/subscriptions", content, **headers)
    assert answer.status_code == 422, f"{answer.status_code}: {answer.text}"
    problem = problem_of(answer, 422, answer.json()["code"])
    assert await written(stack.engine, *("customers", "subscriptions", "idempotency_keys")) == before
    return problem


@pytest.mark.parametrize(("field", "change"), BAD_FIELDS, ids=[ascii(bad)[:60] for bad in BAD_FIELDS])
async def test_a_bad_value_is_rejected_with_its_field(
    stack: Stack, admin: Caller, name: str, field: str, change: dict[str, Any]
) -> None:
    content = json.dumps(a_sign_up(name, **dict(change))).encode()

    problem = await refused(stack, admin, content, name)

    assert fields_of(problem) == {field}, problem


@pytest.mark.parametrize(("missing", "field"), [("customer", "customer"), ("plan", "plan")])
async def test_a_missing_field_is_named(stack: Stack, admin: Caller, name: str, missing: str, field: str) -> None:
    body = a_sign_up(name)
    del body[missing]

    problem = await refused(stack, admin, json.dumps(body).encode(), None)

    assert problem["errors"] == [{"field": field, "detail": "this field is required"}]


async def test_all_errors_are_reported_at_once(stack: Stack, admin: Caller, name: str) -> None:
    body = a_sign_up(name, quantity=0, coupon="x", customer={"timezone": "Mars/Olympus"})

    problem = await refused(stack, admin, json.dumps(body).encode(), None)

    assert fields_of(problem) == {"quantity", "coupon", "customer.timezone"}


async def test_an_unknown_plan_is_rejected_with_the_known_ones(stack: Stack, admin: Caller, name: str) -> None:
    problem = await refused(stack, admin, json.dumps(a_sign_up(name, plan="platinum")).encode(), None)

    assert problem["code"] == "unknown_plan"
    assert all(plan in problem["detail"] for plan in ("starter", "professional", "enterprise"))


@pytest.mark.parametrize("named", ["", "\ud800", "a\x00", "x" * 10_000])
async def test_an_unknown_field_of_any_name_is_rejected(stack: Stack, admin: Caller, name: str, named: str) -> None:
    body = a_sign_up(name, **{named: 1}) | {"metadata": {named * 50: "x"}}

    problem = await refused(stack, admin, json.dumps(body).encode(), name)

    assert problem["errors"]


@pytest.mark.parametrize("with_key", [False, True])
@pytest.mark.parametrize("body", list(BAD_BODIES))
async def test_a_body_that_is_not_a_json_object_is_rejected(
    stack: Stack, admin: Caller, name: str, body: str, with_key: bool
) -> None:
    problem = await refused(stack, admin, BAD_BODIES[body], name if with_key else None)

    assert fields_of(problem) <= {"body", "quantity"}
    assert problem["errors"]


async def test_a_body_that_is_not_declared_json_is_rejected(stack: Stack, admin: Caller, name: str) -> None:
    before = await written_at_rest(stack, "customers")

    answer = await admin.http.post(
        "/v1/subscriptions", content=json.dumps(a_sign_up(name)), headers={"Content-Type": "text/plain"}
    )

    assert fields_of(problem_of(answer, 415, "unsupported_media_type")) == {"body"}
    assert await written(stack.engine, "customers") == before


@pytest.mark.parametrize("with_key", [False, True])
@pytest.mark.parametrize("is_announced", [False, True])
async def test_a_body_of_more_than_a_megabyte_is_rejected(
    stack: Stack, admin: Caller, name: str, is_announced: bool, with_key: bool
) -> None:
    content = json.dumps(a_sign_up(name)).encode() + b" " * 1024 * 1024
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": name} if with_key else {})
    before = await written_at_rest(stack, "customers", "subscriptions", "idempotency_keys")

    async def in_pieces() -> Any:
        for start in range(0, len(content), 65536):
            yield content[start : start + 65536]

    sent: Any = content if is_announced else in_pieces()
    answer = await admin.http.post("/v1/subscriptions", content=sent, headers=headers)

    assert fields_of(problem_of(answer, 413, "too_large")) == {"body"}
    assert await written(stack.engine, "customers", "subscriptions", "idempotency_keys") == before


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "ümlaut".encode("latin-1").decode("latin-1")])
async def test_an_invalid_idempotency_key_is_rejected_with_its_header(
    stack: Stack, admin: Caller, name: str, key: str
) -> None:
    before = await written_at_rest(stack, "customers")

    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = await admin.http.post("/v1/subscriptions", json=a_sign_up(name), headers=headers)

    assert fields_of(problem_of(answer, 422, "malformed")) == {"Idempotency-Key"}
    assert await written(stack.engine, "customers") == before


async def test_unusual_but_valid_values_are_accepted_unchanged(admin: Caller, name: str) -> None:
    customer = {"external_id": f"{name}/ü 漢 🎉", "name": "Łukasz O’Hara <b>&amp;</b>", "timezone": "Asia/Kathmandu"}

    made = await admin.signed_up(
        name, customer=customer, metadata={"note": "two\nlines", "ключ": "значение"}, add_ons={"users": 2}, quantity=3
    )

    assert {key: made["customer"][key] for key in customer} == customer
    assert made["metadata"] == {"note": "two\nlines", "ключ": "значение"}
    assert (made["add_ons"], made["quantity"], made["amount"]) == ({"users": 2}, 3, 3 * 4900 + 2 * 500)
