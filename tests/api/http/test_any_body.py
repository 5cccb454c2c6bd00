"""Any JSON is either accepted or rejected with a problem; it never crashes the API."""

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.callers import PROBLEM, Caller, a_sign_up

BOUNDED = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
TEXT = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates and control characters too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
LONE_SURROGATE = "a\ud83d"
FIELDS = (
    "customer",
    "plan",
    "interval",
    "quantity",
    "add_ons",
    "payment_method",
    "trial_days",
    "metadata",
    "allow_another_trial",
)
OF_CUSTOMER = ("external_id", "email", "name", "timezone", "locale")
COMMANDS = {
    "convert": ("payment_method", "when"),
    "cancel": ("at", "reason"),
    "uncancel": (),
    "extend-trial": ("days", "reason"),
    "suspend": ("reason",),
    "reactivate": ("reason",),
    "retry-payment": (),
    "payment-method": ("payment_method",),
}


async def is_answered(caller: Caller, path: str, body: Any) -> None:

    key = {"Idempotency-Key": str(uuid4())}
    answer = await caller.send(path, json.dumps(body).encode(), **key)
    assert answer.status_code < 500, f"{answer.status_code}: {answer.text}"
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == PROBLEM
        assert answer.json()["code"]


@given(body=JSON)
@BOUNDED
async def test_any_json_is_handled_by_sign_up(admin: Caller, body: Any) -> None:
    await is_answered(admin, "/v1/subscriptions", body)


@given(
    some=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=2),
    of_customer=st.dictionaries(st.sampled_from(OF_CUSTOMER), JSON | TEXT, max_size=2),
)
@BOUNDED
async def test_any_value_is_handled_in_a_sign_up(
    admin: Caller, some: dict[str, Any], of_customer: dict[str, Any]
) -> None:
    body = a_sign_up(f"any-{uuid4().hex}", customer=of_customer) | some
    await is_answered(admin, "/v1/subscriptions", body)


@pytest.fixture(scope="module")
async def subscription(admin: Caller) -> str:
    return str((await admin.signed_up(f"any-{uuid4().hex}"))["id"])


@given(data=st.data(), command=st.sampled_from(sorted(COMMANDS)))
@BOUNDED
async def test_any_value_is_handled_in_a_command(
    admin: Caller, subscription: str, data: st.DataObject, command: str
) -> None:
    fields = COMMANDS[command]
    made = st.dictionaries(st.sampled_from(fields), JSON | TEXT, max_size=2) if fields else JSON
    await is_answered(admin, f"/v1/subscriptions/{subscription}/{command}", data.draw(made | JSON))


@given(data=st.data())
@BOUNDED
async def test_any_query_is_handled_by_the_list(admin: Caller, data: st.DataObject) -> None:
    asked = data.draw(
        st.dictionaries(
            st.sampled_from(("status", "plan", "customer", "q", "cursor", "limit")),
            st.text(max_size=40),
            min_size=1,
        )
    )
    answer = await admin.get("/v1/subscriptions", **asked)
    assert answer.status_code in (200, 422), answer.text


@given(body=st.dictionaries(st.sampled_from(("feature", "quantity", "key", "value")), JSON | TEXT, max_size=4) | JSON)
@pytest.mark.parametrize("what", ["consume", "release"])
@BOUNDED
async def test_any_json_is_handled_as_usage(admin: Caller, what: str, body: Any) -> None:
    await is_answered(admin, f"/v1/customers/any-{uuid4().hex}/{what}", body)
    await is_answered(admin, f"/v1/customers/any-{uuid4().hex}/{what}", {LONE_SURROGATE: body})


@given(
    events=st.lists(
        st.dictionaries(
            st.sampled_from(("customer", "meter", "quantity", "key", "at", "action")) | TEXT, JSON | TEXT, max_size=4
        )
        | JSON,
        max_size=3,
    )
)
@BOUNDED
async def test_any_json_is_handled_as_an_event(admin: Caller, events: list[Any]) -> None:
    well = {"customer": f"any-{uuid4().hex}", "meter": "users", "quantity": 1, "key": uuid4().hex}
    halves = [well | {"key": LONE_SURROGATE}, well | {"customer": LONE_SURROGATE}, well | {LONE_SURROGATE: 1}]
    await is_answered(admin, "/v1/usage", {"events": [*events, *halves, well]})


@given(
    asked=st.dictionaries(st.sampled_from(("quantity", "value", "feature", "customer")), st.text(max_size=40)),
    path=st.sampled_from(("plans/suggest", "customers/any/entitlements/users", "customers/any/entitlements/any")),
)
@BOUNDED
async def test_any_query_is_handled_by_entitlements(admin: Caller, asked: dict[str, str], path: str) -> None:
    answer = await admin.get(f"/v1/{path}", **asked)
    assert answer.status_code in (200, 404, 422), answer.text
