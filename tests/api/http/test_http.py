"""What holds for every endpoint: HEAD, trailing slashes, content types and ambiguous JSON."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from sandbox.stack import Stack
from tests.api.messages import PATH, an_event, kept, signed
from tests.harness.callers import Caller, a_sign_up, fields_of, problem_of, written, written_at_rest


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/metrics",
        "/v1/plans",
        "/v1/subscriptions",
        "/v1/subscriptions/nonsense",
        "/v1/customers/nobody-heads/entitlements",
        "/v1/customers/nobody-heads/entitlements/users",
        "/v1/customers/nobody-heads",
        "/pay/done",
        "/pay/nonsense",
    ],
)
async def test_head_returns_what_get_does_without_the_body(admin: Caller, path: str) -> None:
    got, headed = await admin.get(path), await admin.http.head(path)

    assert headed.status_code == got.status_code
    assert headed.content == b""
    assert headed.headers["Content-Type"] == got.headers["Content-Type"]
    if path != "/metrics":  # which the first request has changed
        assert headed.headers["Content-Length"] == got.headers["Content-Length"]


async def test_head_where_there_is_no_get_is_told_the_allowed_methods(admin: Caller) -> None:
    answer = await admin.http.head("/v1/usage")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_head_is_measured_as_head(admin: Caller) -> None:
    await admin.http.head("/healthz")

    told = (await admin.get("/metrics")).text

    assert 'tenure_http_requests_total{method="HEAD",route="/healthz",status="200"}' in told


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/healthz/"),
        ("GET", "/v1/plans/"),
        ("GET", "/v1/subscriptions/"),
        ("POST", "/v1/subscriptions/"),
        ("POST", "/v1/usage/"),
        ("POST", "/v1/customers/slashed/consume/"),
        ("POST", "/v1/checkout-sessions/"),
    ],
)
async def test_a_trailing_slash_is_not_found_and_never_redirected(admin: Caller, method: str, path: str) -> None:
    answer = await admin.http.request(method, path, headers={"Host": "evil.example"}, json=None)

    assert "slash" in problem_of(answer, 404, "not_found")["detail"]
    assert "Location" not in answer.headers


async def test_a_webhook_is_accepted_with_a_trailing_slash(stack: Stack, stranger: Caller) -> None:
    event = an_event()
    body = json.dumps(event).encode()
    signature = {"Stripe-Signature": signed(body, stack.addresses.webhook_secret)}

    answer = await stranger.send(f"{PATH}/", body, **signature)

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert len(await kept(stack, event["id"])) == 1


async def sent(caller: Caller, path: str, content: bytes, kind: str | None, **headers: str) -> httpx.Response:
    """Post bytes with a content type, or without one."""
    told = {"Idempotency-Key": str(uuid4())} | ({} if kind is None else {"Content-Type": kind}) | headers
    return await caller.http.post(path, content=content, headers=told)


def use_of(name: str) -> bytes:
    return json.dumps({"feature": "users", "quantity": 1, "key": uuid4().hex}).encode()


BODIES: dict[str, Callable[[str], bytes]] = {
    "/v1/subscriptions": lambda name: json.dumps(a_sign_up(name)).encode(),
    "/v1/customers/typed/consume": use_of,
    "/v1/customers/typed/release": use_of,
    "/v1/customers/typed/usage/users/set": lambda _: b'{"quantity": 1}',
    "/v1/usage": lambda _: b'{"events": [1]}',
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_body_of_another_content_type_is_415(
    stack: Stack, admin: Caller, name: str, path: str, kind: str
) -> None:
    before = await written_at_rest(stack)

    answer = await sent(admin, path, BODIES[path](name), kind)

    assert "application/json" in problem_of(answer, 415, "unsupported_media_type")["detail"]
    assert answer.headers["Accept-Post"] == "application/json"
    assert await written(stack.engine) == before


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("kind", [None, "Application/JSON", "application/json;charset=UTF-8", "application/vnd.x+json"])
async def test_a_body_without_a_content_type_is_read_as_json(
    admin: Caller, name: str, path: str, kind: str | None
) -> None:
    plainly = await sent(admin, path, BODIES[path](f"{name}-plainly"), "application/json")

    answer = await sent(admin, path, BODIES[path](name), kind)

    assert answer.status_code == plainly.status_code, answer.text
    assert answer.status_code not in (415, 422)


async def test_a_compressed_body_is_415_and_not_malformed(admin: Caller) -> None:
    answer = await sent(admin, "/v1/usage", b"\x1f\x8b", "application/json", **{"Content-Encoding": "gzip"})

    assert "Content-Encoding" in problem_of(answer, 415, "unsupported_media_type")["detail"]


async def test_a_command_without_a_body_needs_no_content_type(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)

    answer = await sent(admin, f"/v1/subscriptions/{made['id']}/cancel", b"", "application/x-www-form-urlencoded")

    assert answer.status_code == 200, answer.text


async def test_a_missing_key_is_reported_before_anything_else(stranger: Caller) -> None:
    problem_of(await sent(stranger, "/v1/usage", b"x", "text/plain"), 401, "unauthorized")
    problem_of(await sent(stranger, "/v1/usage", b'{"a":1,"a":2}', None), 401, "unauthorized")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/subscriptions", b'{"plan":"starter","plan":"professional"}', "plan"),
        ("/v1/subscriptions", b'{"plan":"starter","metadata":{"a":"1","\\u0061":"2"}}', "a"),
        ("/v1/customers/doubled/consume", b'{"feature":"users","quantity":1,"quantity":5,"key":"k"}', "quantity"),
        ("/v1/customers/doubled/release", b'{"feature":"users","quantity":1,"quantity":1,"key":"k"}', "quantity"),
        ("/v1/usage", b'{"events":[{"customer":"a","meter":"users","quantity":1,"key":"k","key":"l"}]}', "key"),
        ("/v1/usage", b'{"events":[{"quantity":NaN}]}', "body"),
        ("/v1/customers/doubled/consume", b'{"feature":"users","quantity":Infinity,"key":"k"}', "body"),
    ],
)
async def test_ambiguous_json_is_rejected(stack: Stack, admin: Caller, path: str, body: bytes, field: str) -> None:
    before = await written_at_rest(stack)

    answer = await sent(admin, path, body, "application/json")

    assert fields_of(problem_of(answer, 422, "malformed")) == {field}
    assert await written(stack.engine) == before


async def test_null_is_the_same_as_a_missing_field_in_a_sign_up(admin: Caller, name: str) -> None:
    unsaid = dict.fromkeys(
        ("interval", "quantity", "add_ons", "payment_method", "trial_days", "allow_another_trial", "metadata")
    )
    customer = dict.fromkeys(("name", "timezone", "locale"))

    made = await admin.signed_up(name, customer=customer, **unsaid)

    assert (made["interval"], made["quantity"]) == ("month", 1)
    assert (made["customer"]["timezone"], made["customer"]["locale"]) == ("UTC", "en")


async def test_null_is_the_same_as_a_missing_field_in_commands_and_usage(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, metadata={"campaign": None, "source": "fair"})
    assert (await admin.get(f"/v1/customers/{name}")).json()["metadata"] == {"source": "fair"}
    nothing: dict[str, Any] = {
        "plan": None,
        "interval": None,
        "quantity": None,
        "add_ons": {"users": None},
        "accept_misfits": None,
    }
    problem_of(await admin.command(made["id"], "change-plan", **nothing), 422, "malformed")

    changed = await admin.command(made["id"], "change-plan", **nothing | {"plan": "professional", "when": None})
    used = await admin.post(f"/v1/customers/{name}/consume", {"feature": "users", "quantity": None, "key": None})
    canceled = await admin.command(made["id"], "cancel", at=None, reason=None)

    assert changed.json()["plan"] == "professional"
    assert used.json()["quantity"] == 1
    assert canceled.status_code == 200, canceled.text


async def test_null_is_the_same_as_a_missing_field_in_an_event(admin: Caller, name: str) -> None:
    await admin.signed_up(name)
    event = {"customer": name, "meter": "users", "quantity": 1, "key": uuid4().hex, "at": None, "action": None}

    [told] = (await admin.post("/v1/usage", {"events": [event]})).json()["results"]

    assert told["outcome"] == "counted", told


async def test_null_for_a_required_field_is_reported_as_missing(admin: Caller, name: str) -> None:
    answer = await admin.post("/v1/subscriptions", a_sign_up(name) | {"plan": None, "wrong": None})

    problem = problem_of(answer, 422, "malformed")
    assert {one["field"]: one["detail"] for one in problem["errors"]} == {
        "plan": "this field is required",
        "wrong": "unknown field",
    }


@pytest.mark.parametrize(
    "moment",
    [
        1893456000,
        "1893456000",
        1893456000.5,
        "2030-01-01",
        "2030-01-01T09:00Z",
        "2030-01-01T09:00:00",
        "2030-1-1T9:0:0Z",
    ],
)
async def test_only_rfc_3339_is_a_time(admin: Caller, name: str, moment: Any) -> None:
    made = await admin.signed_up(name)
    event = {"customer": name, "meter": "users", "quantity": 1, "key": uuid4().hex, "at": moment}

    paused = await admin.command(made["id"], "pause", resumes_at=moment)
    [told] = (await admin.post("/v1/usage", {"events": [event]})).json()["results"]

    assert "RFC 3339" in problem_of(paused, 422, "malformed")["detail"]
    assert (told["outcome"], told["code"]) == ("refused", "malformed")
    assert "RFC 3339" in told["detail"]


async def test_a_time_may_have_fractions_and_another_offset(admin: Caller, name: str) -> None:
    at = "2026-01-01t00:00:00.123456789+02:00"
    event = {"customer": name, "meter": "users", "quantity": 1, "key": uuid4().hex, "at": at}

    [told] = (await admin.post("/v1/usage", {"events": [event]})).json()["results"]

    assert told["code"] in (None, "too_late", "in_the_future", "no_plan"), told


@pytest.mark.parametrize(
    ("given", "kept_as"),
    [("pt_BR", "pt-BR"), ("en_US.UTF-8", "en-US"), ("en-US-u-hc-h23", "en-US-u-hc-h23"), ("ZH_hant_tw", "zh-Hant-TW")],
)
async def test_a_locale_may_be_written_in_unix_form(admin: Caller, name: str, given: str, kept_as: str) -> None:
    made = await admin.signed_up(name, customer={"locale": given})

    assert made["customer"]["locale"] == kept_as


@pytest.mark.parametrize("zone", ["localtime", "Factory", "posixrules", "right/UTC", "posix/Europe/Berlin", "utc"])
async def test_a_time_zone_known_only_to_the_machine_is_rejected(
    stack: Stack, admin: Caller, name: str, zone: str
) -> None:
    answer = await admin.sign_up(name, customer={"timezone": zone})

    assert fields_of(problem_of(answer, 422, "malformed")) == {"customer.timezone"}
    async with stack.engine.connect() as connection:
        known = text("SELECT count(*) FROM customers WHERE external_id = :name")
        assert (await connection.execute(known, {"name": name})).scalar_one() == 0


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/subscriptions", "/v1/subscriptions/nonsense", "/v1/customers/kept-by-nobody/entitlements/users"),
        *(
            "/v1/customers/kept-by-nobody/entitlements/nonsense",
            "/v1/customers/kept-by-nobody",
            "/v1/nothing",
            "/readyz",
        ),
    ],
)
async def test_personal_responses_are_never_cached(admin: Caller, stranger: Caller, path: str) -> None:
    for answer in (await admin.get(path), await stranger.get(path), await admin.http.head(path)):
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


async def test_the_openapi_description_is_public(stranger: Caller) -> None:
    answer = await stranger.get("/openapi.json")

    assert "Cache-Control" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
