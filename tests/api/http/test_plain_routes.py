"""A plain route answers as FastAPI does: status, headers, body, log line and measurement, whatever is sent."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import uuid4

import pytest
from fastapi import APIRouter, Header, Response
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from api.app import PLAIN_ENDPOINTS
from api.http.middleware import MAX_BODY_BYTES
from api.http.plain_routes import plain_route
from domain.entitlements.usage import Outcome, UsageVerdict
from tests.api.http.both_ways import FAILURES, Answer, Way, plain_and_described
from tests.api.http.test_any_body import BOUNDED, JSON, TEXT

ADA = "/v1/customers/ada"
CONSUME, RELEASE, CHECK = f"{ADA}/consume", f"{ADA}/release", f"{ADA}/entitlements/runs"
A_USE = {"feature": "runs", "quantity": 2, "key": "k-1"}
SERVICE = "service"


@pytest.fixture(scope="module")
def ways() -> tuple[Way, Way]:
    with pytest.MonkeyPatch.context() as patch:
        return plain_and_described(patch)


async def ask(ways: tuple[Way, Way], method: str, path: str, key: str | None = SERVICE, **request: Any) -> Answer:
    """The answer, which is the same both ways."""
    authorized = {"Authorization": f"Bearer {key}"} if key is not None else {}
    headers = {"X-Request-Id": uuid4().hex} | authorized | request.pop("headers", {})
    plain, described = [await way.ask(method, path, headers=headers, **request) for way in ways]
    assert plain == described
    assert plain.log == described.log
    return plain


def posted(body: object, **headers: str) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return {"content": content, "headers": {"Content-Type": "application/json"} | headers}


@pytest.mark.parametrize("path", [CONSUME, RELEASE])
@pytest.mark.parametrize("outcome", [*Outcome, *UsageVerdict, "k-1"])
async def test_every_outcome_reads_the_same(ways: tuple[Way, Way], path: str, outcome: str) -> None:
    for feature in ("runs", "storage", "seats", "posts", "posts_a_day", "jobs"):
        await ask(ways, "POST", path, **posted({"feature": feature, "key": outcome}))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"feature": "runs", "key": "k"}, 200, id="the least"),
        pytest.param({"feature": "export", "key": "k"}, 403, id="a switch"),
        pytest.param({"feature": "models", "key": "k", "value": "basic"}, 200, id="a value"),
        pytest.param({"feature": "models", "key": "k", "value": "basik"}, 422, id="a misspelt value"),
        pytest.param({"feature": "run", "key": "k"}, 404, id="an unknown feature"),
        pytest.param({"feature": "runs"}, 422, id="no key"),
        pytest.param({"feature": "runs", "key": None, "quantity": None}, 422, id="nulls"),
        pytest.param({"key": "k"}, 422, id="no feature"),
        pytest.param({"feature": "runs", "key": "k", "quantity": "2"}, 422, id="a number as text"),
        pytest.param({"feature": "runs", "key": "k", "quantity": 1.0}, 422, id="a float"),
        pytest.param({"feature": "runs", "key": "k", "quantity": True}, 422, id="a boolean"),
        pytest.param({"feature": "runs", "key": "k", "quantity": 0}, 422, id="nothing"),
        pytest.param({"feature": "runs", "key": "k", "quantity": 2**70}, 422, id="too much"),
        pytest.param({"feature": "", "key": "", "quantity": -1, "more": 1}, 422, id="several mistakes"),
        pytest.param({"feature": "runs", "key": "k\u0000"}, 422, id="a control character"),
        pytest.param({"feature": "a\ud83d", "key": "k\ud83d"}, 422, id="half a character"),
        pytest.param([A_USE], 422, id="a list"),
        pytest.param("runs", 422, id="text"),
        pytest.param(None, 422, id="null"),
        pytest.param({}, 422, id="an empty object"),
        pytest.param(b"", 422, id="no body"),
        pytest.param(b" ", 422, id="whitespace"),
        pytest.param(b'{"feature": "runs",}', 422, id="no JSON"),
        pytest.param(b'{"feature": "runs", "feature": "runs"}', 422, id="a duplicate name"),
        pytest.param(b'{"feature": "runs", "quantity": NaN}', 422, id="not a number"),
        pytest.param(b'{"feature": "runs", "quantity": 1' + b"0" * 5000 + b"}", 422, id="thousands of digits"),
        pytest.param(b'{"feature": "\xff"}', 422, id="not UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", 422, id="a byte order mark"),
        pytest.param('{"feature": "runs", "key": "k"}'.encode("utf-16"), 200, id="UTF-16"),
        pytest.param(b"[" * 100_000, 422, id="nested too deeply"),
        pytest.param(b" " * (MAX_BODY_BYTES + 1), 413, id="too large"),
    ],
)
async def test_every_body_is_answered_the_same(ways: tuple[Way, Way], body: object, status: int) -> None:
    assert (await ask(ways, "POST", CONSUME, **posted(body))).status == status
    await ask(ways, "POST", RELEASE, **posted(body))
    for key in (None, "unknown", "read_only"):
        refused = await ask(ways, "POST", CONSUME, key=key, **posted(body))
        assert refused.status in ((413,) if status == 413 else (401, 403, 415, 422))
        assert key == "read_only" or refused.status in (401, 413), "without a key, nothing is told about the body"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Content-Type": "text/plain"}, id="not JSON"),
        pytest.param({"Content-Type": ""}, id="of no type"),
        pytest.param({"Content-Type": " "}, id="of a blank type"),
        pytest.param({"Content-Type": "; charset=utf-8"}, id="of a charset alone"),
        pytest.param({"Content-Type": "Application/JSON; charset=utf-8"}, id="in capitals"),
        pytest.param({"Content-Type": "application/problem+json"}, id="a kind of JSON"),
        pytest.param({"Content-Type": "application/a/b+json"}, id="no type at all"),
        pytest.param({"Content-Type": "application/json, text/plain"}, id="two types"),
        pytest.param({"Content-Encoding": "gzip"}, id="encoded"),
        pytest.param({"Content-Length": str(MAX_BODY_BYTES + 1)}, id="too large, as it says"),
        pytest.param({"Idempotency-Key": "k-2"}, id="a key beside that of the body"),
        pytest.param({"Idempotency-Key": "é".encode().decode("latin-1")}, id="a key that is no ASCII"),
        pytest.param({"X-Request-Id": "<script>"}, id="a bad request id"),
        pytest.param({"Authorization": "Basic c2VydmljZQ=="}, id="another scheme"),
        pytest.param({"Authorization": "bearer  service "}, id="a scheme in small letters"),
        pytest.param({"Authorization": "Bearer"}, id="a scheme alone"),
    ],
)
async def test_every_header_is_answered_the_same(ways: tuple[Way, Way], headers: dict[str, str]) -> None:
    asked = posted(A_USE, **{name: value.encode("latin-1") for name, value in headers.items()})  # type: ignore[arg-type]
    if headers.get("X-Request-Id"):
        answers = [await way.ask("POST", CONSUME, **asked) for way in ways]
        assert {len(one.headers["x-request-id"]) for one in answers} == {32}
    else:
        await ask(ways, "POST", CONSUME, **asked)


async def test_the_key_may_come_in_the_header(ways: tuple[Way, Way]) -> None:
    for key in ("", "k-1", "limit_reached", "k" * 256):
        for path in (CONSUME, RELEASE):
            await ask(ways, "POST", path, **posted({"feature": "runs"}, **{"Idempotency-Key": key}))


@pytest.mark.parametrize("key", [None, "unknown", "admin", "operator", "service", "read_only"])
async def test_every_role_may_do_the_same(ways: tuple[Way, Way], key: str | None) -> None:
    for path in (CONSUME, RELEASE):
        await ask(ways, "POST", path, key=key, **posted(A_USE))
    await ask(ways, "GET", CHECK, key=key)


@pytest.mark.parametrize(
    "query",
    [
        "?quantity=5",
        "?quantity=0",
        "?quantity=",
        "?quantity=5.0",
        "?quantity=five&value=",
        "?quantity=1&quantity=2",
        "?quantity=99999999999999999999",
        "?value=basic",
        "?value=a&value=b",
        "?value=%ff",
        "?value=a%00",
        "?unknown=1",
        "?",
    ],
)
async def test_every_query_is_answered_the_same(ways: tuple[Way, Way], query: str) -> None:
    for feature in ("runs", "models", "export", "posts", "run", "r%20uns", "r" * 200, "%00"):
        await ask(ways, "GET", f"{ADA}/entitlements/{feature}{query}")


@pytest.mark.parametrize(
    "customer",
    [*FAILURES, "user-1815", "a/b", "a%2Fb", "a/consume", "%C3%A9", "%FF", "%00", "a%20b", "%20", "", "/", "x" * 300],
)
async def test_every_customer_is_answered_the_same(ways: tuple[Way, Way], customer: str) -> None:
    for path in (f"/v1/customers/{customer}/consume", f"/v1/customers/{customer}/release"):
        await ask(ways, "POST", path, **posted(A_USE))
        await ask(ways, "POST", path, **posted({"feature": ""}))
    await ask(ways, "GET", f"/v1/customers/{customer}/entitlements/runs")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
@pytest.mark.parametrize("path", [CONSUME, RELEASE, CHECK, f"{CONSUME}/", f"{CHECK}/", f"/mount{CONSUME}"])
async def test_every_method_is_answered_the_same(ways: tuple[Way, Way], method: str, path: str) -> None:
    await ask(ways, method, path)
    await ask(ways, method, path, key=None)


async def test_a_body_without_a_length_is_limited_the_same(ways: tuple[Way, Way]) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * (MAX_BODY_BYTES // 16)

    plain, described = [
        await way.ask(
            "POST", CONSUME, content=chunks(), headers={"X-Request-Id": "same", "Authorization": "Bearer service"}
        )
        for way in ways
    ]

    assert plain == described
    assert plain.status == 413


@given(body=JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("feature", "quantity", "key", "value"), JSON)))
@BOUNDED
async def test_any_json_is_answered_the_same(ways: tuple[Way, Way], body: object) -> None:
    for path in (CONSUME, RELEASE):
        await ask(ways, "POST", path, **posted(body))


@given(body=st.binary(max_size=30) | TEXT.map(lambda some: some.encode(errors="surrogatepass")))
@BOUNDED
async def test_any_bytes_are_answered_the_same(ways: tuple[Way, Way], body: bytes) -> None:
    await ask(ways, "POST", CONSUME, **posted(body))


async def test_every_request_is_measured_the_same(ways: tuple[Way, Way]) -> None:
    for method, path in (("POST", CONSUME), ("POST", RELEASE), ("GET", CHECK), ("HEAD", CHECK), ("DELETE", CHECK)):
        await ask(ways, method, path)
    plain, described = [way.measured() for way in ways]

    assert plain == described
    assert any('route="/v1/customers/{external_id:path}/consume"' in line for line in plain)


async def test_the_plain_routes_are_those_of_the_endpoints_that_are_called_all_the_time(ways: tuple[Way, Way]) -> None:
    assert {one.__name__ for one in PLAIN_ENDPOINTS} == {"consume", "release", "entitlement"}


def test_an_endpoint_that_only_fastapi_can_read_has_no_plain_route() -> None:
    router = APIRouter()

    @router.get("/")
    async def endpoint(agent: Annotated[str, Header()]) -> Response:
        return Response(agent)

    [route] = router.routes
    assert isinstance(route, APIRoute)
    with pytest.raises(TypeError, match="agent"):
        plain_route(route)
