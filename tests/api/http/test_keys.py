"""API keys and what their roles allow."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from sandbox.stack import Stack
from storage.access.api_keys import ApiKeys, Role
from tests.harness.callers import Caller, a_sign_up, problem_of, written, written_at_rest

BODIES: dict[str, dict[str, Any]] = {
    "suspend": {"reason": "chargeback"},
    "reactivate": {"reason": "settled"},
    "extend-trial": {"days": 7, "reason": "holidays"},
}


@pytest.fixture(scope="module", params=[Role.READ_ONLY, Role.SERVICE, Role.OPERATOR])
async def of_role(stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Role, Caller]]:
    async with Caller.of_role(stack, request.param) as caller:
        yield request.param, caller


@pytest.mark.parametrize("path", ["/v1/subscriptions", "/v1/plans", "/v1/invoices", "/v1/subscriptions/none"])
async def test_nothing_is_readable_without_a_key(stranger: Caller, path: str) -> None:
    answer = await stranger.get(path)

    problem_of(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "authorization",
    ["Bearer tn_live_wrong", "Bearer", "Basic {key}", "{key}", "Token {key}", "Bearer {key}x"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_wrong_or_wrongly_sent_key_is_rejected(
    stack: Stack, stranger: Caller, method: str, authorization: str
) -> None:
    headers = {"Authorization": authorization.format(key=stack.addresses.admin_key)}

    answer = await stranger.http.request(method, "/v1/subscriptions", headers=headers)

    problem_of(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_sign_up_without_a_key_writes_nothing(stack: Stack, stranger: Caller, name: str) -> None:
    before = await written_at_rest(stack, "customers", "idempotency_keys")

    problem_of(await stranger.sign_up(name), 401, "unauthorized")

    assert await written(stack.engine, "customers", "idempotency_keys") == before


async def test_a_revoked_key_is_rejected(stack: Stack) -> None:
    keys = ApiKeys(stack.engine)
    secret = await keys.create(Role.ADMIN, "to be revoked")
    known = await keys.verify(secret)
    assert known is not None
    await keys.revoke(known.id)

    async with Caller.holding(stack, secret) as caller:
        problem_of(await caller.get("/v1/plans"), 401, "unauthorized")
        problem_of(await caller.post("/v1/subscriptions", {}), 401, "unauthorized")


async def test_every_role_may_read(of_role: tuple[Role, Caller], admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    _, caller = of_role

    for path in ("", f"/{made['id']}", f"/{made['id']}/timeline"):
        assert (await caller.get(f"/v1/subscriptions{path}")).status_code == 200
    assert (await caller.get("/v1/plans")).status_code == 200
    assert (await caller.get("/v1/invoices")).status_code == 200


async def test_a_read_only_key_cannot_change_anything(stack: Stack, admin: Caller, name: str) -> None:
    made = await admin.signed_up(name)
    async with Caller.of_role(stack, Role.READ_ONLY) as reader:
        before = await written_at_rest(stack)
        problem = problem_of(await reader.post("/v1/subscriptions", a_sign_up(f"{name}-2")), 403, "forbidden")
        assert "read_only" in problem["detail"]
        problem_of(await reader.command(made["id"], "cancel"), 403, "forbidden")
        problem_of(await reader.post("/v1/checkout-sessions", {"subscription": made["id"]}), 403, "forbidden")

        assert await written(stack.engine) == before
    assert await admin.subscription(made["id"]) == made


@pytest.mark.parametrize("command", list(BODIES))
async def test_overriding_requires_an_operator(stack: Stack, admin: Caller, name: str, command: str) -> None:
    made = await admin.signed_up(name)
    if command == "reactivate":
        assert (await admin.command(made["id"], "suspend", reason="chargeback")).status_code == 200
    before = await admin.subscription(made["id"])
    async with Caller.of_role(stack, Role.SERVICE) as service, Caller.of_role(stack, Role.OPERATOR) as operator:
        refused = await service.command(made["id"], command, **BODIES[command])
        problem_of(refused, 403, "forbidden")
        assert await admin.subscription(made["id"]) == before

        done = await operator.command(made["id"], command, **BODIES[command])
        assert done.status_code == 200, done.text
    past = (await admin.get(f"/v1/subscriptions/{made['id']}/timeline")).json()["past"]
    ordered = [entry["cause"]["actor"] for entry in past if entry["cause"]["kind"] == "command"]
    assert ordered[-1].startswith("operator ")


async def test_a_service_may_sign_up_and_control(stack: Stack, name: str) -> None:
    async with Caller.of_role(stack, Role.SERVICE) as service:
        made = await service.signed_up(name)

        assert (await service.command(made["id"], "cancel")).status_code == 200


async def test_a_tenant_cannot_see_anothers_subscriptions(
    stack: Stack, alone: Caller, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name)
    path = f"/v1/subscriptions/{made['id']}"

    problem_of(await alone.get(path), 404, "unknown_subscription")
    problem_of(await alone.get(f"{path}/timeline"), 404, "unknown_subscription")
    problem_of(await alone.command(made["id"], "cancel", at="now"), 404, "unknown_subscription")
    checkout = await alone.post("/v1/checkout-sessions", {"subscription": made["id"]})
    problem_of(checkout, 404, "unknown_subscription")
    problem_of(await alone.post("/v1/checkout-sessions", {"customer": name}), 404, "unknown_customer")
    assert (await alone.get("/v1/subscriptions")).json() == {"data": [], "next_cursor": None}
    assert await admin.subscription(made["id"]) == made
