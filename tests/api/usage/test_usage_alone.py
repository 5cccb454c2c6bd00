"""Checks and consumption need only the database, and are current as soon as a command has returned."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from gateways.stripe.http_client import connected
from gateways.stripe.provider import stripe_provider
from sandbox.processes import free_port
from sandbox.stack import Stack
from tests.api.messages import an_api
from tests.harness.callers import Caller, problem_of


@pytest.fixture
async def cut_off(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """An API that can reach neither Temporal nor Stripe."""
    nowhere = await Client.connect(f"127.0.0.1:{free_port()}", lazy=True)
    async with (
        connected("sk_test_of_nobody", f"http://127.0.0.1:{free_port()}") as stripe,
        an_api(stack, stripe_provider(stripe), nowhere) as http,
    ):
        http.headers["Authorization"] = f"Bearer {stack.addresses.admin_key}"
        yield http


async def test_checks_and_consumption_work_without_temporal_and_stripe(
    cut_off: httpx.AsyncClient, admin: Caller, name: str
) -> None:
    made = await admin.signed_up(name)
    at = f"/v1/customers/{name}"
    withdrawn = await cut_off.post(f"/v1/subscriptions/{made['id']}/cancel", json={}, headers={"Idempotency-Key": name})
    assert withdrawn.status_code == 503, "commands need Temporal"

    check = (await cut_off.get(f"{at}/entitlements/storage_gb")).json()
    # The customer is to be notified: that waits, the response does not.
    used = await cut_off.post(f"{at}/consume", json={"feature": "storage_gb", "quantity": 9, "key": f"{name}-1"})
    refused = await cut_off.post(f"{at}/consume", json={"feature": "storage_gb", "quantity": 9, "key": f"{name}-2"})
    released = await cut_off.post(f"{at}/release", json={"feature": "storage_gb", "quantity": 4, "key": f"{name}-3"})
    batch = {"customer": name, "meter": "storage_gb", "quantity": 1, "key": f"{name}-4"}
    recorded = await cut_off.post("/v1/usage", json={"events": [batch]})

    assert (check["allowed"], check["limit"]) == (True, 10)
    assert (used.status_code, used.json()["used"]) == (200, 9)
    problem_of(refused, 429, "limit_reached")
    assert (released.status_code, released.json()["used"]) == (200, 5)
    assert (recorded.status_code, recorded.json()["results"][0]["used"]) == (200, 6)
    for path in ("entitlements", "usage", "usage/storage_gb"):
        assert (await cut_off.get(f"{at}/{path}")).status_code == 200


async def entitled(caller: Caller, customer: str) -> dict[str, Any]:
    found = (await caller.get(f"/v1/customers/{customer}/entitlements")).json()
    has = found["entitlements"]
    return {
        "plan": found["plan"] and found["plan"]["code"],
        "basis": found["basis"],
        "users": has["users"]["limit"],
        "custom_fields": has["custom_fields"]["allowed"],
        "may": (await caller.get(f"/v1/customers/{customer}/entitlements/users", quantity=3)).json()["allowed"],
    }


async def test_the_next_check_sees_the_effect_of_a_command(admin: Caller, name: str) -> None:
    made = await admin.signed_up(name, trial_days=0, payment_method="pm_card_visa")

    async def after(command: str, **body: Any) -> dict[str, Any]:
        answer = await admin.command(made["id"], command, **body)
        assert answer.status_code == 200, answer.text
        return await entitled(admin, name)

    starter = {"plan": "starter", "basis": "plan", "users": 3, "custom_fields": False, "may": True}
    nothing = {"plan": None, "basis": "nothing", "users": 0, "custom_fields": False, "may": False}
    assert await entitled(admin, name) == starter
    assert await after("change-plan", add_ons={"users": 2}, when="now") == starter | {"users": 5}
    upgraded = starter | {"plan": "professional", "users": 27, "custom_fields": True}
    assert await after("change-plan", plan="professional") == upgraded
    assert await after("suspend", reason="chargeback") == nothing
    assert await after("reactivate", reason="settled") == upgraded
    assert await after("pause") == nothing
    assert await after("resume") == upgraded
    # A downgrade takes effect at the end of the period: until then the customer has what was paid for.
    assert await after("change-plan", plan="starter", add_ons={}) == upgraded
    assert await after("cancel", at="now") == nothing
