"""An error names the request that it belongs to, and where its code is explained, whoever answers it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest

from api.http.error_codes import ERROR_CODES
from api.http.errors import response_to
from api.http.middleware import MAX_BODY_BYTES
from domain.errors import GatewayRefused, GatewayUnavailable
from tests.web.site import ADDRESS, a_browser, an_app

KEY = {"Authorization": "Bearer tn_live_nobody"}
NAMED = {"X-Request-Id": "request-1"}


class _Fails:
    """Keys that cannot be looked up."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def verify(self, _plaintext: str) -> None:
        raise self._error


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with a_browser(None, **NAMED) as browser:
        yield browser


def check(answer: httpx.Response, status: int, code: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert problem["request_id"] == answer.headers["X-Request-Id"] == "request-1"
    assert problem["type"] == f"{ADDRESS}/docs/errors#{code}"


@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "code"),
    [
        pytest.param("GET", "/nothing", {}, 404, "not_found", id="no such path"),
        pytest.param("DELETE", "/v1/plans", {}, 405, "method_not_allowed", id="another method"),
        pytest.param("GET", "/v1/plans", {}, 401, "unauthorized", id="no key"),
        pytest.param("POST", "/v1/customers/ada/consume", {"json": {}}, 401, "unauthorized", id="a plain route"),
        pytest.param(
            "POST", "/v1/usage", {"content": b"x" * (MAX_BODY_BYTES + 1)}, 413, "too_large", id="announced as too large"
        ),
    ],
)
async def test_every_layer_names_the_request(
    http: httpx.AsyncClient, method: str, path: str, request_: dict[str, Any], status: int, code: str
) -> None:
    check(await http.request(method, path, **request_), status, code)


@pytest.mark.parametrize("path", ["/v1/plans", "/v1/customers/ada/entitlements/runs"])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (GatewayUnavailable("db at 10.0.0.1", code="database_unavailable"), 503, "database_unavailable"),
        (RuntimeError("a bug of ours"), 500, "internal_error"),
    ],
    ids=["an outage", "a bug"],
)
async def test_outages_and_bugs_name_the_request(path: str, error: Exception, status: int, code: str) -> None:
    app = an_app()
    app.state.repositories = replace(
        app.state.repositories, crossings=replace(app.state.repositories.crossings, keys=cast("Any", _Fails(error)))
    )
    async with a_browser(app, **NAMED) as http:
        check(await http.get(path, headers=KEY), status, code)


async def test_a_request_without_an_id_is_given_one(http: httpx.AsyncClient) -> None:
    del http.headers["X-Request-Id"]
    answer = await http.get("/nothing")

    assert len(answer.json()["request_id"]) == 32
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


async def test_every_code_is_explained_where_the_type_of_its_problem_leads(http: httpx.AsyncClient) -> None:
    address, _, _ = (await http.get("/nothing")).json()["type"].partition("#")
    page = await http.get(address)

    assert page.headers["Content-Type"].startswith("text/html")
    assert [code for code in ERROR_CODES if f'id="{code}"' not in page.text] == []
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_code_of_the_providers_own_is_told_beside_ours() -> None:
    answer = response_to(GatewayRefused("no such coupon", code="coupon_expired"))

    assert answer is not None
    assert b'"code":"gateway_refused"' in answer.body
    assert b'"provider_code":"coupon_expired"' in answer.body
