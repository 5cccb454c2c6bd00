"""Each API key, and each address without one, may send so many requests a second."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from starlette.requests import Request

from api.app import described_routes
from api.http.errors import RateLimited
from api.http.rates import RateLimits, RequestKind, kind_of, network_of
from domain.request_rates import RequestRate, RequestRates
from storage.access.api_keys import ApiKey, Role
from tests.api.http.both_ways import KEYS
from tests.harness.callers import problem_of
from tests.web.site import ADDRESS, an_app

SELDOM = 0.01
"""One request, and the next one after 100 seconds."""


class _Keys:
    async def verify(self, plaintext: str) -> ApiKey | None:
        return KEYS.get(plaintext)


@asynccontextmanager
async def an_api(address: str = "192.0.2.1", **rates: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = an_app()
    # Its clock stands still: a machine may be slow.
    app.state.rate_limits = RateLimits(RequestRates(**rates), described_routes(), clock=lambda: 0.0)
    app.state.repositories = replace(
        app.state.repositories, crossings=replace(app.state.repositories.crossings, keys=cast("Any", _Keys()))
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 4711))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as http:
        yield http


async def ask(http: httpx.AsyncClient, path: str = "/v1/plans", key: str | None = "service") -> httpx.Response:
    return await http.get(path, headers={"Authorization": f"Bearer {key}"} if key else {})


async def test_headers_say_what_is_left_and_then_to_wait() -> None:
    async with an_api(requests=RequestRate(SELDOM)) as http:
        allowed, refused = await ask(http), await ask(http)

    assert allowed.status_code == 200
    assert allowed.headers["RateLimit-Policy"] == refused.headers["RateLimit-Policy"] == '"key";q=1;w=100'
    assert allowed.headers["RateLimit"] == '"key";r=0;t=100'
    problem_of(refused, 429, "rate_limited")
    assert refused.headers["RateLimit"] == '"key";r=0;t=100'
    assert refused.headers["Retry-After"] == "100"


async def test_each_key_and_each_kind_of_request_has_a_rate_of_its_own() -> None:
    once = RequestRate(SELDOM)
    async with an_api(requests=once, checks=once, lists=once) as http:
        check = "/v1/customers/cut off/entitlements/runs"
        first = [await ask(http), await ask(http, check), await ask(http, "/v1/invoices"), await ask(http, key="admin")]
        again = [await ask(http), await ask(http, check), await ask(http, "/v1/invoices"), await ask(http, key="admin")]

    assert all(answer.status_code != 429 for answer in first)
    assert [answer.status_code for answer in again] == [429] * 4


async def test_keys_of_a_role_may_have_another_rate() -> None:
    async with an_api(requests=RequestRate(SELDOM, {Role.ADMIN: 50})) as http:
        answers = [(await ask(http, key=key)).headers["RateLimit-Policy"] for key in ("service", "admin")]

    assert answers == ['"key";q=1;w=100', '"key";q=50;w=1']


async def test_each_process_allows_its_share() -> None:
    async with an_api(requests=RequestRate(100), lists=RequestRate(2), replicas=4) as http:
        answers = [(await ask(http, path)).headers["RateLimit-Policy"] for path in ("/v1/plans", "/v1/invoices")]

    assert answers == ['"key";q=25;w=1', '"key";q=1;w=2']


async def test_without_a_rate_nothing_is_limited() -> None:
    async with an_api(requests=RequestRate(0)) as http:
        answers = [await ask(http) for _ in range(200)]

    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers


@pytest.mark.parametrize("key", [None, "guessed"])
async def test_an_address_without_a_valid_key_has_to_wait_and_others_need_not(key: str | None) -> None:
    async with an_api(unknown_keys=SELDOM) as http:
        first, second, valid = await ask(http, key=key), await ask(http, key="other"), await ask(http)

    problem_of(first, 401, "unauthorized")
    problem_of(second, 429, "rate_limited")
    assert second.headers["RateLimit-Policy"] == '"address";q=1;w=100'
    assert valid.status_code == 200, "a valid key behind the same address is not held up by strangers"


async def test_a_request_counts_once_however_often_its_key_is_looked_at() -> None:
    async with an_api(unknown_keys=2 * SELDOM) as http:
        http.headers["Content-Type"] = "application/json"
        answers = [await http.post("/v1/usage", content=b"{") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [401, 429]


async def test_a_refused_command_changes_nothing_and_keeps_its_key_free() -> None:
    async with an_api(requests=RequestRate(SELDOM)) as http:
        await ask(http)
        refused = await http.post(
            "/v1/subscriptions", json={}, headers={"Authorization": "Bearer service", "Idempotency-Key": "k"}
        )

    problem_of(refused, 429, "rate_limited")  # and not 503: its database does not exist


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("a socket", "a socket"),
        (None, ""),
    ],
)
def test_callers_are_told_apart_by_network(address: str | None, network: str) -> None:
    client = (address, 1) if address is not None else None
    assert network_of(Request({"type": "http", "client": client})) == network


def test_tokens_come_back_with_time() -> None:
    now = [0.0]
    limits = RateLimits(RequestRates(requests=RequestRate(2)), [], clock=lambda: now[0])

    def counted() -> float:
        try:
            limits.count({"type": "http", "method": "GET"}, "key", Role.SERVICE)
        except RateLimited as refusal:
            return refusal.retry_after
        return 0

    assert [counted() for _ in range(3)] == [0, 0, 0.5]
    now[0] += 0.5
    assert [counted() for _ in range(2)] == [0, 0.5]


def test_every_list_and_check_is_one() -> None:
    kinds: dict[RequestKind, set[str]] = {kind: set() for kind in RequestKind}
    for route in described_routes():
        if route.path.startswith("/v1/"):
            kinds[kind_of(route)].add(str(route.operation_id))

    assert {"consume", "release", "checkEntitlement", "getEntitlements", "getUsage"} == kinds[RequestKind.CHECKS]
    assert {"listSubscriptions", "listCustomers", "listInvoices"} <= kinds[RequestKind.LISTS]
    assert {"createSubscription", "listPlans", "recordUsage"} <= kinds[RequestKind.REQUESTS]
